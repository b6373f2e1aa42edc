"""Looks around in a process of its own, which takes with it all the memory that looking around has touched."""

from __future__ import annotations

import marshal
import os
from _collections_abc import Callable

from tradewarden.orchestrator.keeping import family
from tradewarden.orchestrator.keeping.clocks import boot_id
from tradewarden.orchestrator.keeping.family import Process
from tradewarden.orchestrator.keeping.remains import ONE_RUN, is_spent, left_by_earlier, unfinished
from tradewarden.orchestrator.keeping.status import StatusLog

Left = list[tuple[int, int]]  # numbers of processes, and when each began
Found = tuple[str, dict[str, str] | None, Left, bool]


class Report:
    """What a new keeper finds: which start of the machine this is, a life without an end, processes left behind.

    `spent`: what it is asked for has begun before, and may only once.
    """

    def __init__(
        self, boot: str, start: dict[str, str] | None, left: Left, *, spent: bool, again: Callable[[], Left]
    ) -> None:
        self.boot, self.start, self.spent = boot, start, spent
        self.left = _pinned(left)
        self._again = again

    def look_again(self) -> list[Process]:
        """Whom those left behind have left behind."""
        return _pinned(self._again())


def _pinned(left: Left) -> list[Process]:
    return [process for pid, began in left if (process := family.identified(pid, began)) is not None]


def look_back(status: StatusLog, mark: bytes, revision: str) -> Report:
    """What there is from before this keeper.

    For one run of a job it looks itself: that begins some 15 ms sooner on a busy machine, and its keeper soon leaves.
    """
    look = _look if revision.startswith(ONE_RUN) else _send
    boot, start, left, spent = look(status, mark, revision)
    return Report(boot, start, left, spent=spent, again=lambda: look(status, mark, revision)[2])


def _send(status: StatusLog, mark: bytes, revision: str) -> Found:
    """What the other process finds; without one to spare this one looks."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    try:
        pid = os.fork()
    except OSError:
        os.close(writing)
        os.close(reading)
        return _look(status, mark, revision)
    if not pid:
        try:
            os.write(writing, marshal.dumps(_look(status, mark, revision)))
        finally:
            os._exit(0)
    os.close(writing)
    told = b""
    while part := os.read(reading, 1 << 12):
        told += part
    os.close(reading)
    os.waitpid(pid, 0)
    return marshal.loads(told) if told else _look(status, mark, revision)  # noqa: S302 - our own child's


def _look(status: StatusLog, mark: bytes, revision: str) -> Found:
    boot, events = boot_id(), status.tail()
    spent = is_spent(events, revision)
    if not spent:  # whoever asks a third time finds it in the same file
        status.make_room()
    left = [(each.pid, began) for each in left_by_earlier(events, mark, boot) if (began := family.ticks(each.pid))]
    return boot, unfinished(events), left, spent
