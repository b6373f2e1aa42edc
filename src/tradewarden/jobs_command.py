"""The desk's jobs for a person at a terminal: how they stand, one run now, what ran, and their schedules."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final

from tradewarden.control import RefusedError, UnreachableError
from tradewarden.desk_command import UNAVAILABLE, Terminal
from tradewarden.job_words import coming_lines, ended_line, job_lines, job_of, kept_as, run_lines, standing_lines
from tradewarden.screen import Line

LOOK: Final = 0.5  # seconds between two looks at a run that somebody waits for
MISSES: Final = 20  # looks that may go wrong: the daemon is restarted, the program runs on

Body = dict[str, Any]


async def schedules(terminal: Terminal, name: str | None, *, user: str | None = None) -> int:
    """Every job, or one; exit status 0, 1 when there is none of that name, 69 when no daemon answers."""

    async def deed() -> int:
        body = await terminal.control.document("/api/schedules", "jobs")
        if name is not None:
            named = [job for job in body["jobs"] if job["name"] == name and user in (None, job["user"])]
            if not named:
                known = ", ".join(dict.fromkeys(job["name"] for job in body["jobs"])) or "none"
                terminal.complain(f"no job is called {name!r}; known are {known}.")
                return 1
            body["jobs"] = named
            told = await terminal.control.document("/api/runs/statistics", "statistics", job=name)
            figures = {each["user"]: each for each in told["statistics"]}
            body["jobs"] = [job | {"statistics": figures.get(job["user"])} for job in named]
        _say(terminal, body, lambda: list(job_lines(body, terminal.screen.columns, whole=name is not None)))
        return 0

    return await reached(terminal, deed)


async def preview(terminal: Terminal, name: str | None, count: int) -> int:
    """The next runs, with the gaps between them; exit status as `schedules`."""

    async def deed() -> int:
        body = await terminal.control.document("/api/schedules/preview", "coming", count=str(count))
        body["coming"] = [each for each in body["coming"] if name in (None, each["job"])]
        _say(terminal, body, lambda: list(coming_lines(body["coming"], _now(), terminal.screen.columns)))
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
        times = [f"  {datetime.fromisoformat(at):%a %d %b %Y %H:%M:%S}" for at in body["would"]]
        often = {0: "never.", 1: "once:"}.get(len(times), f"{len(times)} times:")
        lines += [Line(f"Last month it would have run {often}"), *map(Line, times)]
    return lines


async def run_once(terminal: Terminal, name: str, user: str | None, *, wait: bool) -> int:
    """Run a job now; exit status 0, 1 when it was refused or, waited for, did not succeed, or 69."""

    async def deed() -> int:
        whose = {} if user is None else {"user": user}
        answer = await terminal.ask("/api/runs", {"job": name} | whose)
        if answer is None:
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


def _begun(run: Body) -> str:
    """Buy_orders of asha runs, as run 7."""
    if run["outcome"] == "queued" and run["reason"]:
        return f"{job_of(run)} waits, as run {run['id']}: {run['reason']}."
    return f"{job_of(run)} begins, as run {run['id']}."


async def _ended(terminal: Terminal, run: Body) -> Body:
    """The run once it has ended. Raises UnreachableError when the daemon has been away for too long."""
    misses = 0
    while run["outcome"] in ("queued", "running"):
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
        _say(terminal, body, lambda: list(run_lines(body["runs"], _now(), terminal.screen.columns)))
        if body["before"] is not None and not terminal.as_json:
            terminal.screen.say(f"There may be more: --before {body['before']} goes on.")
        return 0

    return await reached(terminal, deed)


async def standing(terminal: Terminal, change: Body | None) -> int:
    """How the desks stand, or that one of them, or a job, stands otherwise; exit status as `edit`."""

    async def deed() -> int:
        if change is None:
            body = await terminal.control.document("/api/standings", "standings")
            _say(terminal, body, lambda: list(standing_lines(body["standings"])))
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
