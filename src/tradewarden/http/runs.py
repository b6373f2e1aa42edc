"""The runs of jobs over HTTP: what ran and what became of it, one run now, the end of one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import orjson
from aiohttp import web

from tradewarden.http import parameters
from tradewarden.http.body import Nothing, answer, asked, taken
from tradewarden.http.gate import told_of
from tradewarden.http.job_asked import Name, NameOrNone, User, instance, job_of, refusals, whose
from tradewarden.http.jobs_port import Jobs
from tradewarden.http.logs import MOMENTS
from tradewarden.http.member import Member
from tradewarden.http.moments import iso, iso_or_none
from tradewarden.http.problems import ProblemError
from tradewarden.http.visitors import Visitors, who
from tradewarden.machines.job_report import Statistics
from tradewarden.machines.role import Person
from tradewarden.machines.run import Outcome, Refused, Run, Trigger
from tradewarden.orchestrator.clock import Clock
from tradewarden.redaction import holds_secrets, without_secrets

MOST: Final = 200  # runs a page
USUAL: Final = 50
SECONDS: Final = 15.0  # for all statistics of one question
Counts = Callable[[str, str, datetime], Statistics]  # of a job and its person since then; called in a thread
_TOO_SLOW: Final = f"the statistics took longer than {SECONDS:g} s: ask for one job, or since a later time"
MONTH: Final = timedelta(days=30)
_MOMENT: Final = Member(f"expected is {MOMENTS}", 1, 64, "2026-11-23T09:15", f"of the due time: {MOMENTS}")
Moment = Annotated[str | None, _MOMENT]

_BEFORE: Final = Member(
    "the number of a run is expected", 1, parameters.LARGEST, 4711, "the page behind the run of this number"
)


@dataclass(frozen=True)
class Wanted:
    """Which runs are wanted; `before` is the number of the last one of the page before."""

    job: NameOrNone = None
    user: User = None
    outcome: Annotated[
        Outcome | None, Member(f"known are {', '.join(Outcome)}", says="only what ended, or stands, like this")
    ] = None
    trigger: Annotated[
        Trigger | None, Member(f"known are {', '.join(Trigger)}", says="only what was asked for like this")
    ] = None
    since: Moment = None
    until: Moment = None
    before: Annotated[int | None, _BEFORE] = None
    limit: Annotated[int, Member(f"allowed is 1 to {MOST}", 1, MOST, says="so many runs at most")] = USUAL


@dataclass(frozen=True)
class Counted:
    """Whose statistics are wanted, and since when."""

    job: NameOrNone = None
    user: User = None
    since: Moment = None


@dataclass(frozen=True)
class Once:
    """Which job is to run now, and whose."""

    job: Name
    user: User = None


class RunsDoor:
    """/api/runs: each sees what belongs to the own jobs, an admin everything."""

    def __init__(self, jobs: Jobs, clock: Clock, counts: Counts) -> None:
        self._jobs, self._clock, self._counts = jobs, clock, counts
        self._turn = asyncio.Semaphore(1)

    def routes(self, _visitors: Visitors) -> list[web.RouteDef]:
        """The history, its statistics, one run, and its two verbs."""

        async def many(request: web.Request) -> web.Response:
            return self._page(request, who(request))

        async def statistics(request: web.Request) -> web.Response:
            return await self._statistics(request, who(request))

        async def one(request: web.Request) -> web.Response:
            return answer(run_document(self._run(request, who(request))))

        async def begin(request: web.Request) -> web.Response:
            person = who(request)
            once = await taken(request, Once)
            told_of(request, target=instance(once.job, whose(person, once.user)))
            return self._begin(person, once)

        async def stop(request: web.Request) -> web.Response:
            person, _ = who(request), await taken(request, Nothing)
            run = self._run(request, person)
            with refusals():
                return answer(run_document(self._jobs.end_run(run.id, by=person.by)))

        return [
            web.get("/api/runs", many),
            web.post("/api/runs", begin),
            web.get("/api/runs/statistics", statistics),
            web.get("/api/runs/{id}", one),
            web.post("/api/runs/{id}/stop", stop),
        ]

    def _page(self, request: web.Request, person: Person) -> web.Response:
        parameters.only_known(request, Wanted)
        wanted, now = asked(request, Wanted), self._clock.now()
        if wanted.before is not None and self._jobs.run(person, wanted.before) is None:
            return answer({"runs": [], "before": None})  # another's, or no longer kept: told alike
        found = self._jobs.history(
            person,
            job=wanted.job,
            user=seen(person, wanted.user),
            outcome=wanted.outcome,
            trigger=wanted.trigger,
            since=parameters.moment("since", wanted.since, now),
            until=parameters.moment("until", wanted.until, now),
            before=wanted.before,
            limit=wanted.limit,
        )
        further = found[-1].id if len(found) == wanted.limit else None
        return answer({"runs": [run_document(run) for run in found], "before": further})

    def _begin(self, person: Person, once: Once) -> web.Response:
        job = job_of(self._jobs, person, once.job, whose(person, once.user))
        with refusals():
            given = self._jobs.run_once(job.name, job.user, by=person.by)
        if isinstance(given, Refused):
            stored, holder = (None if run is None else run_document(run) for run in (given.run, given.holder))
            raise ProblemError(409, "refused", detail=given.reason, run=stored, holder=holder)
        return answer(run_document(given), 202, {"Location": f"/api/runs/{given.id}"})

    def _run(self, request: web.Request, person: Person) -> Run:
        text = request.match_info["id"]
        fits = text.isascii() and text.isdecimal() and len(text) <= len(str(parameters.LARGEST))
        run = self._jobs.run(person, int(text)) if fits and int(text) <= parameters.LARGEST else None
        if run is None:
            detail = f"no run of yours has the number {text[:20]!r}; `tradewarden history` lists them"
            raise ProblemError(404, "unknown-run", detail=detail)
        return run

    async def _statistics(self, request: web.Request, person: Person) -> web.Response:
        parameters.only_known(request, Counted)
        wanted, now = asked(request, Counted), self._clock.now()
        since = parameters.moment("since", wanted.since, now) or now - MONTH
        name, user = wanted.job, seen(person, wanted.user)
        jobs = [job for job in self._jobs.reports(person) if name in (None, job.name) and user in (None, job.user)]
        try:
            async with asyncio.timeout(SECONDS), self._turn:  # there may be thousands of runs: the desk goes on
                told = [await asyncio.to_thread(self._counts, job.name, job.user, since) for job in jobs]
        except TimeoutError:
            raise ProblemError(503, "query-unavailable", detail=_TOO_SLOW) from None
        found = [
            {"job": job.name, "user": job.user} | statistics_document(each)
            for job, each in zip(jobs, told, strict=True)
        ]
        return answer({"since": iso(since), "statistics": found})


def seen(person: Person, user: str | None) -> str | None:
    """Whose runs are meant: nobody's in particular for an admin who names none, else those of one person."""
    return None if user is None and person.sees("") else whose(person, user)


def run_document(run: Run) -> dict[str, Any]:
    """One run as programs read it."""
    return {
        "id": run.id,
        "job": run.job,
        "user": run.user,
        "trigger": run.trigger,
        "due": iso(run.due),
        "by": run.by,
        "outcome": run.outcome,
        "reason": run.reason,
        "claimedAt": iso_or_none(run.claimed),
        "startedAt": iso_or_none(run.started),
        "endedAt": iso_or_none(run.ended),
        "until": iso_or_none(run.until),
        "seconds": None if run.seconds is None else round(run.seconds, 3),
        "lateSeconds": late(run),
        "exitCode": run.code,
        "pid": None if run.lease is None or run.outcome is not Outcome.RUNNING else run.lease.pid,
        "details": details_of(run),
    }


def details_of(run: Run) -> dict[str, Any]:
    """What it handed back, without the secrets that jobs were given; most have none, and are not looked through."""
    details = dict(run.details)
    return without_secrets(details) if details and holds_secrets(orjson.dumps(details).decode()) else details


def late(run: Run) -> float | None:
    """Seconds from the moment it was due to its start; nothing for what was not due by a clock."""
    if run.started is None or run.trigger not in (Trigger.SCHEDULE, Trigger.AFTER):
        return None
    return round(max(0.0, (run.started - run.due).total_seconds()), 3)


def statistics_document(told: Statistics) -> dict[str, Any]:
    """What the runs of a job came to."""
    return {
        "since": iso(told.since),
        "outcomes": {str(outcome): told.outcomes.get(outcome, 0) for outcome in Outcome},
        "successRate": _rounded(told.success_rate),
        "seconds": {
            "p50": _rounded(told.seconds_p50),
            "p95": _rounded(told.seconds_p95),
            "max": _rounded(told.seconds_max),
        },
        "lateSeconds": {"p50": _rounded(told.lateness_p50), "p99": _rounded(told.lateness_p99)},
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
