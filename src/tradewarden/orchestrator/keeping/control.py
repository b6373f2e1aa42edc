"""The fifo through which a keeper is told what to do, one command a line."""

from __future__ import annotations

import os

from tradewarden.orchestrator.keeping.brief import Brief

_LONGEST = 4096  # bytes of a line: up to this much is written in one piece by the kernel
_SIGNALS = range(1, 65)


class Control:
    """The reading end, which never sees an end: the keeper holds a writing one too."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._half = b""
        self._file = (-1, -1)  # device and inode
        self.descriptor = -1
        self.ensure()

    def ensure(self) -> bool:
        """Make the fifo, or make it anew after somebody removed it; whether it is another one now.

        That of an earlier keeper is not taken over: that keeper may read it still. Raises OSError, and keeps the one
        it has, when the disk refuses.
        """
        if self._is_there():
            return False
        try:
            os.mkfifo(self._path, 0o600)
        except FileExistsError:
            os.unlink(self._path)
            os.mkfifo(self._path, 0o600)
        again = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        self.close()
        here = os.fstat(again)
        self.descriptor, self._file = again, (here.st_ino, here.st_dev)
        return True

    def lines(self) -> list[list[str]]:
        """The commands that have arrived, each as its words."""
        try:
            text = self._half + os.read(self.descriptor, 1 << 16)
        except OSError:
            return []
        whole, _, self._half = text.rpartition(b"\n")
        if len(self._half) > _LONGEST:
            self._half = b""
        return [line.decode(errors="replace").split() for line in whole.split(b"\n") if len(line) < _LONGEST]

    def remove(self) -> None:
        """Nobody is to be obeyed any more; what was said before can still be read."""
        if self._is_there():
            try:
                os.unlink(self._path)
            except OSError:
                return  # a disk that has become read-only keeps it

    def close(self) -> None:
        """Let go of the fifo."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor, self._file = -1, (-1, -1)

    def _is_there(self) -> bool:
        try:
            there = os.lstat(self._path)
        except OSError:
            return False
        return (there.st_ino, there.st_dev) == self._file


def how(words: list[str], brief: Brief) -> tuple[int, float] | None:
    """With which signal to stop, and after how long with SIGKILL; the service's own when nothing is said."""
    match words:
        case []:
            return brief.stop_signal, brief.stop_seconds
        case [word, time]:
            chosen, patience = number(word), seconds(time)
            return None if chosen is None or patience is None else (chosen, patience)
    return None


def number(word: str) -> int | None:
    """A signal's number as a command carries it."""
    return int(word) if word.isascii() and word.isdigit() and int(word) in _SIGNALS else None


def seconds(word: str) -> float | None:
    """A time to wait as a command carries it."""
    try:
        value = float(word)
    except ValueError:
        return None
    return value if 0 <= value <= 86_400 else None  # noqa: PLR2004 - a day
