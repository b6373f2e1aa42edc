"""In which order the desk's services start, and what a changed description of them changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final

from tradewarden.machines.condition import ServiceUp, parse
from tradewarden.machines.service import Difference, Kind, Selection, Service, Tier

_TIERS: Final = tuple(Tier)  # the most important first
_NEEDS_RESTART: Final = frozenset({"command", "directory", "environment", "user", "kind", "ports"})


class CycleError(ValueError):
    """Services that need each other in a circle: none of them can be the first."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        super().__init__(f"services need each other in a circle: {' -> '.join((*names, names[0]))}; remove one need")


class SelectionError(ValueError):
    """Nobody knows what is meant."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which services start together, phase after phase; they stop in the reverse order."""

    phases: tuple[tuple[str, ...], ...] = ()

    def phase_of(self, name: str) -> int:
        """The number of a service's phase, from 1; 0 when it has none."""
        return next((number for number, names in enumerate(self.phases, 1) if name in names), 0)

    def only(self, names: Collection[str]) -> Plan:
        """The same order for some of the services."""
        chosen = (tuple(name for name in phase if name in names) for phase in self.phases)
        return Plan(tuple(phase for phase in chosen if phase))

    @property
    def reverse(self) -> Plan:
        """The order in which they stop."""
        return Plan(self.phases[::-1])


def plan(services: Sequence[Service]) -> Plan:
    """Phases by need, and where needs allow by tier: whatever a critical service needs counts as critical.

    Raises CycleError, which names the circle. Needs that nobody answers are left to `problems`.
    """
    needs = _needs(services)
    cycle = _cycle(needs)
    if cycle:
        raise CycleError(cycle)
    tiers = {each.name: _TIERS.index(each.tier) for each in services}
    for name in reversed(_order(needs)):
        for need in needs[name]:
            tiers[need] = min(tiers[need], tiers[name])
    depths: dict[str, int] = {}
    for name in _order(needs):
        depths[name] = max((depths[need] + 1 for need in needs[name] if tiers[need] == tiers[name]), default=0)
    places = sorted({(tiers[name], depths[name]) for name in needs})
    return Plan(tuple(tuple(name for name in needs if (tiers[name], depths[name]) == place) for place in places))


def _needs(services: Sequence[Service]) -> dict[str, tuple[str, ...]]:
    """Whom each service waits for, by its needs and by its conditions."""
    known = {each.name for each in services}
    return {each.name: tuple(name for name in _waits_for(each) if name in known) for each in services}


def _waits_for(service: Service) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*service.needs, *(each.name for each in _conditions(service)))))


def _conditions(service: Service) -> Iterator[ServiceUp]:
    for text in service.conditions:
        try:
            condition = parse(text)
        except ValueError:  # `problems` says so
            continue
        if isinstance(condition, ServiceUp):
            yield condition


def _order(needs: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Every service behind whatever it needs; there is no circle."""
    ordered: dict[str, None] = {}

    def add(name: str) -> None:
        for need in needs[name]:
            if need not in ordered:
                add(need)
        ordered[name] = None

    for name in needs:
        add(name)
    return list(ordered)


def _cycle(needs: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The first circle, from the service that is named first in the configuration; empty when there is none."""
    clear: set[str] = set()

    def search(path: tuple[str, ...]) -> tuple[str, ...]:
        for need in needs[path[-1]]:
            if need in path:
                return path[path.index(need) :]
            if need not in clear and (found := search((*path, need))):
                return found
        clear.add(path[-1])
        return ()

    found = next((cycle for name in needs if name not in clear and (cycle := search((name,)))), ())
    first = next((place for name in needs for place, other in enumerate(found) if other == name), 0)
    return (*found[first:], *found[:first])


def problems(services: Sequence[Service]) -> list[str]:
    """What is wrong with the services together, one sentence each; empty when nothing is."""
    doubles = [f"service {name!r} is defined {times} times" for name, times in _counted(services) if times > 1]
    own = [sentence for each in services for sentence in (*_wrong_needs(each, services), *_wrong_words(each))]
    cycle = _cycle(_needs([each for each in services if each.name not in _waits_for(each)]))
    return [*doubles, *own, *([str(CycleError(cycle))] if cycle else []), *_wrong_ports(services)]


def _counted(services: Sequence[Service]) -> list[tuple[str, int]]:
    return list(Counter(each.name for each in services).items())


def _wrong_needs(service: Service, services: Sequence[Service]) -> Iterator[str]:
    enabled = {each.name: each.enabled for each in services}
    for name in _waits_for(service):
        if name == service.name:
            yield f"service {service.name!r} needs itself; remove that need"
        elif name not in enabled:
            yield f"service {service.name!r} needs {name!r}, which is not defined; known: {', '.join(sorted(enabled))}"
        elif service.enabled and not enabled[name]:
            yield f"service {service.name!r} needs {name!r}, which is disabled; enable it, or disable both"


def _wrong_words(service: Service) -> Iterator[str]:
    if service.ready.kind == "exit" and service.kind is not Kind.STEP:
        yield f"service {service.name!r} is ready with its exit, which only a step has: set kind = 'step'"
    for text in service.conditions:
        try:
            parse(text)
        except ValueError as error:
            yield f"service {service.name!r}: {error}"


def _wrong_ports(services: Sequence[Service]) -> Iterator[str]:
    takers: dict[int, list[str]] = {}
    for each in services:
        for port in dict.fromkeys(each.ports) if each.enabled else ():
            takers.setdefault(port, []).append(each.name)
    for port, names in takers.items():
        if len(names) > 1:
            yield f"port {port} is used by {', '.join(names[:-1])} and {names[-1]}; only one of them can listen there"


def difference(old: Sequence[Service], new: Sequence[Service]) -> Difference:
    """What a changed file changes, and what of it needs a restart; with a problem nothing is to be changed."""
    before, after = {each.name: each for each in old}, {each.name: each for each in new}
    changed = {name: _changed(before[name], each) for name, each in after.items() if name in before}
    return Difference(
        added=tuple(name for name in after if name not in before),
        removed=tuple(name for name in before if name not in after),
        restarted={name: what for name, what in changed.items() if _NEEDS_RESTART.intersection(what)},
        kept={name: what for name, what in changed.items() if what and not _NEEDS_RESTART.intersection(what)},
        problems=tuple(problems(new)),
    )


def _changed(old: Service, new: Service) -> tuple[str, ...]:
    return tuple(each.name for each in fields(Service) if getattr(old, each.name) != getattr(new, each.name))


def selection(services: Sequence[Service], chosen: Selection) -> tuple[str, ...]:
    """The names that are meant, in the order of the configuration; raises SelectionError with the known ones."""
    known = [each.name for each in services]
    unknown = [name for name in chosen.names if name not in known]
    if unknown:
        raise SelectionError(f"there is no service {unknown[0]!r}; known: {', '.join(known) or 'none'}")
    everything = chosen.everything or (bool(chosen.without) and not chosen.names and not chosen.tiers)
    if not (everything or chosen.names or chosen.tiers):
        raise SelectionError("no service is named: name some, a tier, or all of them")
    return tuple(
        each.name
        for each in services
        if (everything or each.name in chosen.names or each.tier in chosen.tiers) and each.tier not in chosen.without
    )
