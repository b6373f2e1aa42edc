"""The services' hands in step with each other: after each change everybody's gate, then the desk's own machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final, assert_never

from tradewarden.early_log import Logger
from tradewarden.machines.backoff import SECOND
from tradewarden.machines.condition import Condition, Flows, parse
from tradewarden.machines.desk import Desk
from tradewarden.machines.desk_step import Begin, Halt, Kill, Moved, Standings, Step
from tradewarden.machines.gate import Gate, gate
from tradewarden.machines.life import STOPPED
from tradewarden.machines.plan import plan
from tradewarden.machines.service import Service, ServiceState
from tradewarden.orchestrator.alarm import Alarm
from tradewarden.orchestrator.facts import Surroundings
from tradewarden.orchestrator.service import Host, ServiceDriver

ROUNDS: Final = 64  # one service's change may move each other one; what has not come to rest by then goes on at a beat

log = Logger()


class Crew:
    """All services of the desk and the machine that starts and stops them in phases.

    `heard` is called once all have come to rest, with the services whose state or reason is another than before.
    """

    def __init__(
        self,
        services: Sequence[Service],
        host: Host,
        world: Surroundings,
        heard: Callable[[Sequence[ServiceDriver]], None],
    ) -> None:
        self.host = host
        self.drivers = {service.name: self.driver(service) for service in services}
        self.machine = Desk(services, plan(services), host.clock.mono_ns(), int(host.phase_seconds * SECOND))
        self.follows: dict[str, str] = {}  # who starts only after another: the same program under its former name
        self._world, self._heard = world, heard
        self._conditions: dict[str, tuple[tuple[str, ...], tuple[Condition, ...]]] = {}
        self._moved: dict[str, None] = {}  # who has changed since they last came to rest
        self._news: dict[str, None] = {}
        self._depth = 0
        self._alarm = Alarm(host.clock, self._rang)
        self._stood: list[tuple[ServiceDriver, ServiceState]] = []  # when all gates were looked at last

    def driver(self, service: Service) -> ServiceDriver:
        """The hands of one service."""
        return ServiceDriver(service, self.host, self._changed)

    def define(self, drivers: Iterable[ServiceDriver], services: Sequence[Service]) -> None:
        """These are the services from now on, in the order of the second; what the first has besides is on its way out.

        The order is that of the new definitions: old and new ones mixed might need each other in a circle.
        """
        self.drivers = {driver.name: driver for driver in drivers}
        self.machine.redefine(services, plan(services))
        self._conditions.clear()

    @property
    def services(self) -> tuple[Service, ...]:
        """What the operator says of each."""
        return tuple(driver.service for driver in self.drivers.values())

    @property
    def standings(self) -> Standings:
        """Where each stands."""
        return {name: driver.life for name, driver in self.drivers.items()}

    def phase(self, name: str) -> int:
        """Which phase a service starts in, from 1."""
        return self.machine.plan.phase_of(name)

    def meet(self, world: Surroundings) -> None:
        """From now on gates go by these surroundings."""
        self._world = world

    # What people want

    def adopt(self) -> None:
        """Some services ran before this daemon did."""
        self._tell(lambda now: self.machine.adopt(self.standings, now))

    def start(self, names: Sequence[str]) -> None:
        """Start these, phase by phase."""
        self._tell(lambda now: self.machine.start(names, self.standings, now))

    def stop(self, names: Sequence[str], why: str = STOPPED) -> None:
        """Stop these in the reverse order."""
        with self.together():
            self.fence(names)
            self._tell(lambda now: self.machine.stop(names, self.standings, now, why))

    def fence(self, names: Iterable[str]) -> None:
        """End what outlived its keeper, of these and as far as they are down."""
        for driver in [self.drivers[name] for name in names if name in self.drivers]:
            if driver.state is ServiceState.DOWN and not driver.life.is_down:
                driver.wish(on=False)

    # Coming to rest

    @contextmanager
    def together(self) -> Iterator[None]:
        """Several facts as one: nobody follows before all of them are told."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
        self.settle()

    def settle(self) -> None:
        """Tell each service whether it may run, and the desk how they do, until nobody moves any more."""
        if self._depth:
            return
        self._depth += 1
        try:
            for _ in range(ROUNDS):
                self._moved.clear()
                self._open_gates()
                self._perform(self.machine.look(self.standings, self._now()))
                if not self._moved:
                    break
        finally:
            self._depth -= 1
        self._alarm.set(self.machine.next_deadline())
        news, self._news = self._news, {}
        self._heard([self.drivers[name] for name in news if name in self.drivers])

    def _changed(self, driver: ServiceDriver) -> None:
        self._moved[driver.name] = self._news[driver.name] = None
        self.settle()

    def _open_gates(self) -> None:
        conditions = {name: self._conditions_of(driver.service) for name, driver in self.drivers.items()}
        stand = [(driver, driver.state) for driver in self.drivers.values()]
        if stand == self._stood and not self.follows and not any(conditions.values()):
            return  # without conditions nobody but the services themselves opens or shuts a gate
        self._stood = stand
        sources = {each.source for some in conditions.values() for each in some if isinstance(each, Flows)}
        facts = self._world.facts({name: driver.state for name, driver in self.drivers.items()}, sources)
        for name, driver in self.drivers.items():
            driver.allow(self._behind(name) or gate(driver.service.needs, conditions[name], facts))

    def _behind(self, name: str) -> Gate | None:
        """Shut while its program still runs under its former name."""
        former = self.follows.get(name)
        if former is None:
            return None
        try:
            if self.host.keepers.held(former):
                return Gate(reason=f"waits for {former}, its former name, to end")
        except OSError as trouble:  # no descriptor to spare
            return Gate(reason=f"waits for {former}, its former name, to end: {trouble.strerror}")
        del self.follows[name]
        return None

    def _conditions_of(self, service: Service) -> tuple[Condition, ...]:
        known = self._conditions.get(service.name)
        if known is None or known[0] != service.conditions:
            known = self._conditions[service.name] = service.conditions, tuple(map(parse, service.conditions))
        return known[1]

    # The desk's machine

    def _now(self) -> int:
        return self.host.clock.mono_ns()

    def _tell(self, fact: Callable[[int], list[Step]]) -> None:
        with self.together():
            self._open_gates()
            self._perform(fact(self._now()))

    def _perform(self, steps: Sequence[Step]) -> None:
        for step in steps:
            match step:
                case Begin(names):
                    self._each(names, lambda driver: driver.wish(on=True))
                case Halt(names, why):
                    self._each(names, partial(ServiceDriver.wish, on=False, why=why))
                case Kill(names):
                    self._each(names, lambda driver: driver.kill())
                case Moved(src, dst, reason):
                    log.info("desk.state", src=str(src), dst=str(dst), reason=reason, phase=self.machine.phase)
                    self._moved["desk"] = None
                case _:
                    assert_never(step)

    def _each(self, names: Iterable[str], deed: Callable[[ServiceDriver], None]) -> None:
        for name in names:
            if name in self.drivers:
                deed(self.drivers[name])

    def _rang(self) -> None:
        self._tell(lambda now: self.machine.due(self.standings, now))

    def disarm(self) -> None:
        """Act no more; what runs, runs on."""
        self._depth += 1
        self._alarm.off()
        for driver in self.drivers.values():
            driver.disarm()


def needed(names: Iterable[str], services: Mapping[str, Service]) -> tuple[str, ...]:
    """These services and all that they need, directly or not."""
    found: dict[str, None] = {}

    def add(name: str) -> None:
        if name in services and name not in found:
            found[name] = None
            for need in services[name].needs:
                add(need)

    for name in names:
        add(name)
    return tuple(found)
