"""A person's terminal: lines that are painted over in place; plain lines for a file, a pipe or a dumb terminal."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TextIO

COLOURS: Final = MappingProxyType({"pass": "32", "warn": "33", "fail": "31", "soft": "2"})
_UP: Final = "\x1b[{}A"
_CLEAR: Final = "\x1b[2K\r"
_REST: Final = "\x1b[J"
# What moves the cursor, orders the terminal about, or turns the direction of reading: some texts are programs' own.
_ORDERS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Line:
    """A line with a sign in front, which alone is coloured: pass, warn, fail or soft."""

    text: str
    sign: str = ""
    tone: str = ""


class Screen:
    """Where a command shows how things stand. What it shows can be replaced until something is said below it."""

    def __init__(self, out: TextIO, environment: Mapping[str, str] = os.environ) -> None:
        self._out = out
        self.is_live = out.isatty() and environment.get("TERM", "dumb") != "dumb"
        self._has_colours = self.is_live and not environment.get("NO_COLOR")
        self._shown = 0

    @property
    def columns(self) -> int | None:
        """How many characters a line beside its sign may have; as many as there are on paper."""
        return shutil.get_terminal_size().columns - 3 if self.is_live else None

    def show(self, lines: Sequence[Line]) -> None:
        """Paint these lines over those shown last; on paper, below them."""
        if not self.is_live:
            self.say(*lines)
            return
        columns, rows = shutil.get_terminal_size()
        whole = list(lines) if len(lines) < rows else [*lines[: rows - 2], Line(f"… and {len(lines) - rows + 2} more")]
        back = _UP.format(self._shown) if self._shown else ""
        text = "".join(f"{_CLEAR}{self._painted(line, columns)}\n" for line in whole)
        self._out.write(f"{back}{text}{_REST}")
        self._out.flush()
        self._shown = len(whole)

    def say(self, *lines: Line | str) -> None:
        """Lines that stay; what was shown above them stays too."""
        for line in lines:
            self._out.write(f"{self._painted(line, None) if isinstance(line, Line) else line}\n")
        self._out.flush()
        self._shown = 0

    def _painted(self, line: Line, columns: int | None) -> str:
        text = _ORDERS.sub("?", line.text)
        if columns is not None:
            room = max(1, columns - 1 - (len(line.sign) + 1 if line.sign else 0))
            text = text if len(text) <= room else f"{text[: room - 1]}…"
        return f"{self.tint(line.sign, line.tone)} {text}" if line.sign else self.tint(text, line.tone)

    def tint(self, text: str, tone: str) -> str:
        """The text in a colour, where there are colours."""
        code = COLOURS.get(tone, tone)
        return f"\x1b[{code}m{text}\x1b[0m" if code and text and self._has_colours else text
