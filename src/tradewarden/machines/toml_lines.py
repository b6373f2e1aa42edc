"""Where in a TOML text each key and table stands, which tomllib does not tell: for a person who must mend the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""+'  # strings over several lines first: their quotes begin like the others
    r"|'''.*?'''+"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|\n"
    r"|[\[\]{}=,.]"
    r"|[^\s\[\]{}=,.\"'\#]+",
    re.DOTALL,
)
_END = _NEWLINE = "\n"


class _Token(NamedTuple):
    text: str
    line: int


def lines_of(text: str) -> dict[str, int]:
    """Path to line, as in `rules[2].phases[0].from`; the text must be valid TOML."""
    return _Scan(text).lines


class _Scan:
    """One pass over valid TOML. It trusts tomllib for everything but the places."""

    def __init__(self, text: str) -> None:
        self.lines: dict[str, int] = {}
        self._many: dict[str, int] = {}  # how many tables of an array have begun
        self._tokens = _tokens(text)
        self._now = _Token(_END, 1)
        self._step()
        table = ""
        while self._now.text:
            if self._now.text == _NEWLINE:
                self._step()
            elif self._now.text == "[":
                table = self._header()
            else:
                self._pair(table)

    def _step(self) -> _Token:
        """The present token, leaving it behind; an empty one stands at the end."""
        passed = self._now
        self._now = next(self._tokens, _Token("", passed.line))
        return passed

    def _header(self) -> str:
        line = self._step().line
        array = self._now.text == "["
        if array:
            self._step()
        *outer, last = self._key("]")
        while self._now.text == "]":
            self._step()
        path = self._inside(outer)
        path = f"{path}.{last}" if path else last
        if array:
            self._many[path] = self._many.get(path, 0) + 1
        path = self._current(path)
        self.lines[path] = line
        return path

    def _pair(self, table: str) -> None:
        line = self._now.line
        path = ".".join(filter(None, (table, *self._key("="))))
        self._step()
        self.lines[path] = line
        self._value(path)

    def _key(self, end: str) -> list[str]:
        parts = []
        while self._now.text not in (end, ""):
            part = self._step().text
            if part != ".":
                parts.append(part[1:-1] if part[0] in "\"'" else part)
        return parts

    def _value(self, path: str) -> None:
        if self._now.text == "[":
            self._array(path)
        elif self._now.text == "{":
            self._inline(path)
        else:
            while self._now.text not in (",", "]", "}", _NEWLINE, ""):
                self._step()

    def _array(self, path: str) -> None:
        self._step()
        index = 0
        while self._now.text not in ("]", ""):
            if self._now.text in (",", _NEWLINE):
                self._step()
                continue
            self.lines[f"{path}[{index}]"] = self._now.line
            self._value(f"{path}[{index}]")
            index += 1
        self._step()

    def _inline(self, path: str) -> None:
        self._step()
        while self._now.text not in ("}", ""):
            if self._now.text in (",", _NEWLINE):
                self._step()
                continue
            self._pair(path)
        self._step()

    def _inside(self, parts: list[str]) -> str:
        path = ""
        for part in parts:
            path = self._current(f"{path}.{part}" if path else part)
        return path

    def _current(self, path: str) -> str:
        return f"{path}[{self._many[path] - 1}]" if path in self._many else path


def _tokens(text: str) -> Iterator[_Token]:
    line, seen = 1, 0
    for found in _TOKEN.finditer(text.replace("\r\n", "\n")):
        line, seen = line + found.string.count("\n", seen, found.start()), found.start()
        if not found[0].startswith("#"):
            yield _Token(found[0], line)
