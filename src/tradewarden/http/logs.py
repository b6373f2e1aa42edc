"""The services' logs over HTTP: the last lines of one or of all, as JSON lines or as text."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

import orjson
from aiohttp import web

from tradewarden.http.body import asked
from tradewarden.http.desk_port import Programs
from tradewarden.http.jobs_port import Jobs
from tradewarden.http.member import Member
from tradewarden.http.problems import ProblemError, rate_limited
from tradewarden.http.verbs import nobody
from tradewarden.http.visitors import Visitors, who
from tradewarden.machines.job import kept_as
from tradewarden.orchestrator.clock import IST, Clock
from tradewarden.orchestrator.log_line import LEVELS, LogLine, Wanted, stamp
from tradewarden.orchestrator.logs import MOST_LINES, Logs, Tail

USUAL: Final = 100  # lines
MOMENTS: Final = "a moment such as 2026-11-23T09:15, or 90s, 15m, 2h, 1d ago"
SECONDS: Final = 30.0  # for one question
_TOO_SLOW: Final = f"the search took longer than {SECONDS:g} s: ask for fewer lines, one service, or a later time"
YEARS: Final = range(1970, 9999)  # at the ends of time no zone can be reckoned with
_GREP: Final = 200  # characters
_AT_ONCE: Final = 2  # questions: each takes a thread and may read a lot
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class LogsQuery:
    """Which lines are wanted."""

    lines: Annotated[int | None, Member(f"allowed is 0 to {MOST_LINES}", 0, MOST_LINES)] = None
    grep: Annotated[str, Member(f"what a line must have in it, at most {_GREP} characters", None, _GREP)] = ""
    since: Annotated[str | None, Member(MOMENTS, example="15m")] = None
    level: Annotated[Literal["debug", "info", "warning", "error"] | None, Member(f"known are {', '.join(LEVELS)}")] = (
        None
    )
    format: Annotated[Literal["json", "text"], Member("known are json, text")] = "json"
    service: Annotated[tuple[str, ...], Member("a program, several times for several; all else", example="feed")] = ()


_PARAMETERS: Final = tuple(field.name for field in fields(LogsQuery))


class LogsDoor:
    """GET /api/logs and GET /api/logs/NAME, all for an admin, own jobs for a trader; log_stream.py tells what comes."""

    def __init__(self, logs: Logs, programs: Programs, clock: Clock, jobs: Jobs | None = None) -> None:
        self._logs, self._programs, self._clock, self._jobs = logs, programs, clock, jobs
        self._turns = asyncio.Semaphore(_AT_ONCE)

    def routes(self, _visitors: Visitors) -> list[web.RouteDef]:
        """All services together, and one of them."""

        async def get(request: web.Request) -> web.Response:
            names, query = services_of(request, self._programs, self._jobs), asked(request, LogsQuery)
            wanted, lines = wanted_of(query, self._clock.now()), USUAL if query.lines is None else query.lines
            if self._turns.locked():
                raise rate_limited(2)
            try:
                async with self._turns, asyncio.timeout(SECONDS):
                    found = await asyncio.to_thread(self._logs.tail, names, wanted, lines=lines)
            except TimeoutError:
                raise ProblemError(503, "query-unavailable", detail=_TOO_SLOW) from None
            return _told(found, query.format)

        return [web.get("/api/logs", get), web.get("/api/logs/{name}", get)]


def services_of(request: web.Request, programs: Programs, jobs: Jobs | None = None) -> Sequence[str]:
    """The services and jobs that are asked about: the path's, those named by ?service=, or all."""
    strange = [key[:64] for key in request.query if key not in _PARAMETERS]
    if strange:
        raise _invalid(strange[0], f"not known; allowed are {', '.join(_PARAMETERS)}")
    own = request.match_info.get("name")
    names = list(dict.fromkeys([own] if own is not None else request.query.getall("service", [])))
    person = who(request)
    if not all(person.sees(owner_of(name)) for name in names):  # before it is told whether there is such a name
        raise ProblemError(403, "forbidden", detail=f"{person.by} may read the logs of their own jobs only")
    services = [each.name for each in programs.report().services]
    instances = [] if jobs is None else [kept_as(each.name, each.user) for each in jobs.reports(person)]
    if (problem := nobody(names, programs, instances)) is not None:
        raise problem
    return names or [*(each for each in services if person.sees(owner_of(each))), *instances]


def owner_of(name: str) -> str:
    """Whose output this is: NAME@USER is a trader's, anything else the desk's own."""
    return name.partition("@")[2]


def wanted_of(query: LogsQuery, now: datetime) -> Wanted:
    """Which of their lines are wanted."""
    return Wanted(text=query.grep, level=query.level, since=_since(query.since, now))


def line_document(line: LogLine) -> dict[str, Any]:
    """One line as programs read it."""
    return {"at": line.at, "service": line.service, "level": line.level, "text": line.text}


def _told(found: Tail, form: str) -> web.Response:
    if form == "text":
        lines = [f"{line.at} {line.service} {line.text}" for line in found.lines]
        body = "".join(f"{line}\n" for line in [*(f"# {trouble}" for trouble in found.troubles), *lines]).encode()
        kind = "text/plain; charset=utf-8"
    else:
        documents = [*({"trouble": trouble} for trouble in found.troubles), *map(line_document, found.lines)]
        body = b"".join(orjson.dumps(document) + b"\n" for document in documents)
        kind = "application/x-ndjson"
    return web.Response(body=body, headers={"Content-Type": kind, "Cache-Control": "no-store"})


def moment_of(text: str, now: datetime) -> datetime:
    """A moment (ISO 8601, IST without an offset), or so long ago: 90s, 15m, 2h, 1d. Raises ValueError."""
    number, unit = text[:-1], text[-1:]
    if number.isdecimal() and len(number) < 7 and unit in _UNITS:  # noqa: PLR2004 - digits, more than any log has days
        return now - timedelta(seconds=int(number) * _UNITS[unit])
    moment = datetime.fromisoformat(text)
    if moment.year not in YEARS:
        raise ValueError(f"{moment.year} is no year of a desk")
    return moment if moment.tzinfo else moment.replace(tzinfo=IST)


def _since(since: str | None, now: datetime) -> str:
    try:
        return "" if since is None else stamp(moment_of(since, now))
    except (ValueError, OverflowError):
        raise _invalid("since", MOMENTS) from None


def _invalid(parameter: str, detail: str) -> ProblemError:
    return ProblemError(422, "validation", errors=[{"parameter": parameter, "detail": detail}])
