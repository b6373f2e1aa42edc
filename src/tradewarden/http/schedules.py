"""The schedules of jobs over HTTP: how each job stands, when it is due, and edits that last."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final, TypeVar

from aiohttp import web

from tradewarden.http import parameters
from tradewarden.http.body import answer, asked, fault, refuse, taken
from tradewarden.http.gate import told_of
from tradewarden.http.job_asked import Name, User, instance, refusals, unknown
from tradewarden.http.jobs_port import Coming, Jobs
from tradewarden.http.member import Member
from tradewarden.http.moments import iso, iso_or_none
from tradewarden.http.problems import ProblemError
from tradewarden.http.runs import run_document
from tradewarden.http.visitors import Visitors, who
from tradewarden.machines.job_report import EditAnswer, JobReport
from tradewarden.machines.role import Person
from tradewarden.machines.run import Outcome
from tradewarden.orchestrator.clock import Clock

MOST_COMING: Final = 500
USUAL_COMING: Final = 20
MOST_SCHEDULES: Final = 20  # of one job
MOST_NAMES: Final = 100
LONGEST_TEXT: Final = 300  # characters of one schedule
SECONDS: Final = 10.0  # for one answer
_TOO_SLOW: Final = f"to look that far took longer than {SECONDS:g} s: ask for fewer runs, or write fewer schedules"
_EXAMPLE: Final = ("at 16:00", "between 09:15 and 15:30 on trading days of NSE_EQ")
_BAD: Final = frozenset({Outcome.FAILED, Outcome.TIMEOUT, Outcome.MISSED})


T = TypeVar("T")


@dataclass(frozen=True)
class Ahead:
    """How far the preview looks."""

    count: Annotated[
        int, Member(f"allowed is 1 to {MOST_COMING}", 1, MOST_COMING, says="so many runs and gaps at most")
    ] = USUAL_COMING


@dataclass(frozen=True)
class Edit:
    """What is to change: the schedules (an empty list: as configured), whether the job is enabled; `dry` only tells."""

    schedule: Annotated[
        str | tuple[str, ...] | None,
        Member(
            'a schedule such as "at 16:00" is expected, or a list of them',
            None,
            LONGEST_TEXT,
            _EXAMPLE,
            "the new schedule, or several of them; an empty list is as configured, and without it they stay",
        ),
    ] = None
    enabled: Annotated[bool | None, Member("true or false is expected", says="whether it is to run on it")] = None
    user: User = None
    dry: Annotated[bool, Member("true or false is expected", says="only tell what it would have done")] = False


@dataclass(frozen=True)
class Bulk:
    """Many jobs that are to be enabled, or disabled."""

    names: Annotated[
        tuple[Name, ...],
        Member(f"a list of 1 to {MOST_NAMES} jobs' names is expected", 1, MOST_NAMES, ["buy_orders", "analysis"]),
    ]
    enabled: Annotated[bool, Member("true or false is expected")]


class SchedulesDoor:
    """/api/schedules: each sees the own jobs, an admin sees and edits all of them."""

    def __init__(self, jobs: Jobs, clock: Clock) -> None:
        self._jobs, self._clock = jobs, clock
        self._turn = asyncio.Semaphore(1)

    def routes(self, _visitors: Visitors) -> list[web.RouteDef]:
        """The list, what comes next, one edit, and one for many."""

        async def everyone(request: web.Request) -> web.Response:
            person = who(request)
            return answer(document(self._jobs.reports(person), iso(self._clock.now())))

        async def preview(request: web.Request) -> web.Response:
            person = who(request)
            parameters.only_known(request, Ahead)
            count = asked(request, Ahead).count
            coming = await self._apart(partial(self._jobs.preview, person, count))
            return answer({"coming": [coming_document(each) for each in coming]})

        async def edit(request: web.Request) -> web.Response:
            person = who(request)
            return await self._edit(request, person)

        async def bulk(request: web.Request) -> web.Response:
            person = who(request)
            return await self._bulk(request, person)

        return [
            web.get("/api/schedules", everyone),
            web.post("/api/schedules", bulk),
            web.get("/api/schedules/preview", preview),
            web.post("/api/schedules/{job}", edit),
        ]

    async def _edit(self, request: web.Request, person: Person) -> web.Response:
        wish, name = await taken(request, Edit), request.match_info["job"]
        text = schedules_of(wish)
        if text is None and wish.enabled is None:
            refuse([{"detail": 'say what: "schedule", or "enabled": true or false'}])
        self._known(person, [name])
        words = [*(text or []), *([] if wish.enabled is None else ["enabled" if wish.enabled else "disabled"])]
        told_of(request, target=instance(name, wish.user or ""), detail="; ".join(words))
        dry, user = wish.dry, wish.user or ""
        weighed = await self._apart(partial(self._jobs.weigh, name, text, dry=dry))
        with refusals():
            told = self._jobs.edit(name, user, text=text, enabled=wish.enabled, dry=dry, by=person.by, weighed=weighed)
        refuse([fault("schedule", problem) for problem in told.problems])
        return answer(edit_document(told, dry=dry))

    async def _bulk(self, request: web.Request, person: Person) -> web.Response:
        bulk = await taken(request, Bulk)
        names, enabled = list(dict.fromkeys(bulk.names)), bulk.enabled
        self._known(person, names)
        told_of(request, target=", ".join(names), detail="enabled" if enabled else "disabled")
        done: dict[str, Any] = {}
        for name in names:
            with refusals():
                told = self._jobs.edit(name, "", text=None, enabled=enabled, dry=False, by=person.by)
            done[name] = edit_document(told, dry=False) | {"problems": told.problems}
        return answer({"jobs": done})

    async def _apart(self, question: Callable[[], T]) -> T:
        """Answer in a thread, one question at a time: with many schedules it takes long, and the desk goes on."""
        try:
            async with asyncio.timeout(SECONDS), self._turn:
                return await asyncio.to_thread(question)
        except TimeoutError:
            raise ProblemError(503, "query-unavailable", detail=_TOO_SLOW) from None

    def _known(self, person: Person, names: Sequence[str]) -> None:
        reports = self._jobs.reports(person)
        known = {each.name for each in reports}
        for name in names:
            if name not in known:
                raise unknown(name, reports)


def schedules_of(edit: Edit) -> tuple[str, ...] | None:
    """The schedules that are asked for; one may stand without a list, and no one is what the configuration says."""
    if edit.schedule is None:
        return None
    texts = (edit.schedule,) if isinstance(edit.schedule, str) else edit.schedule
    if len(texts) > MOST_SCHEDULES:
        refuse([fault("schedule", f"a job has at most {MOST_SCHEDULES} schedules")])
    if not all(0 < len(text.strip()) <= LONGEST_TEXT for text in texts):
        refuse([fault("schedule", 'each is a text such as "at 16:00" or "between 09:15 and 15:30"')])
    return tuple(text.strip() for text in texts)


def document(reports: Sequence[JobReport], time: str) -> dict[str, Any]:
    """Every job that somebody may see."""
    return {"time": time, "jobs": [job_document(report) for report in reports]}


def job_document(report: JobReport) -> dict[str, Any]:
    """One job as programs read it."""
    return {
        "name": report.name,
        "user": report.user,
        "description": report.description,
        "perUser": report.per_user,
        "does": report.does,
        "enabled": report.enabled,
        "stands": report.stands,
        "status": status_of(report),
        "schedules": list(report.schedules),
        "nextDue": iso_or_none(report.next_due),
        "whyNot": report.why_not,
        "running": None if report.running is None else run_document(report.running),
        "last": None if report.last is None else run_document(report.last),
        "problem": report.problem,
        "notice": report.notice,
    }


def status_of(report: JobReport) -> str:
    """Fail for a job that can never run, warn for one whose last run went wrong, else pass."""
    if report.problem is not None:
        return "fail"
    return "warn" if report.last is not None and report.last.outcome in _BAD else "pass"


def coming_document(coming: Coming) -> dict[str, Any]:
    """A run to come, or the reason for a gap."""
    return {
        "job": coming.job,
        "user": coming.user,
        "at": iso(coming.at),
        "until": iso_or_none(coming.until),
        "reason": coming.reason,
    }


def edit_document(told: EditAnswer, *, dry: bool) -> dict[str, Any]:
    """What became of an edit."""
    return {"text": told.text, "holds": told.holds, "dry": dry, "would": [iso(at) for at in told.would]}
