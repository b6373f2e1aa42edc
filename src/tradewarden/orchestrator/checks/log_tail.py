"""What is new in a service's log: lines that nobody has seen yet, over rotations too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from tradewarden.orchestrator.log_files import Files

SLICE: Final = 256 * 1024  # bytes that are read at once
LINES: Final = 2000  # that are looked back through at once
STAMPED: Final = 27  # bytes of a stamp
LATEST: Final = b"9999"  # later than any stamp


_File = tuple[int, bytes]  # its number and its first stamp


class LogTail:
    """One NAME.log and how far it has been read; nothing of it is held open."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._file: _File | None = None
        self._at = 0  # bytes of it that were read
        self._newest = b""  # stamp of the newest line that was told
        self._latest = LATEST
        self.is_whole = True  # the last look back met a line that is older than what it looked for

    def begin(self, since: bytes, latest: bytes) -> None:
        """Forget what was seen: of what is there, lines count that have the first stamp, the second, or one between."""
        self._file, self._newest, self._latest = None, since, latest

    def fresh(self) -> Iterator[list[bytes]]:
        """Whole lines by the handful, what they say without stamp and name; stop asking whenever you like.

        Raises OSError when the log cannot be read.
        """
        try:
            with self._log.open("rb") as file:
                # The first stamp too: a file that is compressed and removed leaves its number to the next one.
                found = os.fstat(file.fileno()).st_ino, file.read(STAMPED)
                if self._file == found:
                    yield from self._onward(file)
                else:
                    self._file = found
                    yield from self._back(file, found[0])
        except FileNotFoundError:
            # It has written nothing, or its log is being rotated this very moment: whatever comes, comes after this.
            self._latest = LATEST

    def _onward(self, file: IO[bytes]) -> Iterator[list[bytes]]:
        """What has been added; a slice without an end of a line is one long line, told in pieces."""
        file.seek(self._at)
        while block := file.read(SLICE):
            end = block.rfind(b"\n") + 1
            if not end and len(block) < SLICE:
                return
            self._at += end or SLICE
            yield self._told(block[: end or SLICE].splitlines())
            file.seek(self._at)

    def _back(self, file: IO[bytes], inode: int) -> Iterator[list[bytes]]:
        """A file that is new to us: from its end back to the last line that we know, through the older files too."""
        since, self._at = self._newest, _end_of_lines(file)
        (some, later), self._latest = (list[bytes](), self._latest), LATEST
        self.is_whole = False
        for line in Files(self._log.parent, self._log.stem, upto=(inode, self._at)).backwards():
            if not since <= line[:STAMPED] <= later:  # the latter: the clock was put back, and this was before that
                self.is_whole = True
                break
            later = line[:STAMPED]
            some.append(line)
            if len(some) == LINES:
                yield self._told(some)
                some = []
        yield self._told(some)

    def _told(self, lines: list[bytes]) -> list[bytes]:
        self._newest = max([self._newest, *(line[:STAMPED] for line in lines[:: max(1, len(lines) - 1)])])
        return [line[STAMPED + 1 :].partition(b" ")[2] for line in lines]


def _end_of_lines(file: IO[bytes]) -> int:
    """Behind the last line that is whole."""
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - SLICE)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
