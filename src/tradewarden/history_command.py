"""What ran, or should have, for a person at a terminal."""

from __future__ import annotations

from collections.abc import Mapping

from tradewarden.desk_command import Terminal
from tradewarden.job_terminal import now, reached, say, unknown
from tradewarden.job_words import run_lines


async def history(terminal: Terminal, filters: Mapping[str, str]) -> int:
    """The newest runs that fit; exit status 0, 1 when a filter makes no sense, 69 when no daemon answers."""

    async def deed() -> int:
        body = await terminal.control.document("/api/runs", "runs", **filters)
        if not body["runs"] and (wrong := await _nobodys(terminal, filters)) is not None:
            terminal.complain(wrong)
            return 1
        say(terminal, body, lambda: list(run_lines(body["runs"], now(), terminal.screen.columns)))
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
        return unknown(name, jobs, user)
    people = list(dict.fromkeys(job["user"] for job in jobs if job["user"]))
    if user and user not in people:
        return f"nobody who is called {user!r} has jobs; known are {', '.join(people) or 'none'}."
    return None
