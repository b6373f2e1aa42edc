"""A terminal to look at, and paper."""

from __future__ import annotations

import io
import re

from tradewarden.screen import Screen

TERM = {"TERM": "xterm"}
CODES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Glass(io.StringIO):
    """A terminal as a program sees it: what was written, and what is on the glass now."""

    def isatty(self) -> bool:
        return True

    def shown(self) -> list[str]:
        """The lines that a person sees, without colours."""
        lines: list[str] = []
        row = 0
        for part in re.split(r"(\x1b\[\d*[AJK]|\n|\r)", self.getvalue()):
            if up := re.fullmatch(r"\x1b\[(\d+)A", part):
                row -= int(up[1])
            elif part == "\x1b[J":
                del lines[row:]
            elif part == "\x1b[2K":
                lines[row : row + 1] = [""]
            elif part == "\n":
                row += 1
            elif part not in ("", "\r"):
                lines += [""] * (row + 1 - len(lines))
                lines[row] += CODES.sub("", part)
        return [line.rstrip() for line in lines]


def glass(**environment: str) -> tuple[Screen, Glass]:
    """A screen on a terminal."""
    out = Glass()
    return Screen(out, TERM | environment), out


def paper() -> tuple[Screen, io.StringIO]:
    """A screen on a file."""
    out = io.StringIO()
    return Screen(out, TERM), out
