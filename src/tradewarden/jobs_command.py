"""The desk's jobs for a person at a terminal: how they stand, one run now, what ran, and their schedules."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from tradewarden.control import RefusedError, UnreachableError, is_problem, told
from tradewarden.desk_command import PATIENCE, UNAVAILABLE, Terminal
from tradewarden.job_words import coming_lines, ended_line, job_lines, job_of, kept_as, run_lines, standing_lines
from tradewarden.screen import Line

LOOK: Final = 0.5  # seconds between two looks at a run that somebody waits for
_RESTS: Final = "`tradewarden start --all`"  # what the problem of a job names while the whole desk is stopped
_OPEN: Final = ("queued", "running")
SHOWN: Final = 20  # times that a dry edit tells, the last ones first
MISSES: Final = 20  # looks that may go wrong: the daemon is restarted, the program runs on

Body = dict[str, Any]


async def schedules(terminal: Terminal, name: str | None, *, user: str | None = None) -> int:
    """Every job, or one; exit status 0, 1 when there is none of that name, 69 when no daemon answers."""

    async def deed() -> int:
        body = await terminal.control.document("/api/schedules", "jobs")
        if name is not None:
            named = [job for job in body["jobs"] if job["name"] == name and user in (None, job["user"])]
            if not named:
                terminal.complain(_unknown(name, body["jobs"], user))
                return 1
            answer = await terminal.control.document("/api/runs/statistics", "statistics", job=name)
            figures = {each["user"]: each for each in answer["statistics"]}
            body["jobs"] = [job | {"statistics": figures.get(job["user"])} for job in named]
        _say(terminal, body, lambda: list(job_lines(body, terminal.screen.columns, whole=name is not None)))
        return 0

    return await reached(terminal, deed)


async def preview(terminal: Terminal, name: str | None, count: int) -> int:
    """The next runs, with the gaps between them; exit status as `schedules`."""

    async def deed() -> int:
        body = await terminal.control.document("/api/schedules/preview", "coming", count=str(count))
        jobs = (await terminal.control.document("/api/schedules", "jobs"))["jobs"]
        if name is not None and name not in [job["name"] for job in jobs]:
            terminal.complain(_unknown(name, jobs, None))
            return 1
        body["coming"] = [each for each in body["coming"] if name in (None, each["job"])]
        shown = [job for job in jobs if name in (None, job["name"])]
        _say(terminal, body, lambda: list(coming_lines(body["coming"], _now(), terminal.screen.columns, shown)))
        return 0

    return await reached(terminal, deed)


async def edit(terminal: Terminal, name: str, change: Body) -> int:
    """Another schedule, enabled or not, or what that would do; exit status 0, 1 when it was refused, 69."""

    async def deed() -> int:
        answer = await terminal.ask(f"/api/schedules/{name}", change)
        if answer is None:
            return 1
        body = answer.body
        _say(terminal, body, lambda: list(_edited(body)))
        return 0

    return await reached(terminal, deed)


def _edited(body: Mapping[str, Any]) -> list[Line]:
    lines = [Line(body["text"])]
    if body["dry"]:
        times = [f"  {datetime.fromisoformat(at):%a %d %b %Y %H:%M:%S}" for at in reversed(body["would"])]
        more = len(times) - SHOWN
        lines += [*map(Line, times[:SHOWN]), *([Line(f"  and {more:,} before them")] if more > 0 else [])]
    return lines


async def run_once(terminal: Terminal, name: str, user: str | None, *, wait: bool) -> int:
    """Run a job now; exit status 0, 1 when it was refused or, waited for, did not succeed, or 69."""

    async def deed() -> int:
        whose = {} if user is None else {"user": user}
        answer = await terminal.control.post("/api/runs", {"job": name} | whose, patience=PATIENCE)
        if is_problem(answer.body):
            terminal.complain("; ".join([told(answer.body), *_way_out(answer.body)]))
            return 1
        run: Body = answer.body
        if not terminal.as_json:
            terminal.screen.say(_begun(run))
        if wait:
            run = await _ended(terminal, run)
        if terminal.as_json:
            terminal.screen.say(json.dumps(run))
        elif wait:
            terminal.screen.say(ended_line(run))
        if not wait:
            return 0
        if run["outcome"] != "success" and not terminal.as_json:
            terminal.screen.say(f"`tradewarden logs {kept_as(run)}` shows what it said.")
        return 0 if run["outcome"] == "success" else 1

    return await reached(terminal, deed)


def _way_out(refusal: Body) -> list[str]:
    """The command that ends what stands in the way, if it still runs or waits."""
    holder = refusal.get("holder")
    if holder is None or holder["outcome"] not in _OPEN:
        return []
    return [f"`tradewarden end-run {holder['id']}` ends it"]


async def end_run(terminal: Terminal, which: str, user: str | None) -> int:
    """End a run, or take back one that waits, by its number or its job; exit status as `edit`."""

    async def deed() -> int:
        number = int(which) if which.isdecimal() else await _open_run(terminal, which, user)
        if number is None:
            return 1
        answer = await terminal.ask(f"/api/runs/{number}/stop", {})
        if answer is None:
            return 1
        run: Body = answer.body
        if terminal.as_json:
            terminal.screen.say(json.dumps(run))
        elif run["outcome"] in _OPEN:
            terminal.screen.say(f"{job_of(run)} is being ended: `tradewarden history --job {run['job']}` tells of it.")
        else:
            terminal.screen.say(ended_line(run))
        return 0

    return await reached(terminal, deed)


async def _open_run(terminal: Terminal, name: str, user: str | None) -> int | None:
    """The number of the run of a job that runs or waits; none when it is unclear which, which is told."""
    jobs = (await terminal.control.document("/api/schedules", "jobs"))["jobs"]
    named = [job for job in jobs if job["name"] == name and user in (None, job["user"])]
    found = [job["running"] for job in named if job["running"] is not None]
    if not named:
        terminal.complain(_unknown(name, jobs, user))
    elif not found:
        terminal.complain(
            f"no run of {name} runs or waits: `tradewarden history --job {name}` tells what became of it."
        )
    elif len(found) > 1:
        runs = ", ".join(f"{run['id']} of {run['user']}" for run in found)
        terminal.complain(f"{name} has more than one run: {runs}; say which, by its number or with --user NAME.")
    return found[0]["id"] if len(found) == 1 else None


def _unknown(name: str, jobs: Sequence[Body], user: str | None) -> str:
    """No job of this name, or none of this person."""
    whose = sorted({job["user"] for job in jobs if job["name"] == name})
    if whose == [""] and user:
        return f"{name} is the desk's own job: leave --user out."
    if whose:
        return f"{user!r} has no job {name}; of those who have it, known are {', '.join(whose)}."
    known = ", ".join(dict.fromkeys(job["name"] for job in jobs)) or "none"
    return f"no job is called {name!r}; known are {known}."


def _begun(run: Body) -> str:
    """Buy_orders of asha runs, as run 7."""
    if run["outcome"] == "queued" and run["reason"]:
        return f"{job_of(run)} waits, as run {run['id']}: {run['reason']}."
    return f"{job_of(run)} begins, as run {run['id']}."


async def _ended(terminal: Terminal, run: Body) -> Body:
    """The run once it has ended. Raises UnreachableError when the daemon has been away for too long."""
    misses = 0
    while run["outcome"] in _OPEN:
        await asyncio.sleep(LOOK)
        try:
            run = await terminal.control.document(f"/api/runs/{run['id']}", "outcome")
            misses = 0
        except RefusedError:
            raise
        except UnreachableError:
            misses += 1
            if misses > MISSES:
                raise
    return run


async def history(terminal: Terminal, filters: Mapping[str, str]) -> int:
    """The newest runs that fit; exit status 0, 1 when a filter makes no sense, 69 when no daemon answers."""

    async def deed() -> int:
        body = await terminal.control.document("/api/runs", "runs", **filters)
        if not body["runs"] and (wrong := await _nobodys(terminal, filters)) is not None:
            terminal.complain(wrong)
            return 1
        _say(terminal, body, lambda: list(run_lines(body["runs"], _now(), terminal.screen.columns)))
        if body["before"] is not None and not terminal.as_json:
            terminal.screen.say(f"There may be more: --before {body['before']} goes on.")
        return 0

    return await reached(terminal, deed)


async def _nobodys(terminal: Terminal, filters: Mapping[str, str]) -> str | None:
    """What is wrong with the job or the person of a question that found nothing."""
    name, user = filters.get("job"), filters.get("user")
    if name is None and not user:
        return None
    jobs = (await terminal.control.document("/api/schedules", "jobs"))["jobs"]
    if name is not None and not any(job["name"] == name and user in (None, job["user"]) for job in jobs):
        return _unknown(name, jobs, user)
    people = list(dict.fromkeys(job["user"] for job in jobs if job["user"]))
    if user and user not in people:
        return f"nobody who is called {user!r} has jobs; known are {', '.join(people) or 'none'}."
    return None


async def standing(terminal: Terminal, change: Body | None) -> int:
    """How the desks stand, or that one of them, or a job, stands otherwise; exit status as `edit`."""

    async def deed() -> int:
        if change is None:
            body = await terminal.control.document("/api/standings", "standings")
            jobs = (await terminal.control.document("/api/schedules", "jobs"))["jobs"]
            resting = dict.fromkeys(job["problem"] for job in jobs if _RESTS in (job["problem"] or ""))
            notes = [Line(problem, "!", "warn") for problem in resting]
            _say(terminal, body, lambda: [*standing_lines(body["standings"]), *notes])
            return 0
        answer = await terminal.ask("/api/standings", change)
        if answer is None:
            return 1
        body = answer.body
        _say(terminal, body, lambda: [Line(body["text"])])
        return 0

    return await reached(terminal, deed)


def _say(terminal: Terminal, body: Body, lines: Callable[[], list[Line]]) -> None:
    terminal.screen.say(*([json.dumps(body)] if terminal.as_json else lines()))


def _now() -> datetime:
    return datetime.now().astimezone()


async def reached(terminal: Terminal, deed: Callable[[], Awaitable[int]]) -> int:
    """The deed's exit status, or what is told when the daemon says no or is not there."""
    try:
        async with terminal.control:
            return await deed()
    except RefusedError as refused:
        terminal.complain(str(refused))
        return 1
    except UnreachableError as error:
        terminal.complain(str(error))
        return UNAVAILABLE
