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

    def __init__(self, found: Found, look_again: Callable[[], list[Process]]) -> None:
        """`look_again` finds whom those left behind have left behind."""
        self.boot, self.start, left, self.spent = found
        self.left = [process for pid, began in left if (process := family.identified(pid, began)) is not None]
        self.look_again = look_again


def look_back(status: StatusLog, mark: bytes, revision: str) -> Report:
    """What there is from before this keeper; without a process to spare it looks itself.

    For one run of a job too: it begins some 15 ms sooner on a busy machine, and its keeper soon leaves.
    """
    told = b"" if revision.startswith(ONE_RUN) else _sent(status, mark, revision)
    found: Found = marshal.loads(told) if told else _look(status, mark, revision)  # noqa: S302 - our own child's
    return Report(found, lambda: look_back(status, mark, revision).left)


def _sent(status: StatusLog, mark: bytes, revision: str) -> bytes:
    """What the other process found; nothing where there is none to spare."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    try:
        pid = os.fork()
    except OSError:
        os.close(writing)
        os.close(reading)
        return b""
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
    return told


def _look(status: StatusLog, mark: bytes, revision: str) -> Found:
    boot, events = boot_id(), status.tail()
    spent = is_spent(events, revision)
    if not spent:  # whoever asks a third time finds it in the same file
        status.make_room()
    left = [(each.pid, began) for each in left_by_earlier(events, mark, boot) if (began := family.ticks(each.pid))]
    return boot, unfinished(events), left, spent
