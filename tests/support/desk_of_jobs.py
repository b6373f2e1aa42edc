"""A desk of jobs at which commands are given, on paper."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from jobs_shown import Jobs, serving_jobs
from terminals import paper
from tradewarden.control import Control
from tradewarden.desk_command import Terminal
from tradewarden.machines.job_report import JobReport
from tradewarden.machines.run import Outcome, Run

Deed = Callable[[Terminal], Awaitable[int]]


class Desk:
    """What a command did: its exit status, what it printed, what it complained of."""

    def __init__(self, directory: Path, jobs: list[JobReport] | None = None) -> None:
        self.directory, self.told = directory, jobs
        self.before: Callable[[Jobs], None] = lambda _: None
        self.beside: Callable[[Jobs], Awaitable[None]] | None = None

    async def __call__(self, deed: Deed, *, as_json: bool = False) -> tuple[int, list[str], list[str]]:
        screen, out = paper()
        said: list[str] = []
        async with serving_jobs(self.directory, self.told) as (_, self.jobs):
            self.before(self.jobs)
            self.before = lambda _: None
            terminal = Terminal(Control(socket=self.directory / "control"), screen, said.append, as_json=as_json)
            async with asyncio.TaskGroup() as group:
                if self.beside is not None:
                    group.create_task(self.beside(self.jobs))  # type: ignore[arg-type]
                code = await deed(terminal)
        return code, out.getvalue().splitlines(), said


def ran(jobs: Jobs, job: str, user: str, outcome: Outcome, **how: Any) -> None:
    """A run of the job from its claim to its end."""
    run = jobs.run_once(job, user, by="asha")
    assert isinstance(run, Run)
    jobs.begin(run.id)
    jobs.end(run.id, outcome, **how)
