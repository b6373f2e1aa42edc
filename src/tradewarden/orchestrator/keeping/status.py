"""What a keeper writes down: one event a line, one write a line, and never a change to what stands there."""

from __future__ import annotations

import os

from tradewarden.orchestrator.keeping.line import event_of, line_of

LARGEST = 1 << 20  # bytes; above it the log is moved aside when a keeper begins
TAIL = 1 << 16
_MOST_WAITING = 1000  # lines that no disk takes


class StatusLog:
    """The status log of one service; lines that the disk refuses wait, the newest thousand of them."""

    def __init__(self, path: str, wake: str, name: str) -> None:
        self._path, self._wake, self._name = path, wake, name
        self._waiting: list[bytes] = []
        self._present = b""  # the line that tells of the life that has not ended

    def make_room(self) -> None:
        """Move a log that has grown too large aside."""
        if _size(self._path) > LARGEST:
            os.replace(self._path, f"{self._path}.1")

    @property
    def is_behind(self) -> bool:
        """Whether something has happened that nobody can read as yet."""
        return bool(self._waiting)

    def offer(self, event: str, at: float, **facts: object) -> bool:
        """Write one event down after all others, or not at all; whether it is written."""
        if not self._waiting:
            self.write(event, at, **facts)
            written, self._waiting = not self._waiting, []
            return written
        return False

    def intend(self, event: str, at: float, **facts: object) -> bool:
        """Write down what is about to happen, before it does, or not at all; nobody is woken for it."""
        return not self._waiting and self._append(_line(event, at, facts))

    def write(self, event: str, at: float, **facts: object) -> None:
        """Write one event down and wake the daemon, if there is one."""
        line = _line(event, at, facts)
        if event in ("start", "exit"):
            self._present = line if event == "start" else b""
        self._waiting = [*self._waiting, line][-_MOST_WAITING:]
        self.retry()

    def renew(self) -> None:
        """Say again what runs if somebody deleted the log, so that the next daemon knows it; and what waits."""
        if self._present and self._present not in self._waiting and not _size(self._path):
            self._waiting.insert(0, self._present)
        self.retry()

    def retry(self) -> None:
        """Write what the disk has refused before."""
        written = 0
        for line in self._waiting:
            if not self._append(line):
                break
            written += 1
        if written:
            del self._waiting[:written]
            self._tell()

    def tail(self) -> list[dict[str, str]]:
        """The last events, oldest first; half lines and lines of another shape are left out."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return []
        try:
            size = os.fstat(descriptor).st_size
            text = os.pread(descriptor, TAIL, max(0, size - TAIL))
        except OSError:
            return []
        finally:
            os.close(descriptor)
        return [event for line in text.split(b"\n") if (event := event_of(line)) is not None]

    def _append(self, line: bytes) -> bool:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(self._path, flags, 0o600)
        except OSError:
            return False
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line  # somebody died half-way through the line before
            if os.write(descriptor, line) == len(line):
                return True
            os.ftruncate(descriptor, size)
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return False

    def _tell(self) -> None:
        try:
            descriptor = os.open(self._wake, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return  # no daemon
        try:
            os.write(descriptor, self._name.encode() + b"\n")
        except OSError:
            return  # it has more to read than a pipe holds, and will look at everything
        finally:
            os.close(descriptor)


def _line(event: str, at: float, facts: dict[str, object]) -> bytes:
    return line_of({"ev": event, "t": round(at, 6), "keeper": os.getpid(), **facts})


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
