"""A year of a desk's jobs: the real scheduler and ledger, and keepers, processes and clocks that are made up.

Whatever may happen to them happens: daemons are killed between any two of their deeds, keepers and machines die, clocks
jump, tokens go.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

from kept_desk import MadeUp
from kept_jobs import job, shipped
from tradewarden.machines.day_book import CalendarBook
from tradewarden.machines.due import due_between, open_window
from tradewarden.machines.job import Does, Job
from tradewarden.machines.job_run import Phase, run_of
from tradewarden.machines.kept import Exited, Gone, Happening, Started
from tradewarden.machines.run import Lease, Misfire, Refused, Run, Trigger
from tradewarden.machines.schedule import After
from tradewarden.machines.schedule_limits import Limits
from tradewarden.orchestrator.job import _TICKS, JobHost
from tradewarden.orchestrator.job_plans import Around
from tradewarden.orchestrator.jobs import JobsDriver
from tradewarden.orchestrator.keepers import Spec
from tradewarden.orchestrator.ledger import Ledger
from tradewarden.orchestrator.ledger_file import LedgerFile
from tradewarden.orchestrator.orders import RefusedError
from tradewarden.orchestrator.runs import Runs
from tradewarden.orchestrator.schedule_edits import Edits
from tradewarden.orchestrator.standings import Standings

BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
DAY: Final = 86_400.0
DEADLY: Final = 1 / 300  # of the deeds at which a daemon may be killed
BEAT: Final = 0.5
TRADERS: Final = ("asha", "ravi")
JOBS: Final = (
    job("premarket", "", "at 09:00"),
    job("sell_monitor", "", "between 09:15 and 15:30", does=Does.MONITOR),
    job("position_monitor", "", "hourly at :30 between 09:00 and 15:30", does=Does.WORK),
    job("analysis", "", "at 16:00", does=Does.WORK, conditions=("auth valid",)),
    job("buy", "", "after analysis succeeded", "at 16:30", misfire=Misfire.ALERT),
    job("cleanup", "", "at 18:00 on all days", misfire=Misfire.SKIP),
    job("night", "", "between 22:00 and 02:00 on all days", does=Does.FEED),
    job("report", "", "15 minutes after close", per_user=True),
    job("shift", "", "between 09:15 and 12:00", "between 12:00 and 15:30", does=Does.MONITOR),
    job("edited", "", "between 10:00 and 14:00", does=Does.MONITOR),
)
EDITS: Final = ("between 10:00 and 14:00", "between 09:30 and 15:00", "between 10:00 and 11:00", "at 11:30")
CALM: Final = 300.0  # seconds after which nothing that happened is an excuse


class KilledError(Exception):
    """The daemon was killed at this very deed."""


@dataclass
class Process:
    """What a keeper keeps."""

    spec: Spec
    pid: int
    began: float
    ends: float
    code: int
    lives: int = 1
    until: float | None = None
    asked: bool = False


@dataclass
class Follower:
    """One who reads on in what keepers of a name have written."""

    events: list[Happening]
    place: int

    def read(self) -> list[Happening]:
        news = self.events[self.place :]
        self.place += len(news)
        return news


@dataclass
class Keepers:
    """Keepers as the real ones are seen from the daemon: at most one a name, and each run begun once."""

    year: Year
    run_dir: Path
    events: dict[str, list[Happening]] = field(default_factory=dict)
    alive: dict[str, Process] = field(default_factory=dict)
    spent: set[str] = field(default_factory=set)
    orphans: dict[str, Process] = field(default_factory=dict)  # their keeper was killed
    copies: list[str] = field(default_factory=list)
    pids: int = 1000

    def names(self) -> list[str]:
        return sorted(self.events)

    def held(self, name: str) -> bool:
        return name in self.alive

    def last(self, name: str) -> tuple[Happening, ...]:
        return tuple(self.events.get(name, ())[-40:])

    def follow(self, name: str) -> Follower:
        return Follower(self.events.setdefault(name, []), len(self.events.get(name, ())))

    def command(self, name: str, line: str) -> bool:
        process = self.alive.get(name)
        if process is None or line != "stop":
            return False
        process.asked, process.code = True, -15
        process.ends = min(process.ends, self.year.true + self.year.stops())
        return True

    async def prepare(self) -> None:
        return

    async def keep(self, spec: Spec) -> None:
        self.year.may_die()
        self._keep(spec)
        self.year.may_die()

    def _keep(self, spec: Spec) -> None:
        name = spec.name
        if name in self.alive:
            return
        orphan = self.orphans.pop(name, None)
        if orphan is not None:
            self._tell(name, Exited, pid=orphan.pid, code=None, up=0.0, asked=False, fenced=True)
        if not spec.fence_only and spec.revision not in self.spent:
            self.spent.add(spec.revision)
            self._begin(spec)
            return
        self._tell(name, Gone)

    def _begin(self, spec: Spec, lives: int = 1, until: float | None = None) -> None:
        year, number = self.year, run_of(spec.revision)
        run = year.book_of(number or 0)
        if run is None or not run.outcome.is_open:
            self.copies.append(f"{spec.name} {spec.revision} began, and its run is {run and run.outcome}")
        self.pids += 1
        lasts = year.lasts(spec)
        if lives == 1 and spec.until is not None:
            until = spec.until
        code = year.code(spec)
        self.alive[spec.name] = Process(spec, self.pids, year.true, year.true + lasts, code, lives, until)
        ticks = int(year.uptime() * _TICKS)
        self._tell(spec.name, Started, pid=self.pids, ticks=ticks, revision=spec.revision, boot=year.boot, life=lives)

    def _tell(self, name: str, kind: Callable[..., Happening], **facts: Any) -> None:
        self.events.setdefault(name, []).append(kind(at=self.year.now(), keeper=1, **facts))

    def pass_time(self) -> list[str]:
        """Whoever has ended by now; their names."""
        ended = [name for name, process in self.alive.items() if process.ends <= self.year.true]
        for name in ended:
            process = self.alive.pop(name)
            up, asked = self.year.true - process.began, process.asked
            again = not asked and process.code != 0 and process.spec.restart == "failure"
            allowed = process.until is None or self.year.true < process.until
            again = again and allowed and process.lives < process.spec.attempts
            at = self.year.now() if again else None
            self._tell(name, Exited, pid=process.pid, code=process.code, up=up, asked=asked, again_at=at)
            if again:
                self._begin(process.spec, process.lives + 1, process.until)
            else:
                self._tell(name, Gone)
        return ended

    def kill_keeper(self) -> None:
        """One of them is killed; what it kept lives on."""
        if self.alive:
            name = self.year.chance.choice(sorted(self.alive))
            self.orphans[name] = self.alive.pop(name)

    def reboot(self) -> None:
        self.alive.clear()
        self.orphans.clear()


class Driver(JobsDriver):
    """Rings when the year says so."""

    wake_at: float = 0.0
    year: Year

    def arm(self) -> None:
        waits = [*self.waits(), DAY]
        busy = any(
            hand._machine.phase in (Phase.ASKED, Phase.FENCED) or hand._owes_stop for hand in self._hands.values()
        )
        busy = busy or any(hand._machine.phase is Phase.WAITS and not hand.run.reason for hand in self._hands.values())
        self.wake_at = self.year.true + min(*waits, BEAT if busy else DAY)


class DyingRuns(Runs):
    """A daemon may be killed before and after each thing that it writes down."""

    year: Year

    def _do(self, deed: Any, written: Any = None) -> bool:
        self.year.may_die()
        done = super()._do(deed, written)
        self.year.may_die()
        return done

    def give(self, *told: Any, **words: Any) -> Run | Refused:
        self.year.may_die()
        given = super().give(*told, **words)
        self.year.may_die()
        return given

    def account(self, *told: Any, **words: Any) -> tuple[list[Run], Run | Refused | None]:
        self.year.may_die()
        given = super().account(*told, **words)
        self.year.may_die()
        return given


class Year:
    """The whole of it."""

    simulated = False

    def __init__(
        self, state: Path, seed: int, *, days: int, jobs: Sequence[Job] = JOBS, traders: Sequence[str] = TRADERS
    ) -> None:
        self.jobs, self.traders, self.limits = tuple(jobs), list(traders), Limits()
        self.chance, self.days, self.state = Random(seed), days, state
        self.true, self.shift, self.booted = 0.0, 0.0, -1000.0
        self.boots = self.kills = self.jumps = 0
        self.is_deadly = self.is_down = False
        self.disturbed, self.looks = 0.0, [0.0]
        self.idle: list[str] = []
        self.world = MadeUp()
        (state / "keepers").mkdir()
        Ledger(state / "ledger.db").close()
        self.file = LedgerFile(state / "ledger.db")
        self.file._db.execute("PRAGMA synchronous = OFF")  # power never fails here
        self.keepers = Keepers(self, state / "keepers")
        self.calendar = CalendarBook(shipped())
        self.tasks: set[asyncio.Task[None]] = set()
        self.furthest = self.now()

    # The clock

    def mono_ns(self) -> int:
        return int((self.true + 10_000) * 1e9)

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.true + self.shift)

    def uptime(self) -> float:
        return self.true - self.booted

    @property
    def boot(self) -> str:
        return f"boot {self.boots}"

    def lasts(self, spec: Spec) -> float:
        """How long a process lives; one of the shift never ends by itself."""
        if spec.name == "shift":
            return 10 * DAY
        if spec.restart == "failure":
            return self.chance.choice((self.chance.uniform(1, 3600), 10 * DAY))
        return self.chance.choice(
            (self.chance.uniform(0.01, 2), self.chance.uniform(2, 290), self.chance.uniform(290, 400))
        )

    def code(self, _spec: Spec) -> int:
        """With which a process ends by itself."""
        return 0 if self.chance.random() < 0.85 else 3

    def stops(self) -> float:
        """How long one takes that was asked to."""
        return self.chance.uniform(0, 2)

    def may_die(self) -> None:
        if self.is_deadly and self.chance.random() < DEADLY:
            raise KilledError

    def book_of(self, number: int) -> Run | None:
        return Runs(self.file, now=self.now).run(number)

    # Life

    def live(self) -> None:
        asyncio.run(self._live())

    async def _live(self) -> None:
        self.began = self.now()
        while self.true < self.days * DAY:
            await self._daemon(until=self.days * DAY)
            self._pass(self.true + self.chance.choice((0.1, 3, 120, 3 * 3600)))
        self.world.auth["kite"] = "valid"
        await self._daemon(until=self.true + 2 * DAY, last=True)

    async def _daemon(self, until: float, *, last: bool = False) -> None:
        """One daemon's life; it is killed at a moment of its own, or in the middle of a deed."""
        driver = self._driver()
        self._disturb()
        dies = until if last else min(until, self.true + self.chance.expovariate(1 / (0.9 * DAY)))
        self.is_deadly = not last
        try:
            driver.begin()
            await self._settle()
            while self.true < dies:
                await self._step(driver, dies)
        except KilledError:
            pass
        self.kills += 1
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks.clear()
        self.is_deadly = False

    async def _step(self, driver: Driver, dies: float) -> None:
        """To the next moment at which something happens."""
        ends = min((each.ends for each in self.keepers.alive.values()), default=dies)
        world = self.true + self.chance.expovariate(1 / (DAY / 3))
        looks = min((each for each in self.looks if each > self.true), default=dies)
        self.true = max(self.true, min(dies, driver.wake_at, ends, world, looks))
        woken = self.keepers.pass_time()
        if self.true >= world:
            self._happen(driver)
        if woken:
            driver.woken(woken)
        driver.look()
        self.furthest = max(self.furthest, self.now())
        await self._settle()
        self._see_idle()

    def _disturb(self) -> None:
        """From now on the desk has its time to mend what happened, and beats while the shift may run."""
        self.disturbed = self.true
        self.looks = [self.true + seconds for seconds in (130.0, 290.0)] if 3 <= self.now().hour < 10 else []

    def _see_idle(self) -> None:
        """Long after anything happened the shift runs while one of its windows is open, and nobody stopped the desk."""
        if self.is_down or self.true - self.disturbed < CALM or "shift" in self.keepers.alive:
            return
        shift = next((each for each in self.jobs if each.name == "shift"), None)
        windows = [open_window(each, self.now(), self.calendar) for each in (shift.schedules if shift else ())]
        is_open = any(window and window.at < self.now() - timedelta(seconds=5) for window in windows)
        if is_open and self.runs("shift")[0].reason != "it was ended by hand":  # whoever wanted that was killed
            self.idle.append(f"nothing of the shift runs at {self.now()}")

    def _happen(self, driver: Driver) -> None:
        """Something of the world changes."""
        self._disturb()
        match self.chance.randrange(9):
            case 0:
                self.world.auth["kite"] = self.chance.choice(("valid", "valid", "required"))
            case 1:
                self.keepers.kill_keeper()
            case 2 | 3:
                self._run_once(driver)
            case 4:
                self.shift = 0.0 if self.shift else self.chance.choice((-3600.0, 3600.0, -600.0))
                self.jumps += 1
            case 5:
                driver.stand("ravi", "", self.chance.random() < 0.8, by="ravi")
            case 6:
                self._stop_or_start(driver)
            case 7:
                self._off_and_on(driver)
            case 8:
                text, enabled = [self.chance.choice(EDITS)], self.chance.random() < 0.9
                driver.edit("edited", "", text=text, enabled=enabled, dry=False, by="admin")

    def _run_once(self, driver: Driver) -> None:
        with suppress(RefusedError):
            driver.run_once(self.chance.choice(JOBS[:7]).name, "", by="asha")

    def _off_and_on(self, driver: Driver) -> None:
        self.is_deadly = False  # nobody would switch it on again
        for on in (False, True):
            driver.stand("", "", on, by="asha")
        self.is_deadly = True

    def _stop_or_start(self, driver: Driver) -> None:
        """Whoever stops the desk starts it again, hours later."""
        self.is_down = not self.is_down
        if self.is_down:
            driver.down(by="asha")
        else:
            driver.up()

    def _pass(self, to: float) -> None:
        """Nobody looks; processes end, and now and then the machine does."""
        if self.chance.random() < 0.1:
            self.boots, self.booted = self.boots + 1, self.true
            self.keepers.reboot()
        self.true = to
        self.keepers.pass_time()

    async def _settle(self) -> None:
        while self.tasks:
            await asyncio.sleep(0)
            for task in [task for task in self.tasks if task.done()]:
                self.tasks.discard(task)
                task.result()

    def _spawn(self, deed: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(deed, name=name)
        self.tasks.add(task)
        return task

    def _driver(self) -> Driver:
        runs = DyingRuns(self.file, now=self.now)
        runs.year = self
        host = JobHost(
            keepers=self.keepers,  # type: ignore[arg-type]
            runs=runs,
            clock=self,
            spawn=self._spawn,
            state=self.state,
            log_dir=self.state,
            learned=lambda _: None,
            lease=Lease(self.kills + 1, 1, self.boot),
            uptime=self.uptime,
            wall=lambda: self.true,  # a course is the same each time that it is played
        )
        around = Around(
            facts=lambda sources: self.world.facts({}, sources),
            is_program=lambda _: False,
            book=lambda: self.calendar,
            segments=lambda: ["NSE_EQ"],
            segment="NSE_EQ",
            zone="Asia/Kolkata",
            traders=lambda: self.traders,
            people={},
            keep=timedelta(days=4000),
            limits=self.limits,
        )
        Driver.year = self
        standings = Standings(self.file, now=self.now)
        if "asha" in self.traders and not standings.of("asha"):
            standings.set("asha", {"": True}, by="test")
        return Driver(self.jobs, host, Edits(self.file, now=self.now), standings, around)

    # What came of it

    @property
    def copies(self) -> list[str]:
        return self.keepers.copies

    def runs(self, name: str, user: str = "") -> list[Run]:
        return Runs(self.file, now=self.now).history(job=name, user=user, limit=1_000_000)

    def expected(self, each: Job) -> set[datetime]:
        found = [schedule for schedule in each.schedules if not isinstance(schedule.rule, After)]
        dues = (due for schedule in found for due in due_between(schedule, self.began, self.furthest, self.calendar))
        return {due.at for due in dues}

    def silent(self) -> list[str]:
        """Due times without a run; ravi's desk is off now and then, and one job is edited, so these are not counted."""
        found = []
        for each in (each for each in JOBS if each.name != "edited"):
            had = {
                run.due
                for run in self.runs(each.name, "asha" if each.per_user else "")
                if run.trigger is Trigger.SCHEDULE
            }
            found += [f"{each.name} at {at}" for at in sorted(self.expected(each) - had)]
        return found

    def doubled(self) -> list[str]:
        counts = Counter(
            (each.name, user, run.due)
            for each in JOBS
            for user in (TRADERS if each.per_user else ("",))
            for run in self.runs(each.name, user)
            if run.trigger is Trigger.SCHEDULE
        )
        return [str(key) for key, count in counts.items() if count > 1]

    def open(self) -> list[Run]:
        """What has not ended, but for what may run at this moment."""
        now = self.now()
        return [run for run in Runs(self.file, now=self.now).open() if run.until is None or run.until < now]

    def outcomes(self) -> Counter[str]:
        """How the runs ended; those of a desk that somebody had stopped, half of the year, are not counted."""
        runs = (run for each in JOBS for user in ("", *TRADERS) for run in self.runs(each.name, user))
        return Counter(str(run.outcome) for run in runs if run.reason != "the desk was stopped by asha")
