"""What services say from now on: each look reads what has come since the last one, over rotations, and no more."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tradewarden.orchestrator.log_files import Place
from tradewarden.orchestrator.log_line import LogLine, read_line

AT_ONCE: Final = 256 * 1024  # bytes of one service that one look reads, at most
AT_ONCE_OF_ALL: Final = 2 << 20
_AT_LEAST: Final = 16 * 1024  # so much of each, however many they are: a line is never longer
BEHIND: Final = 4 << 20  # bytes a reader may be behind; what is older is skipped, and told
_ROTATED: Final = 100  # files among which the one that we were reading is looked for


@dataclass(slots=True)
class _Open:
    """The file that is being read."""

    descriptor: int
    inode: int
    offset: int


class Follower:
    """Follows the logs of some services; its memory is one block, however much they say."""

    def __init__(self, directory: Path, services: Sequence[str]) -> None:
        self._directory = directory
        self._open: dict[str, _Open | None] = {}
        self._reading = threading.Lock()  # it is read in a thread, and closed by another
        self._at_once = max(_AT_LEAST, min(AT_ONCE, AT_ONCE_OF_ALL // max(1, len(services))))
        self.skipped: dict[str, int] = {}  # bytes, by service, since somebody last took them
        for name in services:
            self._open[name] = opened = _opened(self._path(name))
            if opened is not None:
                opened.offset = _line_end(opened)

    def places(self) -> dict[str, Place]:
        """Where it begins: what lies before is for a tail."""
        return {name: (0, 0) if file is None else (file.inode, file.offset) for name, file in self._open.items()}

    def new(self) -> list[LogLine]:
        """What has come since the last look, in the order in which it came."""
        with self._reading:
            lines = [line for name in self._open for line in self._of(name)]
        lines.sort(key=lambda line: line.at)
        return lines

    def close(self) -> None:
        """Let go of the files."""
        with self._reading:
            for file in self._open.values():
                if file is not None:
                    os.close(file.descriptor)
            self._open.clear()

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}.log"

    def _of(self, name: str) -> list[LogLine]:
        file, left, lines = self._open[name], self._at_once, list[LogLine]()
        while left > 0:
            if file is None:
                file = self._open[name] = _opened(self._path(name))
                if file is None:
                    return lines
            self._skip(name, file)
            block = os.pread(file.descriptor, left, file.offset)
            whole = block[: block.rfind(b"\n") + 1]
            if not whole and len(block) == self._at_once:
                whole = block  # a line without an end: its pieces are no lines
            file.offset += len(whole)
            left -= len(whole)
            lines += [line for raw in whole.split(b"\n") if (line := read_line(raw, name)) is not None]
            if not whole and not self._turned(name, file):
                return lines
            file = self._open[name]
        return lines

    def _skip(self, name: str, file: _Open) -> None:
        """Go on nearer to the end when far too much waits: a reader must not live in the past."""
        waiting = os.fstat(file.descriptor).st_size - file.offset
        if waiting < 0:  # somebody has cut the file: begin anew
            file.offset = 0
        if waiting > BEHIND:
            self.skipped[name] = self.skipped.get(name, 0) + waiting - AT_ONCE
            file.offset += waiting - AT_ONCE

    def _turned(self, name: str, file: _Open) -> bool:
        """Whether the file was put aside for a newer one, which is then the one to read."""
        path = self._path(name)
        try:
            if path.stat().st_ino == file.inode:
                return False
        except FileNotFoundError:
            return False  # in the middle of a rotation
        if os.fstat(file.descriptor).st_size > file.offset and _ends_whole(file):
            return True  # a last line came between our look and the rotation
        os.close(file.descriptor)
        self._open[name] = _opened(_younger(path, file.inode))
        return True


def _opened(path: Path) -> _Open | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    return _Open(descriptor, os.fstat(descriptor).st_ino, 0)


def _line_end(file: _Open) -> int:
    """The end of the last whole line."""
    size = os.fstat(file.descriptor).st_size
    start = max(0, size - AT_ONCE)
    return start + os.pread(file.descriptor, size - start, start).rfind(b"\n") + 1


def _ends_whole(file: _Open) -> bool:
    return b"\n" in os.pread(file.descriptor, AT_ONCE, file.offset)


def _younger(path: Path, inode: int) -> Path:
    """The file that followed the one with this inode; a flood may have turned more than one since."""
    younger = path
    for number in range(1, _ROTATED):
        older = path.with_name(f"{path.name}.{number}")
        try:
            if older.stat().st_ino == inode:
                return younger
        except FileNotFoundError:
            return path
        younger = older
    return path
