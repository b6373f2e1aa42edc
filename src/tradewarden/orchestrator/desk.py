"""The desk's programs all together: taken over by the daemon, looked at each second, and how they do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tradewarden.early_log import Logger
from tradewarden.machines.service import (
    DeskReport,
    Difference,
    Order,
    Selection,
    Service,
)
from tradewarden.orchestrator.besides import Besides, Nothing
from tradewarden.orchestrator.clock import IST
from tradewarden.orchestrator.crew import Crew
from tradewarden.orchestrator.desk_told import MEASURED_EVERY, DeskTold, News
from tradewarden.orchestrator.facts import OPEN, Surroundings
from tradewarden.orchestrator.foothold import Foothold
from tradewarden.orchestrator.keepers import Keepers, KeepersError
from tradewarden.orchestrator.orders import Orders
from tradewarden.orchestrator.outcomes import Outcomes
from tradewarden.orchestrator.reading import UnreadableError
from tradewarden.orchestrator.redefinition import Redefinition, parted, with_jobs
from tradewarden.orchestrator.service import Host, ServiceDriver
from tradewarden.orchestrator.takeover import Takeover
from tradewarden.orchestrator.wishes import Wishes

if TYPE_CHECKING:  # 15 ms that the start of programs need not wait for
    from tradewarden.machines.condition import Facts
    from tradewarden.orchestrator.checks.flow import Flows

log = Logger()


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
        programs, self._jobs = parted(services)
        super().__init__(Crew(programs, host, world, self._heard), wishes, host.keepers)
        self.strays.owns = self._is_job
        self._host, self._world, self._begins = host, world, begins
        self._reread, self._outside = reread, outside
        self._redefinition = Redefinition(self.crew, wishes, self.belongs)
        self._told = DeskTold(self.crew, host, self.strays, wishes, self.is_enabled)
        self.besides: Besides = Nothing()
        self.changed: Callable[[], None] = lambda: None  # called when all have come to rest after a change
        self._watched_at: float | None = None
        self._foothold = Foothold(host, self._woken)
        self._caught_up = False  # with the session that may have begun while no daemon looked
        self._outcomes = Outcomes(host.keepers.run_dir)

    # The daemon

    def begin(self) -> None:
        """Take over what runs, tell what happened while nobody looked, and start what is missing.

        Call it when market and tokens have a state: conditions act from here on. Raises KeepersError.
        """
        keepers = self._host.keepers
        if not self.crew.drivers and not self._jobs and not keepers.run_dir.exists():
            return  # a desk without programs makes no directories for them
        self._foothold.open()
        self.strays.find()
        with self.crew.together():
            takeover = Takeover(self.crew, self._wishes, self._outcomes, self.is_enabled)
            takeover.run(begins=self._begins and self._wishes.trouble is None)

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

    def _woken(self, names: set[str]) -> None:
        with self.crew.together():
            for name in names & self.crew.drivers.keys():
                self.crew.drivers[name].look()
        if others := names - self.crew.drivers.keys():
            self.besides.woken(others)

    def look(self) -> None:
        """At each beat: read what keepers wrote, every two seconds also logs, and let conditions and changes act."""
        if not self._foothold.is_open:
            return
        with self.crew.together():
            looked = [driver.beat() for driver in self.crew.drivers.values()]
            if looked and not any(looked):
                return  # all rest, and this is the beat between
            self._follow_the_world()
            self._redefinition.go_on()
            self._watch()

    def settle(self) -> None:
        """A market or a token has changed."""
        if not self._foothold.is_open:
            return
        with self.crew.together():
            self._follow_the_world()

    def _follow_the_world(self) -> None:
        drivers = self.crew.drivers.values()
        if self._world.session_began():
            for driver in drivers:
                driver.session_began()
        if not self._caught_up:
            self._catch_up()
        for made_at in self._world.new_tokens():
            for driver in drivers:
                if driver.started_at is not None and driver.started_at < made_at:
                    driver.token_changed()

    def _catch_up(self) -> None:
        """What was paused on a day before gets the chance that a session brings, if one began while nobody looked."""
        facts = self.facts(())
        self._caught_up = bool(facts.segments)
        if not OPEN.intersection(facts.segments.values()):
            return
        today = facts.now.astimezone(IST).date()
        for driver in self.crew.drivers.values():
            ended = driver.life.past.ended
            if ended is not None and ended.at.astimezone(IST).date() < today:
                driver.session_began()

    def _watch(self) -> None:
        now = self._host.clock.mono_ns() / 1e9
        if self._watched_at is not None and now - self._watched_at < MEASURED_EVERY:
            return
        self._watched_at = now
        self._foothold.look()
        if self._host.lost is not None:
            self._give_up()
            return
        self._outcomes.hold()
        self._told.tally.look(self.crew.drivers)
        self.strays.look()

    def _give_up(self) -> None:
        """Another daemon has the run directory: of two that act here one would undo what the other does."""
        self.crew.disarm()
        self.besides.end()
        self._told.outdate()

    def end(self) -> None:
        """The daemon ends: nothing more is done, and everything runs on."""
        self.crew.disarm()
        self._foothold.end()

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
        self._told.subscribe(callback)

    def _heard(self, moved: Sequence[ServiceDriver]) -> None:
        machine = self.crew.machine
        aborted = machine.state == "aborted" or (machine.state == "stopping" and machine.reason is not None)
        self._outcomes.note([driver.life for driver in moved], aborted=aborted)
        if self._told.heard(moved):
            self.changed()

    def outdated(self, names: Sequence[str]) -> None:
        """What is told of these services is another than before, though none has changed its state."""
        self._told.outdated(names)

    def report(self) -> DeskReport:
        """How the desk does at this moment."""
        return self._told.report()

    def shown(self) -> DeskReport | None:
        """Where each stands, for the picture, with whatever figures were read last; none on a desk without programs."""
        return self._told.shown()

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
        programs, jobs = parted(services)
        found = replace(self._redefinition.difference(programs), daemon=self._outside())
        difference = with_jobs(found, self._jobs, jobs)
        if dry or difference.problems or difference.is_empty:
            return difference
        told = {"added": difference.added, "removed": difference.removed, "restarted": list(difference.restarted)}
        log.info("desk.reload", by=by, **told, kept=list(difference.kept))
        self._told.outdate()
        if not self._foothold.is_open:
            try:
                self._foothold.open()
            except KeepersError as error:
                return Difference(problems=(str(error),))
        with self.crew.together():
            self._jobs = jobs
            self._redefinition.begin(programs, found)
            self.strays.look()
            self.strays.rename(found.added)
            self._redefinition.go_on()
        self.besides.defined(jobs)
        self._told.tally.forget(difference.removed)
        return difference

    def reload_soon(self, *, by: str) -> None:
        """The same for somebody who does not wait for the answer: the log tells."""
        self._host.spawn(self._reload(by), name="desk.reload")

    async def _reload(self, by: str) -> None:
        difference = await self.reload(dry=False, by=by)
        for problem in difference.problems:
            log.error("desk.configuration", problem=problem)
