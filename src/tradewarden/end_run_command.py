"""The end of a run that runs or waits, for a person at a terminal, who names its number or its job."""

from __future__ import annotations

import json

from tradewarden.desk_command import Terminal
from tradewarden.job_terminal import OPEN, Body, reached, unknown
from tradewarden.job_words import ended_line, job_of


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
        elif run["outcome"] in OPEN:
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
        terminal.complain(unknown(name, jobs, user))
    elif not found:
        terminal.complain(
            f"no run of {name} runs or waits: `tradewarden history --job {name}` tells what became of it."
        )
    elif len(found) > 1:
        runs = ", ".join(f"{run['id']} of {run['user']}" for run in found)
        terminal.complain(f"{name} has more than one run: {runs}; say which, by its number or with --user NAME.")
    return found[0]["id"] if len(found) == 1 else None
