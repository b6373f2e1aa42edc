"""Numbers that the journal never gave, since a store had them already: nobody who finds them absent misses anything."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

FILE: Final = "left_out.jsonl"  # in the journal's directory, a line a stretch: [first, last]


def leave_out(directory: Path, first: int, last: int) -> None:
    """Remember that these were not given. Raises OSError."""
    line = json.dumps([first, last]) + "\n"
    fd = os.open(directory / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, line.encode())
    finally:
        os.close(fd)


def given(directory: Path, first: int, last: int) -> int:
    """How many of these numbers the journal has given."""
    return last - first + 1 - sum(max(0, min(last, end) - max(first, begin) + 1) for begin, end in _all(directory))


def _all(directory: Path) -> list[tuple[int, int]]:
    try:
        lines = (directory / FILE).read_bytes().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            first, last = json.loads(line)
        except (ValueError, TypeError):
            continue  # the last line of a machine that went down
        if type(first) is int and type(last) is int:
            found.append((first, last))
    return found
