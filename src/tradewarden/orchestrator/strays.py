"""Programs that run here under a name that the configuration does not have, or not any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tradewarden.early_log import Logger
from tradewarden.machines.kept import Started
from tradewarden.orchestrator.crew import Crew
from tradewarden.orchestrator.keepers import Keepers
from tradewarden.orchestrator.spec import revision
from tradewarden.orchestrator.wishes import Wishes

END = "stop"  # by its own signal, in its own time

log = Logger()


class Strays:
    """What is kept in the run directory besides the crew: it runs on until somebody ends it.

    One that is a service under its former name ends first, and then that service starts: never two copies.
    """

    def __init__(self, crew: Crew, keepers: Keepers, wishes: Wishes) -> None:
        self._crew, self._keepers, self._wishes = crew, keepers, wishes
        self.names: tuple[str, ...] = ()  # those that nobody has asked to end
        self.owns: Callable[[str], bool] = lambda _name: False  # whether somebody else keeps it here

    def find(self) -> None:
        """See what runs here that is not one of the crew, and end what is to be another's."""
        self.names = tuple(filter(self._is_stray, self._keepers.names()))
        self.rename(self._crew.drivers)
        if self.names:
            log.warning("service.strays", services=list(self.names), hint=f"tradewarden stop {self.names[0]} ends it")

    def look(self) -> None:
        """Forget those that have ended, and those that are of the crew by now; say again what one has not heard."""
        self.names = tuple(filter(self._is_stray, self.names))
        self.end(self._crew.follows.values())

    def rename(self, services: Iterable[str]) -> None:
        """End whichever of them is one of these services under its former name; that one starts after it."""
        seen = set(self._keepers.names())
        missing = [
            name
            for name in sorted(services, key=lambda name: name in seen)  # a name that was never here is the likelier
            if not self._crew.drivers[name].is_held and self._wishes.of(name).wanted is not False
        ]
        for stray in self.names:
            mark = self._revision(stray)
            name = next((name for name in missing if revision(self._crew.drivers[name].service) == mark), None)
            if name is not None:
                log.info("service.renamed", service=name, former=stray)
                self._crew.follows[name] = stray
                self.end([stray])

    def end(self, names: Iterable[str]) -> tuple[str, ...]:
        """End these, as far as they are strays; which are."""
        ended = tuple(name for name in names if name in self.names and self._keepers.command(name, END))
        self.names = tuple(name for name in self.names if name not in ended)
        return ended

    def _is_stray(self, name: str) -> bool:
        if name in self._crew.drivers or self.owns(name):
            return False
        try:
            return self._keepers.held(name)
        except OSError:  # no descriptor to spare: the next look tells
            return True

    def _revision(self, name: str) -> str | None:
        lives = [each.revision for each in self._keepers.last(name) if isinstance(each, Started)]
        return lives[-1] if lives else None
