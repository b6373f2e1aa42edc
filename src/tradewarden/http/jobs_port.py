"""What the HTTP side needs of the desk's jobs: how they do, one run now, the schedules, the history, and the news."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from tradewarden.machines.job_report import EditAnswer, JobReport, Weighed
from tradewarden.machines.role import Person
from tradewarden.machines.run import Outcome, Refused, Run, Trigger

News = Callable[[Run | JobReport], None]


class Coming(Protocol):
    """A run to come, or a day without one and the reason."""

    @property
    def job(self) -> str:
        """Whose."""
        ...

    @property
    def user(self) -> str:
        """Of which trader; empty: the desk's own."""
        ...

    @property
    def at(self) -> datetime:
        """When it is due."""
        ...

    @property
    def until(self) -> datetime | None:
        """When its window closes; nothing for a gap."""
        ...

    @property
    def reason(self) -> str | None:
        """Why there is none."""
        ...


class Jobs(Protocol):
    """Whoever runs the desk's jobs; each verb answers at once, and RefusedError says why it cannot be done."""

    def reports(self, person: Person) -> list[JobReport]:
        """How the jobs that this person may see do, in the order of the configuration."""
        ...

    def are_any(self) -> bool:
        """Whether the desk has jobs at all, whoever asks."""
        ...

    def run_once(self, job: str, user: str, *, by: str) -> Run | Refused:
        """Run it now, unless a run stands in the way. Raises RefusedError for an unknown or a disabled one."""
        ...

    def end_run(self, run_id: int, *, by: str) -> Run:
        """Stop what runs; it counts as failed. Raises RefusedError when it has ended."""
        ...

    def stand(self, user: str, job: str, on: bool, *, by: str) -> str:  # noqa: FBT001 - on or off is what is said
        """Let a person's desk as a whole (no job), or one job of it, run on schedule or not: a sentence."""
        ...

    def weigh(self, job: str, text: Sequence[str] | None, *, dry: bool) -> Weighed | None:
        """What is wrong with these schedules, and what they would have done: it takes long, and goes in any thread."""
        ...

    def edit(
        self,
        job: str,
        user: str,
        *,
        text: Sequence[str] | None,
        enabled: bool | None,
        dry: bool,
        by: str,
        weighed: Weighed | None = None,
    ) -> EditAnswer:
        """Another schedule, or whether the job is enabled; nothing stays as it is, `dry` only tells.

        `weighed`: what `weigh` has said of the same.
        """
        ...

    def preview(self, person: Person, count: int) -> Sequence[Coming]:
        """The next runs of all jobs that this person may see, in the order of time, with the gaps; from any thread."""
        ...

    def history(
        self,
        person: Person,
        *,
        job: str | None = None,
        user: str | None = None,
        outcome: Outcome | None = None,
        trigger: Trigger | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[Run]:
        """The runs that this person may see, the newest first."""
        ...

    def run(self, person: Person, run_id: int) -> Run | None:
        """One of them."""
        ...

    def subscribe(self, callback: News) -> None:
        """Call back with each change of a run, and of how a job stands."""
        ...
