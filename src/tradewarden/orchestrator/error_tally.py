"""How many lines of each service's log of the last hour say that something failed."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from tradewarden.orchestrator.log_line import level_of, may_hold, stamp_before

HOUR: Final = timedelta(hours=1)
AT_ONCE: Final = 256 * 1024  # bytes of one service that one look reads; of a flood only the newest
AT_FIRST: Final = 1 << 20  # bytes of what was said before the daemon started
_MINUTE: Final = 16  # characters of a stamp up to its minute


@dataclass(slots=True)
class _Seen:
    path: Path
    descriptor: int = -1  # the file stays open: each second one more line is read of it
    inode: int = 0
    offset: int = 0
    minutes: deque[tuple[bytes, int]] = field(default_factory=deque)  # at most as many as an hour has

    def open(self) -> os.stat_result:
        """Begin with the present file."""
        self.close()
        self.descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        status = os.fstat(self.descriptor)
        self.inode = status.st_ino
        return status

    def close(self) -> None:
        """Let go of the file."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
        self.descriptor, self.inode, self.offset = -1, 0, 0


class ErrorTally:
    """Fed by the daemon's beat with what is new in the logs; a look costs a `stat` for a service that says nothing."""

    def __init__(self, directory: Path, now: Callable[[], datetime]) -> None:
        self._directory, self._now = directory, now
        self._seen: dict[str, _Seen] = {}

    def look(self, services: Iterable[str]) -> None:
        """Read what these services have said since the last look; a log that cannot be read counts nothing."""
        for name in services:
            try:
                self._look(name)
            except OSError:
                continue

    def count(self, service: str) -> int:
        """Lines of the last hour that say so."""
        seen = self._seen.get(service)
        if seen is None or not seen.minutes:
            return 0
        oldest = stamp_before(self._now(), HOUR)[:_MINUTE]
        while seen.minutes and seen.minutes[0][0] < oldest:
            seen.minutes.popleft()
        return sum(count for _, count in seen.minutes)

    def forget(self, services: Iterable[str]) -> None:
        """These are services no more."""
        for name in services:
            if (seen := self._seen.pop(name, None)) is not None:
                seen.close()

    def _look(self, name: str) -> None:
        seen, most = self._seen.get(name), AT_ONCE
        if seen is None:
            seen, most = self._seen.setdefault(name, _Seen(self._directory / f"{name}.log")), AT_FIRST
        status = seen.path.stat()
        if status.st_ino != seen.inode:
            self._finish(seen)
            status = seen.open()
        elif status.st_size < seen.offset:
            seen.offset = 0  # somebody has cut the file
        self._read(seen, status.st_size, most)

    def _finish(self, seen: _Seen) -> None:
        """The rest of a file that was put aside."""
        if seen.inode:
            self._read(seen, os.fstat(seen.descriptor).st_size, AT_ONCE)

    def _read(self, seen: _Seen, end: int, most: int) -> None:
        if end <= seen.offset:
            return
        start = max(seen.offset, end - most)
        block = os.pread(seen.descriptor, end - start, start)
        first = block.find(b"\n") + 1 if start > seen.offset else 0  # a line that began before is not whole
        last = block.rfind(b"\n") + 1
        seen.offset = start + last if last else (end if len(block) >= most else seen.offset)
        self._note(seen, block[first:last])

    def _note(self, seen: _Seen, block: bytes) -> None:
        if not may_hold("error", block):
            return
        oldest = stamp_before(self._now(), HOUR)[:_MINUTE]
        for line in block.split(b"\n"):
            minute = line[:_MINUTE]
            if minute < oldest or not line[:1].isdigit():
                continue
            text = line.split(b" ", 2)[-1]
            if level_of(text) == "error":
                _add(seen.minutes, minute)


def _add(minutes: deque[tuple[bytes, int]], minute: bytes) -> None:
    if minutes and minutes[-1][0] >= minute:  # also after the clock was set back: it counts as of the newest minute
        minutes[-1] = (minutes[-1][0], minutes[-1][1] + 1)
    else:
        minutes.append((minute, 1))
