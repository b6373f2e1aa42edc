"""/api/v1/service: the paths, field names and status words of the original's API, for our jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from aiohttp import web

from tradewarden.http.body import answer, asked, taken
from tradewarden.http.compat_timetables import ROOT, Latest, Timetables
from tradewarden.http.compat_words import service_words, task_words
from tradewarden.http.gate import told_of
from tradewarden.http.job_asked import LONGEST, NameOrNone, instance, job_of, whose
from tradewarden.http.jobs_port import Jobs
from tradewarden.http.member import Member
from tradewarden.http.moments import iso, iso_or_none
from tradewarden.http.visitors import Visitors, who
from tradewarden.machines.job_report import JobReport
from tradewarden.machines.role import Person
from tradewarden.machines.run import Outcome, Refused, Run
from tradewarden.orchestrator.clock import IST, Clock
from tradewarden.orchestrator.orders import RefusedError

ANALYSIS: Final = "analysis"
MOST: Final = 1000
_FAILED: Final = (Outcome.FAILED, Outcome.TIMEOUT)
_MEANT: Final[dict[str | None, tuple[Outcome | None, ...]]] = {
    None: (None,),
    "success": (Outcome.SUCCESS,),
    "failed": _FAILED,
    "skipped": (Outcome.SKIPPED, Outcome.MISSED),
}


@dataclass(frozen=True)
class Task:
    """Which task is meant."""

    task_name: Annotated[str, Member("a task's name is expected", 1, LONGEST, "buy_orders")]


@dataclass(frozen=True)
class Once(Task):
    """Which task is to run now; both types mean the same here."""

    execution_type: Annotated[
        Literal["run_once", "manual"], Member("known are run_once, manual", example="run_once")
    ] = "run_once"


@dataclass(frozen=True)
class Tasks:
    """Which executions are wanted."""

    task_name: NameOrNone = None
    status: Annotated[Literal["success", "failed", "skipped"] | None, Member("known are success, failed, skipped")] = (
        None
    )
    limit: Annotated[int, Member(f"allowed is 1 to {MOST}", 1, MOST)] = 100


class CompatService:
    """Acts for whoever asks: a trader's own jobs, the desk's own ones for an admin."""

    def __init__(self, jobs: Jobs, clock: Clock, edits: Latest = dict) -> None:
        self._jobs, self._clock = jobs, clock
        self._timetables = Timetables(jobs, clock, edits)

    def routes(self, _visitors: Visitors) -> list[web.RouteDef]:
        """The original's paths."""

        async def individual(request: web.Request) -> web.Response:
            own = self._own(who(request))
            return answer({"services": {each.name: service_words(each) for each in own}})

        async def status(request: web.Request) -> web.Response:
            return self._status(who(request))

        async def tasks(request: web.Request) -> web.Response:
            return self._tasks(who(request), asked(request, Tasks))

        async def run_once(request: web.Request) -> web.Response:
            person, name = who(request), (await taken(request, Once)).task_name
            told_of(request, target=instance(name, whose(person, None)))
            return self._run_once(person, name)

        async def analysis(request: web.Request) -> web.Response:
            return self._run_once(who(request), ANALYSIS)

        return [
            *self._timetables.routes(),
            web.get(f"{ROOT}/individual/status", individual),
            web.post(f"{ROOT}/individual/start", self._start_one),
            web.post(f"{ROOT}/individual/stop", self._stop_one),
            web.post(f"{ROOT}/individual/run-once", run_once),
            web.get(f"{ROOT}/status", status),
            web.post(f"{ROOT}/start", self._start),
            web.post(f"{ROOT}/stop", self._stop),
            web.post(f"{ROOT}/analysis/run", analysis),
            web.get(f"{ROOT}/history", tasks),
            web.get(f"{ROOT}/tasks", tasks),
        ]

    def _own(self, person: Person) -> list[JobReport]:
        user = whose(person, None)
        return [report for report in self._jobs.reports(person) if report.user == user]

    async def _start(self, request: web.Request) -> web.Response:
        done, message = self._stands(person := who(request), "", on=True)
        return answer({"success": done, "message": message, "service_running": self._runs(person)})

    async def _stop(self, request: web.Request) -> web.Response:
        done, message = self._stands(person := who(request), "", on=False)
        return answer({"success": done, "message": message, "service_running": self._runs(person)})

    async def _start_one(self, request: web.Request) -> web.Response:
        person, task = who(request), await taken(request, Task)
        told_of(request, target=instance(task.task_name, whose(person, None)))
        done, message = self._stands(person, task.task_name, on=True)
        return answer({"success": done, "message": message})

    async def _stop_one(self, request: web.Request) -> web.Response:
        person, task = who(request), await taken(request, Task)
        told_of(request, target=instance(task.task_name, whose(person, None)))
        done, message = self._stands(person, task.task_name, on=False)
        return answer({"success": done, "message": message})

    def _stands(self, person: Person, job: str, *, on: bool) -> tuple[bool, str]:
        """Whether it was done, and the sentence: the original says no with a 200."""
        user = whose(person, None)
        if job:
            job_of(self._jobs, person, job, user)
        try:
            return True, self._jobs.stand(user, job, on, by=person.by)
        except RefusedError as refused:
            return False, str(refused)

    def _runs(self, person: Person) -> bool:
        return any(report.stands == "unified" for report in self._own(person))

    def _run_once(self, person: Person, name: str) -> web.Response:
        job = job_of(self._jobs, person, name, whose(person, None))
        try:
            given = self._jobs.run_once(job.name, job.user, by=person.by)
        except RefusedError as refused:
            given = Refused(str(refused))
        return answer(_once_words(given))

    def _status(self, person: Person) -> web.Response:
        own, now = self._own(person), self._clock.now()
        midnight = now.astimezone(IST).replace(hour=0, minute=0, second=0, microsecond=0)
        failed = self._found(person, _FAILED, since=midnight)
        started = [run.started for each in own for run in (each.running, each.last) if run and run.started]
        last = max(started, default=None)
        return answer(
            {
                "service_running": self._runs(person),
                "last_heartbeat": iso(now),
                "last_task_execution": iso_or_none(last),
                "error_count": len(failed),
                "last_error": (failed[0].reason or failed[0].job) if failed else None,
                "updated_at": iso_or_none(last),
            }
        )

    def _tasks(self, person: Person, wanted: Tasks) -> web.Response:
        found = self._found(person, _MEANT[wanted.status], job=wanted.task_name, limit=wanted.limit)
        return answer({"tasks": [task_words(run) for run in found], "total": len(found)})

    def _found(
        self, person: Person, outcomes: tuple[Outcome | None, ...], *, limit: int = MOST, **which: Any
    ) -> list[Run]:
        """The newest runs of any of these outcomes, of the own jobs."""
        user = whose(person, None)
        pages = (self._jobs.history(person, user=user, outcome=each, limit=limit, **which) for each in outcomes)
        return sorted((run for page in pages for run in page), key=lambda run: (run.due, run.id), reverse=True)[:limit]


def _once_words(given: Run | Refused) -> dict[str, Any]:
    run, conflict = (given, None) if isinstance(given, Run) else (given.run, given.reason)
    number = None if run is None else run.id
    message = conflict or f"{'' if run is None else run.job} runs now, as run {number}"
    return {
        "success": conflict is None,
        "message": message,
        "execution_id": number,
        "has_conflict": conflict is not None,
        "conflict_message": conflict,
    }
