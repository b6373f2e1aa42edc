"""What people ask of the desk's programs: start, stop, restart, enable, leave alone, down; each answers at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from tradewarden.early_log import Logger
from tradewarden.machines.desk_step import DeskState
from tradewarden.machines.plan import SelectionError, selection
from tradewarden.machines.service import Order, Selection, Service, ServiceState
from tradewarden.orchestrator.crew import Crew, needed
from tradewarden.orchestrator.environment import missing
from tradewarden.orchestrator.keepers import Keepers
from tradewarden.orchestrator.service import ServiceDriver
from tradewarden.orchestrator.strays import Strays
from tradewarden.orchestrator.wishes import NO_LIVES, Wishes, WishesError

AT_WORK: Final = frozenset({ServiceState.STARTING, ServiceState.UP, ServiceState.STOPPING})
RESTARTED: Final = "somebody restarts it"
_AT_START: Final = frozenset({ServiceState.STARTING, ServiceState.UP})
_NOT_UP: Final = frozenset({DeskState.STOPPED, DeskState.ABORTED, DeskState.STOPPING})

log = Logger()


class RefusedError(Exception):
    """A verb that cannot be done; the text says why and what can."""


class Orders:
    """The verbs; each keeps what is wished, sets the work going, says what becomes of it, may raise RefusedError."""

    def __init__(self, crew: Crew, wishes: Wishes, keepers: Keepers) -> None:
        self.crew = crew
        self._wishes = wishes
        self.strays = Strays(crew, keepers, wishes)

    def outdated(self, names: Sequence[str]) -> None:
        """What is told of these services is another than before, though none has changed its state."""

    def start(self, which: Selection, *, by: str) -> Order:
        """Start services, with what they need."""
        chosen, drivers = self._chosen(which), self.crew.drivers
        services = {name: driver.service for name, driver in drivers.items()}
        left: dict[str, str] = {}
        names: list[str] = []
        fresh = self.crew.machine.state in (DeskState.STOPPED, DeskState.ABORTED)
        for name in needed(chosen, services):
            if not self.is_enabled(services[name]):
                left[name] = f"it is disabled: `tradewarden enable {name}` first"
            elif drivers[name].state is ServiceState.UP and name not in self.crew.machine.falling:
                left[name] = "it is up already"
            elif drivers[name].state is ServiceState.DONE and name not in which.names and not fresh:
                left[name] = "it is done already"
            else:
                names.append(name)
        self._keep(names, wanted=True)
        self._log("start", names, by)
        if names:
            self.crew.start(names)
        return self._order("start", names, left, "starting")

    def stop(self, which: Selection, *, by: str) -> Order:
        """Stop services, in the reverse order, and strays; it lasts until somebody starts them."""
        strays = self.strays.end(which.names)
        self.outdated(())  # they are named no more
        which = replace(which, names=tuple(name for name in which.names if name not in strays))
        chosen = () if strays and which == Selection() else self._chosen(which)
        self._keep(chosen, wanted=False)
        names = self._to_stop(chosen)
        left = {name: "it is down already" for name in chosen if name not in names}
        self._log("stop", [*names, *strays], by)
        if names:
            self.crew.stop(names)
        order = self._order("stop", [*names, *strays], left, "stopping")
        needy = [
            name
            for name, driver in self.crew.drivers.items()
            if name not in chosen and driver.pid is not None and set(names) & set(driver.service.needs)
        ]
        return replace(order, text=f"{order.text} What needs them runs on: {_listed(needy)}.") if needy else order

    def restart(self, which: Selection, *, by: str) -> Order:
        """End and start services anew."""
        chosen, drivers = self._chosen(which), self.crew.drivers
        left = {
            name: f"it is disabled: `tradewarden enable {name}` first"
            for name in chosen
            if not self.is_enabled(drivers[name].service)
        }
        spared = {
            name: f"it could not begin again and runs on: {why}"
            for name in chosen
            if name not in left and drivers[name].pid is not None
            if (why := missing(drivers[name].service, self.crew.host.state)) is not None
        }
        left |= spared
        names = [name for name in chosen if name not in left]
        running = [name for name in names if drivers[name].pid is not None]
        lives = {name: life_of(drivers[name]) for name in running} if which.everything else {}
        self._keep(names, lives, wanted=True)
        self._log("restart", names, by)
        with self.crew.together():
            if which.everything and running:
                self.crew.stop([name for name in self._to_stop(drivers) if name not in spared], RESTARTED)
                self.crew.start(names)
            else:
                for name in running:
                    drivers[name].restart()
                others = [name for name in names if name not in running]
                if others:
                    self.crew.start(others)
        return self._order("restart", names, left, "restarting")

    def enable(self, names: Sequence[str], *, on: bool, by: str) -> Order:
        """Let services belong to the desk, or not; one that is disabled is stopped."""
        chosen, drivers = self._chosen(Selection(names=tuple(names))), self.crew.drivers
        self._keep(chosen, enabled=on)
        self._log("enable" if on else "disable", chosen, by)
        self.outdated(chosen)
        machine = self.crew.machine
        if not on and (names := self._to_stop(chosen)):
            self.crew.stop(names)
        elif on and (machine.state not in _NOT_UP or (machine.state is DeskState.STOPPING and machine.reason is None)):
            wanted = [name for name in chosen if self._wishes.of(name).wanted is not False]
            self.crew.start([name for name in wanted if drivers[name].state not in _AT_START])
        verb = "enable" if on else "disable"
        return self._order(verb, chosen, {}, "enabled" if on else "disabled")

    def auto_restart(self, names: Sequence[str], *, on: bool, by: str) -> Order:
        """Whether services that end are started again by themselves."""
        chosen = self._chosen(Selection(names=tuple(names)))
        self._keep(chosen, auto_restart=on)
        self._log("auto-restart", chosen, by, on=on)
        with self.crew.together():
            for name in chosen:
                self.crew.drivers[name].auto_restart(on=on)
        self.outdated(chosen)
        what = "are started again by themselves" if on else "are not started again by themselves"
        return Order(verb="auto-restart", accepted=tuple(chosen), text=f"From now on they {what}: {_listed(chosen)}.")

    def down(self, *, by: str) -> Order:
        """Stop everything deliberately, whatever runs here under a keeper."""
        self._keep(self.crew.drivers, wanted=False)
        names = self._to_stop(self.crew.drivers)
        strays = self.strays.end(self.strays.names)
        self._log("down", [*names, *strays], by)
        if names:
            self.crew.stop(names)
        return self._order("down", [*names, *strays], {}, "stopping")

    # What counts

    def is_enabled(self, service: Service) -> bool:
        """Whether a service belongs to the desk: what people said last counts more than the file."""
        wish = self._wishes.of(service.name).enabled
        return service.enabled if wish is None else wish

    @property
    def stopped(self) -> tuple[str, ...]:
        """What belongs to the desk, and stays down since somebody has stopped it."""
        drivers = self.crew.drivers.items()
        return tuple(name for name, each in drivers if self._is_stopped(each.service))

    def _is_stopped(self, service: Service) -> bool:
        return self.is_enabled(service) and self._wishes.of(service.name).wanted is False

    def belongs(self, service: Service) -> bool:
        """Whether a new service should run: it belongs to the desk, the desk runs, and nobody has stopped it."""
        is_up = self.crew.machine.state not in _NOT_UP
        return is_up and self.is_enabled(service) and self._wishes.of(service.name).wanted is not False

    def _chosen(self, which: Selection) -> tuple[str, ...]:
        try:
            return selection(self.crew.services, which)
        except SelectionError as error:
            raise RefusedError(f"{str(error)[:1].upper()}{str(error)[1:]}.") from None

    def _to_stop(self, names: Iterable[str]) -> list[str]:
        """Of these, what is not down, or is to come; while the desk starts all, or it would go on to those."""
        machine = self.crew.machine
        starts = machine.state is DeskState.STARTING
        return [name for name in names if starts or name in machine.later or not self.crew.drivers[name].life.is_down]

    def _keep(self, names: Iterable[str], ends: Mapping[str, str | None] = NO_LIVES, **wishes: bool) -> None:
        if self.crew.host.lost is not None:
            raise RefusedError(self.crew.host.lost)
        try:
            self._wishes.set(names, ends=ends, **wishes)
        except WishesError as error:
            raise RefusedError(f"{error}.") from None

    def _log(self, verb: str, names: Sequence[str], by: str, **more: bool) -> None:
        log.info("desk.order", verb=verb, services=list(names), by=by, **more)

    def _order(self, verb: str, names: Sequence[str], left: dict[str, str], doing: str) -> Order:
        text = f"{doing.capitalize()}: {_listed(names)}." if names else "Nothing to do."
        return Order(verb=verb, accepted=tuple(names), left=left, text=text)


def life_of(driver: ServiceDriver) -> str | None:
    """The life that a service lives: no other one is called so."""
    life = driver.life.past.life
    return None if life is None else f"{life.boot} {life.pid} {life.ticks}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
