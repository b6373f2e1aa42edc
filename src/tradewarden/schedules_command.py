"""The schedules of the desk's jobs for a person at a terminal: how the jobs stand, what comes, and a change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from tradewarden.desk_command import Terminal
from tradewarden.job_terminal import Body, now, reached, say, unknown
from tradewarden.job_words import coming_lines, job_lines
from tradewarden.screen import Line

SHOWN: Final = 20  # times that a dry edit tells, the last ones first


async def schedules(terminal: Terminal, name: str | None, *, user: str | None = None) -> int:
    """Every job, or one; exit status 0, 1 when there is none of that name, 69 when no daemon answers."""

    async def deed() -> int:
        body = await terminal.control.document("/api/schedules", "jobs")
        if name is not None:
            named = [job for job in body["jobs"] if job["name"] == name and user in (None, job["user"])]
            if not named:
                terminal.complain(unknown(name, body["jobs"], user))
                return 1
            answer = await terminal.control.document("/api/runs/statistics", "statistics", job=name)
            figures = {each["user"]: each for each in answer["statistics"]}
            body["jobs"] = [job | {"statistics": figures.get(job["user"])} for job in named]
        say(terminal, body, lambda: list(job_lines(body, terminal.screen.columns, whole=name is not None)))
        return 0

    return await reached(terminal, deed)


async def preview(terminal: Terminal, name: str | None, count: int) -> int:
    """The next runs, with the gaps between them; exit status as `schedules`."""

    async def deed() -> int:
        body = await terminal.control.document("/api/schedules/preview", "coming", count=str(count))
        jobs = (await terminal.control.document("/api/schedules", "jobs"))["jobs"]
        if name is not None and name not in [job["name"] for job in jobs]:
            terminal.complain(unknown(name, jobs, None))
            return 1
        body["coming"] = [each for each in body["coming"] if name in (None, each["job"])]
        shown = [job for job in jobs if name in (None, job["name"])]
        say(terminal, body, lambda: list(coming_lines(body["coming"], now(), terminal.screen.columns, shown)))
        return 0

    return await reached(terminal, deed)


async def edit(terminal: Terminal, name: str, change: Body) -> int:
    """Another schedule, enabled or not, or what that would do; exit status 0, 1 when it was refused, 69."""

    async def deed() -> int:
        answer = await terminal.ask(f"/api/schedules/{name}", change)
        if answer is None:
            return 1
        body = answer.body
        say(terminal, body, lambda: list(_edited(body)))
        return 0

    return await reached(terminal, deed)


def _edited(body: Mapping[str, Any]) -> list[Line]:
    lines = [Line(body["text"])]
    if body["dry"]:
        times = [f"  {datetime.fromisoformat(at):%a %d %b %Y %H:%M:%S}" for at in reversed(body["would"])]
        more = len(times) - SHOWN
        lines += [*map(Line, times[:SHOWN]), *([Line(f"  and {more:,} before them")] if more > 0 else [])]
    return lines
