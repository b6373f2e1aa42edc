"""A changed configuration under way: what is gone stops, what is new starts, only what changed is started anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tradewarden.early_log import Logger
from tradewarden.machines.plan import difference
from tradewarden.machines.service import Difference, Service, ServiceState
from tradewarden.orchestrator.crew import Crew
from tradewarden.orchestrator.outcomes import OVER
from tradewarden.orchestrator.service import ServiceDriver
from tradewarden.orchestrator.spec import revision
from tradewarden.orchestrator.wishes import Wishes, WishesError

if TYPE_CHECKING:
    from tradewarden.machines.job import Job

DEFINITION = "definition"  # what differs when it was changed while no daemon was there

log = Logger()


class Redefinition:
    """The way from the services as they are to those of the file; `go_on` belongs into a heartbeat."""

    def __init__(self, crew: Crew, wishes: Wishes, belongs: Callable[[Service], bool]) -> None:
        self._crew, self._wishes, self._belongs = crew, wishes, belongs
        self._coming: dict[str, tuple[Service, bool]] = {}  # the new definition of what must stop first; run it then?
        self._leaving: set[str] = set()  # they stop, and are services no more
        self._defined: tuple[Service, ...] = crew.services  # as the file had them last

    def difference(self, services: Sequence[Service]) -> Difference:
        """What these services would change; one that runs by an older definition differs too."""
        present = [self._coming.get(each.name, (each, False))[0] for each in self._crew.services]
        found = difference([each for each in present if each.name not in self._leaving], services)
        older = {
            service.name: (DEFINITION,)
            for service in services
            if service.name not in found.restarted and self._is_older(service)
        }
        kept = {name: what for name, what in found.kept.items() if name not in older}
        return replace(found, restarted={**found.restarted, **older}, kept=kept)

    def _is_older(self, service: Service) -> bool:
        driver = self._crew.drivers.get(service.name)
        if driver is None or driver.revision is None or service.name in self._coming:
            return False
        return driver.revision != revision(service)

    def begin(self, services: Sequence[Service], found: Difference) -> None:
        """Take these services on; what must stop for it is asked to."""
        drivers = dict(self._crew.drivers)
        self._defined = tuple(services)
        self._leaving |= set(found.removed)
        self._leaving -= {service.name for service in services}
        stopping = []
        for service in services:
            name, known = service.name, drivers.get(service.name)
            if known is None:
                known = drivers[name] = self._taken(service)
                self._follow(service, found.removed)
            if self._is_to_stop(service, known, found):
                runs = known.life.wanted or name in found.added
                self._coming[name] = service, self._coming.get(name, (service, runs))[1]
                stopping.append(name)
            elif name in found.restarted or name in found.kept:
                drivers[name] = self._swapped(known, service, rests=name in found.kept)
        order = [*(service.name for service in services), *self._leaving]
        self._crew.define([drivers[name] for name in order if name in drivers], self._defined)
        for name in (*stopping, *sorted(self._leaving & drivers.keys())):
            drivers[name].wish(on=False)
        turned = [name for name, what in found.kept.items() if "enabled" in what]
        unwanted = [name for name in turned if not drivers[name].service.enabled]
        if unwanted:
            self._crew.stop(unwanted)
        wanted = [name for name in (*found.added, *turned) if self._belongs(drivers[name].service)]
        if begun := [name for name in wanted if name not in stopping]:
            self._crew.start(begun)

    def _is_to_stop(self, service: Service, known: ServiceDriver, found: Difference) -> bool:
        """Whether what runs, or is about to be replaced already, must end before this definition can be taken on."""
        name = service.name
        if name in self._coming:
            return name in found.restarted or name in found.kept
        if name in found.added:  # it was a stray, or is on its way out
            return known.revision not in (None, revision(service))
        return name in found.restarted and known.pid is not None

    def _follow(self, service: Service, removed: Sequence[str]) -> None:
        """One that runs the program of another that leaves starts after that: it is the same under a new name."""
        for name in removed:
            if self._crew.drivers[name].revision == revision(service):
                self._crew.follows[service.name] = name

    def go_on(self) -> None:
        """Finish with what has stopped meanwhile."""
        for name in [name for name in self._coming if name in self._crew.drivers]:
            self._bring(name)
        drivers = self._crew.drivers
        gone = [name for name in self._leaving if name not in drivers or drivers[name].state is ServiceState.DOWN]
        if gone:
            self._leaving.difference_update(gone)
            self._crew.define([driver for name, driver in drivers.items() if name not in gone], self._defined)
            for name in gone:
                log.info("service.removed", service=name)
            self._forget(gone)

    def _bring(self, name: str) -> None:
        """Its new definition, once nothing of the old one runs; somebody may have started that anew meanwhile."""
        driver = self._crew.drivers[name]
        if driver.state in (ServiceState.STARTING, ServiceState.UP):
            driver.wish(on=False)
        if driver.state is not ServiceState.DOWN:
            return
        service, wanted = self._coming.pop(name)
        driver = self._swapped(driver, service)
        self._crew.define({**self._crew.drivers, name: driver}.values(), self._defined)
        if wanted and self._wishes.of(name).wanted is not False:
            driver.wish(on=True)

    def _forget(self, names: Sequence[str]) -> None:
        try:
            self._wishes.forget(names)
        except WishesError as trouble:  # an old wish that stays does no harm
            log.warning("services.wishes_kept", why=str(trouble))

    def _taken(self, service: Service) -> ServiceDriver:
        driver = self._crew.driver(service)
        wish = self._wishes.of(service.name)
        held = driver.is_held
        driver.adopt(wanted=held and wish.wanted is not False, auto=wish.auto_restart is not False)
        return driver

    def _swapped(self, old: ServiceDriver, service: Service, *, rests: bool = False) -> ServiceDriver:
        """The same service by its new description: it takes over as a daemon that starts would.

        One that `rests` stays where it is, since what it runs is the same.
        """
        old.disarm()
        driver = self._crew.driver(service)
        over = rests and old.state in OVER
        left = (old.state, old.life.reason) if over or old.life.is_down else None
        driver.adopt(wanted=old.life.wanted, auto=old.life.auto, over=over, left=left)
        return driver


# A desk without jobs starts its programs 8 ms sooner for not knowing what one is
# ruff: noqa: PLC0415


def parted(services: Sequence[Service]) -> tuple[tuple[Service, ...], tuple[Job, ...]]:
    """The programs and the jobs of a file."""
    if all(type(each) is Service for each in services):
        return tuple(services), ()
    from tradewarden.machines.job import parted as among

    return among(services)


def with_jobs(found: Difference, old: Sequence[Job], new: Sequence[Job]) -> Difference:
    """What a changed file changes, with its jobs."""
    if not (old or new):
        return found
    from tradewarden.machines.job import with_jobs as joined

    return joined(found, old, new)
