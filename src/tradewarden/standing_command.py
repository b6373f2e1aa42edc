"""Whether the desks and their jobs run on schedule, for a person at a terminal."""

from __future__ import annotations

from typing import Final

from tradewarden.desk_command import Terminal
from tradewarden.job_terminal import Body, reached, say
from tradewarden.job_words import standing_lines
from tradewarden.screen import Line

_RESTS: Final = "`tradewarden start --all`"  # what the problem of a job names while the whole desk is stopped


async def standing(terminal: Terminal, change: Body | None) -> int:
    """How the desks stand, or that one of them, or a job, stands otherwise; exit status as `edit`."""

    async def deed() -> int:
        if change is None:
            body = await terminal.control.document("/api/standings", "standings")
            jobs = (await terminal.control.document("/api/schedules", "jobs"))["jobs"]
            resting = dict.fromkeys(job["problem"] for job in jobs if _RESTS in (job["problem"] or ""))
            notes = [Line(problem, "!", "warn") for problem in resting]
            say(terminal, body, lambda: [*standing_lines(body["standings"]), *notes])
            return 0
        answer = await terminal.ask("/api/standings", change)
        if answer is None:
            return 1
        body = answer.body
        say(terminal, body, lambda: [Line(body["text"])])
        return 0

    return await reached(terminal, deed)
