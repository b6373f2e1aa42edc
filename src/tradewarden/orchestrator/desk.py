"""The desk's programs all together: taken over by the daemon, looked at each second, and how they do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import structlog

from tradewarden.machines.desk_step import DeskState
from tradewarden.machines.service import (
    DeskReport,
    Difference,
    HostFigures,
    Kind,
    Order,
    Selection,
    Service,
    ServiceReport,
    ServiceState,
)
from tradewarden.orchestrator.besides import Besides, Nothing
from tradewarden.orchestrator.crew import Crew
from tradewarden.orchestrator.error_tally import ErrorTally
from tradewarden.orchestrator.facts import Surroundings
from tradewarden.orchestrator.keepers import Keepers, KeepersError
from tradewarden.orchestrator.orders import AT_WORK, Orders
from tradewarden.orchestrator.reading import UnreadableError
from tradewarden.orchestrator.redefinition import Redefinition
from tradewarden.orchestrator.service import Host, ServiceDriver
from tradewarden.orchestrator.wishes import Wishes

if TYPE_CHECKING:  # 15 ms that the start of programs need not wait for
    from tradewarden.machines.condition import Facts
    from tradewarden.machines.job import Job
    from tradewarden.orchestrator.checks.flow import Flows

News = Callable[[ServiceReport | DeskReport], None]

MEASURED_EVERY: Final = 2.0  # seconds
_KEPT: Final = AT_WORK | {ServiceState.BACKING_OFF}  # a keeper has it in hand

log = structlog.get_logger()


class DeskDriver(Orders):
    """The programs of one daemon: taken over, started, looked after, told of; `Orders` has the verbs for people.

    `look` belongs into a heartbeat, `settle` behind each change of market and tokens.
    """

    def __init__(
        self,
        services: Sequence[Service],
        host: Host,
        world: Surroundings,
        wishes: Wishes,
        reread: Callable[[], Awaitable[tuple[Service, ...]]],
        *,
        begins: bool = True,
        outside: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        """`begins`: start what nobody has stopped. `reread` raises UnreadableError, `outside` names other settings."""
        programs, self._jobs = _parted(services)
        super().__init__(Crew(programs, host, world, self._heard), wishes, host.keepers)
        self.strays.owns = self._is_job
        self._host, self._world, self._begins = host, world, begins
        self._reread, self._outside = reread, outside
        self._redefinition = Redefinition(self.crew, wishes, self.belongs)
        self._tally = ErrorTally(host.log_dir, host.clock.now)
        self._subscribers: list[News] = []
        self.besides: Besides = Nothing()
        self.changed: Callable[[], None] = lambda: None  # called when all have come to rest after a change
        self._since = host.clock.now()
        self._told: tuple[DeskState, str | None, int | None] | None = None
        self._figures: HostFigures | None = None
        self._measured_at: float | None = None
        self._report: DeskReport | None = None
        self._knocking = self._is_open = False

    # The daemon

    def begin(self) -> None:
        """Take over what runs, tell what happened while nobody looked, and start what is missing.

        Call it when market and tokens have a state: conditions act from here on. Raises KeepersError.
        """
        keepers = self._host.keepers
        if not self.crew.drivers and not self._jobs and not keepers.run_dir.exists():
            return  # a desk without programs makes no directories for them
        self._open()
        self.strays.find()
        began = time.thread_time()  # our own work, whatever else the host does
        with self.crew.together():
            held = [name for name, driver in self.crew.drivers.items() if self._ran(driver)]
            for driver in (drivers := self.crew.drivers.values()):
                self._adopt(driver, fresh=not held)
            if held:
                log.info("desk.adopted", services=len(held), cpu_seconds=round(time.thread_time() - began, 4))
            begins = self._begins and self._wishes.trouble is None
            runs = any(driver.state in _KEPT or self.crew.follows.get(driver.name) for driver in drivers)
            if runs or (held and not begins):
                self.crew.adopt()
            if begins:
                self._start_missing(fresh=not runs)  # keepers that rest are no desk that runs
            self.crew.fence([name for name, driver in self.crew.drivers.items() if not self._is_wished(driver)])

    def meet(self, world: Surroundings, flows: Flows) -> None:
        """From now on it is known what conditions ask about."""
        self._world, self._host.flows = world, flows
        self.crew.meet(world)

    @property
    def keepers(self) -> Keepers:
        """Those of this desk's run directory."""
        return self._host.keepers

    def facts(self, sources: Collection[str]) -> Facts:
        """What is known at this moment of all that a condition may ask about."""
        return self._world.facts({name: driver.state for name, driver in self.crew.drivers.items()}, sources)

    def _is_job(self, name: str) -> bool:
        return any(name.partition("@")[0] == job.name for job in self._jobs) or self.besides.owns(name)

    def _ran(self, driver: ServiceDriver) -> bool:
        """Whether it ran before this daemon did, maybe under its former name."""
        return driver.is_held or driver.name in self.crew.follows

    def _open(self) -> None:
        self._host.keepers.open()
        asyncio.get_running_loop().add_reader(self._host.keepers.wake_fd, self._woken)
        self._is_open = True

    def _adopt(self, driver: ServiceDriver, *, fresh: bool) -> None:
        """Take over one service; what does not run is left to the start, but a step that is done stays so."""
        runs = self._ran(driver) or (driver.service.kind is Kind.STEP and not fresh)
        auto = self._wishes.of(driver.name).auto_restart is not False
        driver.adopt(wanted=runs and self._is_wished(driver), auto=auto)

    def _start_missing(self, *, fresh: bool) -> None:
        """Whatever should run and does not; a step that is done is done, unless the whole desk begins anew."""
        missing = [
            name
            for name, driver in self.crew.drivers.items()
            if self._is_wished(driver)
            if driver.state not in _KEPT and (fresh or driver.state is not ServiceState.DONE)
        ]
        if missing:
            self.crew.start(missing)

    def _is_wished(self, driver: ServiceDriver) -> bool:
        return self._wishes.of(driver.name).wanted is not False and self.is_enabled(driver.service)

    def _woken(self) -> None:
        names = self._host.keepers.woken()
        with self.crew.together():
            for name in names & self.crew.drivers.keys():
                self.crew.drivers[name].look()
        if others := names - self.crew.drivers.keys():
            self.besides.woken(others)

    def look(self) -> None:
        """At each beat: read what keepers wrote, measure every two seconds, and let conditions and changes act."""
        if not self._is_open:
            return
        with self.crew.together():
            looked = [driver.beat() for driver in self.crew.drivers.values()]
            if looked and not any(looked):
                return  # all rest, and this is the beat between
            self._measure()
            self._follow_the_world()
            self._redefinition.go_on()

    def settle(self) -> None:
        """A market or a token has changed."""
        if not self._is_open:
            return
        with self.crew.together():
            self._follow_the_world()

    def _follow_the_world(self) -> None:
        drivers = self.crew.drivers.values()
        if self._world.session_began():
            for driver in drivers:
                driver.session_began()
        for made_at in self._world.new_tokens():
            for driver in drivers:
                if driver.started_at is not None and driver.started_at < made_at:
                    driver.token_changed()

    def _measure(self) -> None:
        now = self._host.clock.mono_ns() / 1e9
        if self._measured_at is not None and now - self._measured_at < MEASURED_EVERY:
            return
        self._measured_at = now
        self._tally.look(self.crew.drivers)
        self.strays.look()
        for driver in self.crew.drivers.values():
            driver.measure()
        self._figures = self._host.keepers.host()
        self._report = None
        if not self._host.reachable and not self._knocking:
            self._knocking = True
            self._host.spawn(self._knock(), name="desk.keepers")

    async def _knock(self) -> None:
        """Keepers could not be had: see whether they can again."""
        try:
            self._host.reachable = await self._host.keepers.reachable()
        except KeepersError as trouble:
            log.debug("desk.keepers_absent", why=str(trouble))
        finally:
            self._knocking = False

    def end(self) -> None:
        """The daemon ends: nothing more is done, and everything runs on."""
        self.crew.disarm()
        if self._is_open:
            self._is_open = False
            asyncio.get_running_loop().remove_reader(self._host.keepers.wake_fd)
            self._host.keepers.close()

    @property
    def running(self) -> tuple[str, ...]:
        """The services that run on when the daemon ends."""
        return tuple(name for name, driver in self.crew.drivers.items() if driver.pid is not None) + self.strays.names

    # The verbs that are about jobs too

    def start(self, which: Selection, *, by: str) -> Order:
        """Start services, with what they need; all of them: jobs begin as they are due again."""
        order = super().start(which, by=by)
        if which.everything:
            self.besides.up()
        return order

    def down(self, *, by: str) -> Order:
        """Stop everything deliberately, whatever runs here under a keeper; jobs begin again with the next start."""
        order = super().down(by=by)
        ended = self.besides.down(by=by)
        if not ended:
            return order
        names = (*order.accepted, *ended)
        return replace(order, accepted=names, text=f"Stopping: {', '.join(names)}.")

    # What is told

    def subscribe(self, callback: News) -> None:
        """Call back with each change of a state."""
        self._subscribers.append(callback)

    def _heard(self, moved: Sequence[ServiceDriver]) -> None:
        machine = self.crew.machine
        now = machine.state, machine.reason, machine.phase
        if not moved and now == self._told:
            return
        if self._told is None or now[0] is not self._told[0]:
            self._since = self._host.clock.now()
        desk_moved, self._told, self._report = now != self._told, now, None
        for driver in moved:
            self._publish(self._of(driver))
        if desk_moved:
            self._publish(self.report())
        self.changed()

    def outdated(self, names: Sequence[str]) -> None:
        """What is told of these services is another than before, though none has changed its state."""
        self._report = None
        for name in names:
            self._publish(self._of(self.crew.drivers[name]))

    def _publish(self, news: ServiceReport | DeskReport) -> None:
        for subscriber in self._subscribers:
            subscriber(news)

    def report(self) -> DeskReport:
        """How the desk does at this moment."""
        if self._report is None:
            machine = self.crew.machine
            self._report = DeskReport(
                state=str(machine.state),
                reason=self._reason(),
                since=self._since,
                phase=machine.phase,
                phases=self.plan(),
                services=tuple(self._of(driver) for driver in self.crew.drivers.values()),
                host=self._figures,
                keepers_reachable=self._host.reachable,
                strays=self.strays.names,
            )
        return self._report

    def shown(self) -> DeskReport | None:
        """The same for the picture; none on a desk without programs."""
        return self.report() if self.crew.drivers else None

    def _reason(self) -> str | None:
        if self._wishes.trouble is not None:
            return self._wishes.trouble
        if self.crew.machine.state is DeskState.STOPPED and self.crew.drivers and self.crew.machine.reason is None:
            return "`tradewarden start --all` starts it"
        if self.crew.machine.reason is None and (strays := self.strays.names):
            return f"{strays[0]} runs here and is in no file: `tradewarden stop {strays[0]}` ends it"
        return self.crew.machine.reason

    def _of(self, driver: ServiceDriver) -> ServiceReport:
        return driver.report(
            phase=self.crew.phase(driver.name),
            enabled=self.is_enabled(driver.service),
            errors=self._tally.count(driver.name),
        )

    def plan(self) -> tuple[tuple[str, ...], ...]:
        """The phases of a start, in their order."""
        return self.crew.machine.plan.phases

    # A changed file

    async def reload(self, *, dry: bool, by: str) -> Difference:
        """Read the file again and do what changed in it; `dry` only tells. Faults of the file change nothing."""
        try:
            services = await self._reread()
        except UnreadableError as error:
            log.warning("desk.reload_refused", by=by, problems=len(error.problems))
            return Difference(problems=error.problems)
        programs, jobs = _parted(services)
        found = replace(self._redefinition.difference(programs), daemon=self._outside())
        difference = _with_jobs(found, self._jobs, jobs)
        if dry or difference.problems or difference.is_empty:
            return difference
        told = {"added": difference.added, "removed": difference.removed, "restarted": list(difference.restarted)}
        log.info("desk.reload", by=by, **told, kept=list(difference.kept))
        self._report = None
        if not self._is_open:
            try:
                self._open()
            except KeepersError as error:
                return Difference(problems=(str(error),))
        with self.crew.together():
            self._jobs = jobs
            self._redefinition.begin(programs, found)
            self.strays.look()
            self.strays.rename(found.added)
            self._redefinition.go_on()
        self.besides.defined(jobs)
        self._tally.forget(difference.removed)
        return difference

    def reload_soon(self, *, by: str) -> None:
        """The same for somebody who does not wait for the answer: the log tells."""
        self._host.spawn(self._reload(by), name="desk.reload")

    async def _reload(self, by: str) -> None:
        difference = await self.reload(dry=False, by=by)
        for problem in difference.problems:
            log.error("desk.configuration", problem=problem)


# A desk without jobs starts its programs 8 ms sooner for not knowing what one is
# ruff: noqa: PLC0415


def _parted(services: Sequence[Service]) -> tuple[tuple[Service, ...], tuple[Job, ...]]:
    """The programs and the jobs of a file."""
    if all(type(each) is Service for each in services):
        return tuple(services), ()
    from tradewarden.machines.job import parted

    return parted(services)


def _with_jobs(found: Difference, old: Sequence[Job], new: Sequence[Job]) -> Difference:
    """What a changed file changes, with its jobs."""
    if not (old or new):
        return found
    from tradewarden.machines.job import with_jobs

    return with_jobs(found, old, new)
