"""Scenes of a desk's jobs in virtual time: the real driver, scheduler and ledger, and processes that end as told."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from tradewarden.machines.job import Job
from tradewarden.machines.job_report import JobReport
from tradewarden.machines.role import Person, Role
from tradewarden.machines.run import Run
from tradewarden.orchestrator.clock import IST
from tradewarden.orchestrator.keepers import Spec
from tradewarden.orchestrator.ledger import LedgerError
from year_of_jobs import BEGIN, DAY, Driver, Year

ADMIN: Final = Person(name="", role=Role.ADMIN, by="test")


@dataclass
class Life:
    """How processes of a job end: after so many seconds, with this code."""

    lasts: float = 10 * DAY
    code: int = 0
    stops: float = 1.5


class Scene(Year):
    """A desk at a moment of its time, with these jobs; nothing happens but what the test says."""

    def __init__(self, state: Path, *jobs: Job, at: str = "2026-11-23 09:00", traders: Sequence[str] = ()) -> None:
        super().__init__(state, 0, days=0, jobs=jobs, traders=traders)
        self.true = (datetime.fromisoformat(at).replace(tzinfo=IST) - BEGIN).total_seconds()
        self.booted = self.true - 1000
        self.life = Life()
        self.file._db.execute("PRAGMA busy_timeout = 0")  # nobody waits for real
        self.alerts: list[Run] = []
        self.news: list[Run | JobReport] = []

    def lasts(self, _spec: Spec) -> float:
        return self.life.lasts

    def code(self, _spec: Spec) -> int:
        return self.life.code

    def stops(self) -> float:
        return self.life.stops

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Another program writes in the ledger all the while."""
        with closing(sqlite3.connect(self.state / "ledger.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield

    def unreadable(self) -> None:
        """From now on the ledger tells nothing."""

        def refuse(*_told: object) -> None:
            raise LedgerError("the ledger cannot be read")

        self.file.read = refuse  # type: ignore[method-assign, assignment]

    def heal(self) -> None:
        """It does again."""
        del self.file.read

    @asynccontextmanager
    async def daemon(self) -> AsyncIterator[Driver]:
        """One daemon's life; it is killed at its end."""
        driver = self._driver()
        driver.alert = self.alerts.append
        driver.subscribe(self.news.append)
        driver.begin()
        await self._settle()
        try:
            yield driver
        finally:
            self.kills += 1
            for task in self.tasks:
                task.cancel()
            self.tasks.clear()

    async def go(self, driver: Driver, to: str, *, beat: float = 1.0) -> None:
        """Live on to this time of the desk's day, as IST has it, or by so many seconds ("+3")."""
        end = self.true + float(to) if to.startswith("+") else self._seconds(to)
        while self.true < end:
            ends = min((each.ends for each in self.keepers.alive.values()), default=end)
            rings = driver.wake_at if driver.wake_at > self.true else end
            self.true = min(end, self.true + beat, rings, max(ends, self.true + 0.001))
            if woken := self.keepers.pass_time():
                driver.woken(woken)
            driver.look()
            await self._settle()

    def _seconds(self, to: str) -> float:
        now = self.now().astimezone(IST)
        moment = datetime.combine(now.date(), datetime.fromisoformat(f"2000-01-01 {to}").time(), IST)
        moment += timedelta(days=1) if moment < now else timedelta()
        return self.true + (moment.astimezone(UTC) - self.now()).total_seconds()

    def told(self, name: str, user: str = "") -> list[str]:
        """Its runs, the oldest first: what asked, when it was due, and how it ended."""
        runs = sorted(self.runs(name, user), key=lambda run: run.id)
        return [f"{run.trigger} {run.due.astimezone(IST):%H:%M:%S} {run.outcome}" for run in runs]

    def last(self, name: str, user: str = "") -> Run:
        """The run that was claimed last."""
        return max(self.runs(name, user), key=lambda run: run.id)
