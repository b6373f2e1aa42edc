"""What a service and all that it started use of the machine, in one small line that is overwritten again and again."""

from __future__ import annotations

import os
from _collections_abc import Callable

from tradewarden.orchestrator.keeping.household import Household

_WIDTH = 256  # bytes: every line is as long as the one before


class FiguresFile:
    """One line of JSON of a fixed width."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1

    def write(self, line: bytes) -> None:
        """Overwrite it; a disk that refuses costs a figure."""
        try:
            if self._descriptor >= 0 and not os.fstat(self._descriptor).st_nlink:
                self.close()  # somebody deleted it
            if self._descriptor < 0:
                flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
                self._descriptor = os.open(self._path, flags, 0o600)
            os.pwrite(self._descriptor, line.ljust(_WIDTH - 1) + b"\n", 0)
        except OSError:
            self.close()

    def close(self) -> None:
        """Open the file anew the next time."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Figures:
    """The figures of one service, each reckoned against the one before."""

    def __init__(self, path: str, alive: Callable[[], list[int]]) -> None:
        self._file, self._household = FiguresFile(path), Household(alive)
        self._before: tuple[int | None, float, float] = (None, 0.0, 0.0)  # pid, moment, seconds of processor time

    def close(self) -> None:
        """Open all files anew the next time."""
        self._file.close()
        self._household.close()

    def tell(self, pid: int | None, now: float, wall: float, unended: int = 0) -> None:
        """`pid` is the service's own process, none while it does not run; `unended` bytes of a line have come."""
        if pid is None and self._before[0] is None and self._before[1]:
            return
        seconds, memory, processes = self._household.look() if pid is not None else (0.0, 0, 0)
        earlier, moment, used = self._before
        percent = 100 * max(0.0, seconds - used) / (now - moment) if pid == earlier and now > moment else 0.0
        self._before = (pid, now, seconds)
        whose = b"null" if pid is None else b"%d" % pid
        self._file.write(
            b'{"pid": %b, "t": %.3f, "cpu": %.2f, "percent": %.2f, "memory": %d, "processes": %d, "unended": %d}'
            % (whose, wall, seconds, percent, memory, processes, unended)
        )
