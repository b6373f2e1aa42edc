"""A table of a calendar file that knows where it stands, so that a fault can be told to the person who edits it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from tradewarden.machines.toml_lines import lines_of


class CalendarError(ValueError):
    """Calendar files cannot be used; one sentence a fault says which file and line, which key and what is allowed."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@contextmanager
def gathered(faults: list[str]) -> Iterator[None]:
    """Keep the faults of this part and go on with the next."""
    try:
        yield
    except CalendarError as error:
        faults.extend(error.problems)


class Table:
    """One table of one file."""

    def __init__(self, file: str, text: str, path: str, content: dict[str, Any]) -> None:
        self.file, self.path, self.content = file, path, content
        self._text = text

    def place(self, key: str) -> str:
        """Where the key stands, for a sentence."""
        line = self._line(key)
        return f"in line {line}" if line else "above"

    def fault(self, key: str, wrong: str) -> CalendarError:
        """What is wrong with the key, with its file and line."""
        line = self._line(key)
        return CalendarError(f"{self.file}:{f'{line}:' if line else ''} {self._path(key)}: {wrong}")

    def _path(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path and key else self.path or key

    def _line(self, key: str) -> int | None:
        """The line of the key, or of the table that lacks it; none for a file without text."""
        lines = lines_of(self._text)
        return lines.get(self._path(key)) or lines.get(self.path)

    def only(self, *known: str) -> None:
        """Refuse every other key: a typing error must not pass as an absent key."""
        for key in self.content:
            if key not in known:
                raise self.fault(key, f"unknown key; known: {', '.join(known)}")

    def value(self, key: str, kind: type, wanted: str) -> Any:
        """The key's value, which must be of this kind and not empty."""
        if key not in self.content:
            raise self.fault(key, f"missing; wanted: {wanted}")
        value = self.content[key]
        if type(value) is not kind or value in ("", [], {}):
            raise self.fault(key, f"{value!r} is not {wanted}")
        return value

    def text(self, key: str) -> str:
        """The key's text."""
        return str(self.value(key, str, "a text in quotes"))

    def day(self, key: str) -> date:
        """The key's date."""
        day: date = self.value(key, date, "a date such as 2026-12-31, without quotes")
        return day

    def second(self, key: str) -> int:
        """The key's time of day, in seconds after midnight."""
        text = self.text(key)
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d|24:00", text, re.ASCII):
            raise self.fault(key, f"{text!r} is not a time of day such as 09:15, at most 24:00")
        return int(text[:2]) * 3600 + int(text[3:]) * 60

    def choice(self, key: str, allowed: tuple[str, ...]) -> str:
        """The key's word, one of these."""
        value = self.text(key)
        if value not in allowed:
            raise self.fault(key, f"{value!r} is not one of {', '.join(allowed)}")
        return value

    def tables(self, key: str) -> list[Table]:
        """The tables of an array."""
        found = self.content.get(key, [])
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise self.fault(key, f"is not a list of tables; write [[{self._path(key)}]]")
        path = self._path(key)
        return [Table(self.file, self._text, f"{path}[{index}]", each) for index, each in enumerate(found)]

    def table(self, key: str) -> Table:
        """The table under this key."""
        found = self.content.get(key, {})
        if not isinstance(found, dict):
            raise self.fault(key, f"{found!r} is not a table")
        return Table(self.file, self._text, self._path(key), found)
