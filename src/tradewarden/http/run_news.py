"""News of the desk's jobs for those who listen: each hears of what that person may see, the newest of each."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import orjson

from tradewarden.http.jobs_port import Jobs
from tradewarden.http.runs import run_document
from tradewarden.http.schedules import job_document
from tradewarden.machines.job_report import JobReport
from tradewarden.machines.role import Person
from tradewarden.machines.run import Run

KEPT: Final = 200  # news for whoever wakes late; of more than so many only the newest

_Key = tuple[str, str, int]  # the job, its person, the run or 0 for how it stands


class RunNews:
    """Events `run` and `schedule`, how one job stands; no queue, whoever wakes late gets the newest of each."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._newest: OrderedDict[_Key, tuple[int, bytes]] = OrderedDict()
        self.number = 0
        self.woken: Callable[[], None] = lambda: None
        jobs.subscribe(self._tell)

    def snapshot(self, person: Person) -> bytes:
        """How each job stands that this person may see, for one who begins to listen."""
        return b"".join(_event("schedule", job_document(report)) for report in self._jobs.reports(person))

    def since(self, number: int, person: Person) -> bytes:
        """What is newer than this, of what this person may see."""
        found = self._newest.items()
        return b"".join(frame for (_, user, _), (count, frame) in found if count > number and person.sees(user))

    def _tell(self, news: Run | JobReport) -> None:
        if isinstance(news, Run):
            self._put((news.job, news.user, news.id), _event("run", run_document(news)))
        else:
            self._put((news.name, news.user, 0), _event("schedule", job_document(news)))
        self.woken()

    def _put(self, key: _Key, frame: bytes) -> None:
        self.number += 1
        self._newest.pop(key, None)
        self._newest[key] = (self.number, frame)
        if len(self._newest) > KEPT:
            self._newest.popitem(last=False)


def _event(kind: str, told: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps(told))
