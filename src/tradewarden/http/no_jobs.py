"""A desk without jobs, as far as HTTP sees it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NoReturn

from tradewarden.http.jobs_port import Coming, News
from tradewarden.machines.job_report import EditAnswer, JobReport, Statistics
from tradewarden.machines.role import Person
from tradewarden.machines.run import Refused, Run
from tradewarden.orchestrator.orders import RefusedError


class NoJobs:
    """Has none, and says so."""

    def reports(self, person: Person) -> list[JobReport]:
        """None."""
        del person
        return []

    def run_once(self, job: str, user: str, *, by: str) -> Run | Refused:
        """There is none to run."""
        self._refuse(job, user, by)

    def end_run(self, run_id: int, *, by: str) -> Run:
        """There is none to end."""
        self._refuse(run_id, by)

    def stand(self, user: str, job: str, on: bool, *, by: str) -> str:  # noqa: FBT001 - as the port has it
        """There is none to stand."""
        self._refuse(user, job, on, by)

    def edit(
        self, job: str, user: str, *, text: Sequence[str] | None, enabled: bool | None, dry: bool, by: str
    ) -> EditAnswer:
        """There is none to edit."""
        self._refuse(job, user, text, enabled, dry, by)

    def preview(self, person: Person, count: int) -> Sequence[Coming]:
        """Nothing comes."""
        del person, count
        return ()

    def history(self, person: Person, **filters: Any) -> list[Run]:
        """Nothing ran."""
        del person, filters
        return []

    def run(self, person: Person, run_id: int) -> Run | None:
        """There was none."""
        return self.history(person)[run_id] if self.history(person) else None

    def statistics(self, person: Person, job: str, user: str, since: datetime) -> Statistics:
        """Nothing to count."""
        del person, job, user
        return Statistics(since=since)

    def subscribe(self, callback: News) -> None:
        """Nothing changes."""
        del callback

    def _refuse(self, *_asked: object) -> NoReturn:
        raise RefusedError("there is no job: one is a table [services.NAME] with a schedule in tradewarden.toml")
