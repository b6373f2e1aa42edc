"""The driver of a desk's jobs on real keepers, with a clock that a test moves and a world that it makes up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from kept_desk import MadeUp, end_keepers
from tradewarden.machines.calendar import Calendar
from tradewarden.machines.day_book import CalendarBook
from tradewarden.machines.job import Does, Job, Trader
from tradewarden.machines.job_report import JobReport
from tradewarden.machines.role import Person, Role
from tradewarden.machines.run import Lease, Outcome, Run
from tradewarden.machines.schedule_words import parse
from tradewarden.machines.service import Again, Restarts
from tradewarden.orchestrator.calendar import load_calendar
from tradewarden.orchestrator.clock import IST
from tradewarden.orchestrator.job import JobHost
from tradewarden.orchestrator.job_plans import Around
from tradewarden.orchestrator.jobs import JobsDriver
from tradewarden.orchestrator.keepers import Keepers
from tradewarden.orchestrator.lease import own_lease
from tradewarden.orchestrator.ledger import Ledger
from tradewarden.orchestrator.ledger_file import LedgerFile
from tradewarden.orchestrator.runs import Runs
from tradewarden.orchestrator.schedule_edits import Edits
from tradewarden.orchestrator.standings import Standings

ADMIN = Person(name="", role=Role.ADMIN, by="test")
SECOND = timedelta(seconds=1)


@cache
def shipped() -> Calendar:
    """The calendar that comes with the package."""
    return load_calendar(None)


class MovedClock:
    """The world's time, moved by as much as the test says."""

    simulated = True

    def __init__(self) -> None:
        self.shift = timedelta()

    def mono_ns(self) -> int:
        return time.monotonic_ns()

    def now(self) -> datetime:
        return datetime.now(IST) + self.shift


@dataclass
class Place:
    """What outlasts a daemon: its directory, the clock, the world and who trades."""

    state: Path
    clock: MovedClock = field(default_factory=MovedClock)
    world: MadeUp = field(default_factory=MadeUp)
    traders: list[str] = field(default_factory=list)
    people: dict[str, Trader] = field(default_factory=dict)
    programs: set[str] = field(default_factory=set)
    lease: Lease = field(default_factory=own_lease)
    calendar: Calendar = field(default_factory=shipped)
    asleep: float = 0.0  # seconds that the machine has slept since the first daemon came

    def uptime(self) -> float:
        """Seconds since the machine began, its sleep among them."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) + self.asleep

    def at(self, seconds: float) -> str:
        """A schedule so far from now."""
        moment = self.clock.now() + timedelta(seconds=seconds)
        return f"once {moment:%Y-%m-%d %H:%M:%S}"

    def between(self, begin: float, end: float) -> str:
        """A window from and to so far from now."""
        one, other = (self.clock.now() + timedelta(seconds=each) for each in (begin, end))
        return f"between {one:%H:%M:%S} and {other:%H:%M:%S} on all days"

    def ran(self) -> list[str]:
        """What the jobs' programs have noted."""
        file = self.state / "ran"
        return file.read_text().split() if file.exists() else []


def job(name: str, script: str, *schedules: str, **told: Any) -> Job:
    """A few words of shell."""
    repaired = told.get("does", Does.ORDERS).is_repaired
    given: dict[str, Any] = {
        "directory": "/",
        "schedules": tuple(
            parse(each, segment="NSE_EQ", zone="Asia/Kolkata", known_segments=["NSE_EQ"]) for each in schedules
        ),
        "restarts": Restarts(when=Again.FAILURE if repaired else Again.NEVER, base=0.05, cap=0.1, attempts=3),
        "stop_seconds": 1.0,
    }
    return Job(name=name, command=("sh", "-c", script), **(given | told))


@dataclass
class KeptJobs:
    """The driver of one daemon's life."""

    driver: JobsDriver
    place: Place
    keepers: Keepers
    runs: Runs
    news: list[Run | JobReport]
    alerts: list[Run]

    def history(self, job: str | None = None, user: str | None = None) -> list[Run]:
        return self.runs.history(job=job, user=user)[::-1]

    def outcomes(self, job: str | None = None, user: str | None = None) -> list[str]:
        return [str(run.outcome) for run in self.history(job, user)]

    def of(self, job: str, user: str = "") -> JobReport:
        return next(each for each in self.driver.reports(ADMIN) if (each.name, each.user) == (job, user))

    def only(self, job: str) -> Run:
        (run,) = self.history(job)
        return run

    async def until(self, holds: Callable[[], object], within: float = 10.0) -> None:
        """Beat, as the daemon does, until it is so."""
        deadline = time.monotonic() + within
        while not holds():
            if time.monotonic() > deadline:
                raise AssertionError(f"it did not come to that: {self.history()}, {self.place.ran()}")
            await asyncio.sleep(0.02)
            self.driver.look()

    async def until_ran(self, *words: str) -> None:
        await self.until(lambda: self.place.ran() == list(words))

    async def until_outcomes(self, job: str | None, *outcomes: Outcome | str) -> None:
        await self.until(lambda: self.outcomes(job) == [str(each) for each in outcomes])


@asynccontextmanager
async def kept_jobs(place: Place, *jobs: Job, killed: bool = False) -> AsyncIterator[KeptJobs]:
    """A daemon's life; `killed`: it ends as by kill -9, and everything it has started goes on."""
    try:
        async with _life(place, jobs, killed=killed) as kept:
            yield kept
    finally:
        if not killed:
            end_keepers(place.state / "keepers")


@asynccontextmanager
async def _life(place: Place, jobs: Sequence[Job], *, killed: bool) -> AsyncIterator[KeptJobs]:
    clock = place.clock
    Ledger(place.state / "ledger.db").close()
    file = LedgerFile(place.state / "ledger.db")
    runs = Runs(file, now=clock.now)
    keepers = Keepers(place.state / "keepers", place.state / "logs", now=clock.now)
    keepers.open()
    async with asyncio.TaskGroup() as group:
        tasks: set[asyncio.Task[None]] = set()

        def spawn(deed: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
            task = group.create_task(deed, name=name)
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            return task

        host = JobHost(
            keepers=keepers,
            runs=runs,
            clock=clock,
            spawn=spawn,
            state=place.state,
            log_dir=place.state / "logs",
            learned=lambda _: None,
            lease=place.lease,
            uptime=place.uptime,
        )
        around = Around(
            facts=lambda sources: place.world.facts({}, sources),
            is_program=lambda name: name in place.programs,
            book=lambda: CalendarBook(place.calendar),
            segments=lambda: place.calendar.segments,
            segment="NSE_EQ",
            zone="Asia/Kolkata",
            traders=lambda: place.traders,
            people=place.people,
            keep=timedelta(days=400),
        )
        driver = JobsDriver(jobs, host, Edits(file, now=clock.now), Standings(file, now=clock.now), around)
        kept = KeptJobs(driver, place, keepers, runs, [], [])
        driver.subscribe(kept.news.append)
        driver.alert = kept.alerts.append
        loop = asyncio.get_running_loop()
        loop.add_reader(keepers.wake_fd, lambda: driver.woken(keepers.woken()))
        try:
            driver.begin()
            yield kept
        finally:
            loop.remove_reader(keepers.wake_fd)
            if killed:
                driver._is_open = False
            else:
                driver.end()
            driver.arm()
            for task in tuple(tasks):
                task.cancel()
            keepers.close()
            file.close()


def epoch(moment: datetime) -> float:
    """Seconds since 1970."""
    return moment.astimezone(UTC).timestamp()
