"""Looks around in a process of its own, which takes with it all the memory that looking around has touched."""

from __future__ import annotations

import marshal
import os

from tradewarden.orchestrator.keeping import family
from tradewarden.orchestrator.keeping.clocks import boot_id
from tradewarden.orchestrator.keeping.remains import left_by_earlier, unfinished
from tradewarden.orchestrator.keeping.status import StatusLog


class Report:
    """What a new keeper finds: which start of the machine this is, a life without an end, processes left behind."""

    def __init__(self, boot: str, start: dict[str, str] | None, left: list[tuple[int, int]]) -> None:
        self.boot, self.start = boot, start
        self.left = [process for pid, began in left if (process := family.identified(pid, began)) is not None]


def look_back(status: StatusLog, mark: bytes) -> Report:
    """What there is from before this keeper; without a process to spare it looks itself."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    try:
        pid = os.fork()
    except OSError:
        os.close(writing)
        os.close(reading)
        return Report(*_look(status, mark))
    if not pid:
        try:
            os.write(writing, marshal.dumps(_look(status, mark)))
        finally:
            os._exit(0)
    os.close(writing)
    told = b""
    while part := os.read(reading, 1 << 12):
        told += part
    os.close(reading)
    os.waitpid(pid, 0)
    return Report(*marshal.loads(told)) if told else Report(*_look(status, mark))  # noqa: S302 - our own child's


def _look(status: StatusLog, mark: bytes) -> tuple[str, dict[str, str] | None, list[tuple[int, int]]]:
    boot, events = boot_id(), status.begin()
    left = [(each.pid, began) for each in left_by_earlier(events, mark, boot) if (began := family.ticks(each.pid))]
    return boot, unfinished(events), left
