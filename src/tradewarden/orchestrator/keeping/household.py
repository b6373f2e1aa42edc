"""What all processes of one service use of the machine, seen with as few looks as it takes.

Their files of the kernel's stay open, so that a look at a service of one process is four calls. Everybody is searched
for only when somebody comes or goes, and now and then: other threads than the first one have children too.
"""

from __future__ import annotations

import os
import time
from _collections_abc import Callable

from tradewarden.orchestrator.keeping import family

_EVERY = 5  # looks after which everybody is searched for again
_MOST = 8  # processes that are watched like this
_SMALL = 1 << 12
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PROCESSOR = 2  # CPUCLOCK_SCHED: a process's processor time is a clock whose number is made of the pid


class _Member:
    """One process and its open files."""

    def __init__(self, pid: int) -> None:
        """Raises OSError when it is gone, or when there is no descriptor to spare."""
        self.clock = (~pid << 3) | _PROCESSOR
        self.memory = os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.children = os.open(f"/proc/{pid}/task/{pid}/children", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            os.close(self.memory)
            raise
        self.young = os.pread(self.children, _SMALL, 0)

    def close(self) -> None:
        os.close(self.memory)
        os.close(self.children)


class Household:
    """The processes of one service; `alive` finds all of them, the long way."""

    def __init__(self, alive: Callable[[], list[int]]) -> None:
        self._alive = alive
        self._members: list[_Member] = []  # the keeper itself first: orphans come to it
        self._pids: list[int] = []
        self._looks = 0

    def look(self) -> tuple[float, int, int]:
        """Seconds of processor time and bytes of memory, of how many processes."""
        self._looks += 1
        if not self._members or not self._looks % _EVERY:
            return self._search()
        try:
            return self._glance()
        except (OSError, ValueError):
            return self._search()

    def close(self) -> None:
        """Let go of all files."""
        for each in self._members:
            each.close()
        self._members = []

    def _glance(self) -> tuple[float, int, int]:
        """Raises OSError or ValueError when somebody has come or gone."""
        read = os.pread
        seconds, pages, own = 0.0, 0, True
        for each in self._members:
            if read(each.children, _SMALL, 0) != each.young:
                raise ValueError
            if own:
                own = False
                continue
            pages += int(read(each.memory, _SMALL, 0).split(None, 2)[1])
            seconds += time.clock_gettime(each.clock)
        return seconds, pages * _PAGE, len(self._pids)

    def _search(self) -> tuple[float, int, int]:
        pids = self._alive()
        try:
            if pids != self._pids or not self._members:
                self._watch(pids)
            return self._glance()
        except (OSError, ValueError):
            self.close()
            return (*family.usage(pids), len(pids))

    def _watch(self, pids: list[int]) -> None:
        self.close()
        self._pids = pids
        if len(pids) > _MOST:
            raise ValueError
        for pid in (os.getpid(), *pids):
            self._members.append(_Member(pid))
