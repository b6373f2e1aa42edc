"""One run of a job now, for a person at a terminal, who may wait for its end."""

from __future__ import annotations

import asyncio
import json
from typing import Final

from tradewarden.control import RefusedError, UnreachableError, is_problem, told
from tradewarden.desk_command import PATIENCE, Terminal
from tradewarden.job_terminal import OPEN, Body, reached
from tradewarden.job_words import ended_line, job_of, kept_as

LOOK: Final = 0.5  # seconds between two looks at a run that somebody waits for
MISSES: Final = 20  # looks that may go wrong: the daemon is restarted, the program runs on


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
    if holder is None or holder["outcome"] not in OPEN:
        return []
    return [f"`tradewarden end-run {holder['id']}` ends it"]


def _begun(run: Body) -> str:
    """Buy_orders of asha runs, as run 7."""
    if run["outcome"] == "queued" and run["reason"]:
        return f"{job_of(run)} waits, as run {run['id']}: {run['reason']}."
    return f"{job_of(run)} begins, as run {run['id']}."


async def _ended(terminal: Terminal, run: Body) -> Body:
    """The run once it has ended. Raises UnreachableError when the daemon has been away for too long."""
    misses = 0
    while run["outcome"] in OPEN:
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
