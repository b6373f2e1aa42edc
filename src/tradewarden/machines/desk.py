"""The desk's programs together: they start phase after phase and stop in the reverse order."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from tradewarden.machines.backoff import SECOND
from tradewarden.machines.desk_step import Begin, DeskState, Halt, Kill, Moved, Standings, Step
from tradewarden.machines.life import HEALS, STOPPED, TRIES
from tradewarden.machines.plan import Plan
from tradewarden.machines.service import Service, ServiceState, Tier

FALL: Final = 30 * SECOND  # a phase has so long to stop, unless the operator says otherwise; then it is killed
KILLED: Final = 5 * SECOND  # what was killed has so long to be gone
SLACK: Final = 10.0  # seconds of a start for keepers and for the machine's load

_UNDER_WAY: Final = frozenset({ServiceState.STARTING, ServiceState.STOPPING, ServiceState.BACKING_OFF})
_RUNS: Final = frozenset({ServiceState.STARTING, ServiceState.UP, ServiceState.BACKING_OFF})
_GIVEN_UP: Final = frozenset({ServiceState.PAUSED, ServiceState.FAILED})
_AT_REST: Final = frozenset({ServiceState.DOWN, ServiceState.DONE, ServiceState.FAILED})
_DOWN: Final = frozenset({ServiceState.BACKING_OFF, ServiceState.PAUSED, ServiceState.FAILED})
_BEGUN: Final = _RUNS | {ServiceState.WAITING}


class Desk:
    """All services together; times are monotonic nanoseconds. Tell it of every change of a service with `look`.

    Tell the services their gates before each look: one that waits for its conditions does not hold up its phase.
    """

    _began: list[str]  # what this start has begun
    _anew: set[str]  # what was done already when it was asked for, and is to be done once more
    _whole: bool  # this start began from nothing: it may abort
    _cause: str | None  # of an abort, while what it began stops
    _why: str  # the same, as each of them tells it, or why else all stop
    _fatal: str  # who it was
    _trouble: str  # of that one
    _killed: bool  # the present phase of a stop was killed
    _stubborn: list[str]  # what even that did not end

    def __init__(self, services: Iterable[Service], plan: Plan, now: int, fall: int = FALL) -> None:
        self.state = DeskState.STOPPED
        self.reason: str | None = None
        self.since = now
        self.redefine(services, plan)
        self._now, self._time_to_stop = now, fall
        self._deadline: int | None = None
        self._left: list[tuple[str, ...]] = []  # phases to come, of a start or of a stop
        self._current: tuple[str, ...] = ()  # the phase under way
        self._anew, self._fatal, self._why = set(), "", STOPPED
        self._later: set[str] = set()  # to be started when all has stopped
        self._parting: list[tuple[str, ...]] = []  # phases of a stop of some, beside what runs; the first is under way
        self._parting_until: int | None = None
        self._steps: list[Step] = []

    def redefine(self, services: Iterable[Service], plan: Plan) -> None:
        """The services have changed; what is under way goes on with those that are left."""
        self.services = {each.name: each for each in services}
        self.plan = plan

    @property
    def phase(self) -> int | None:
        """The phase under way, from 1."""
        return self.plan.phase_of(self._current[0]) or None if self._current else None

    @property
    def later(self) -> frozenset[str]:
        """What is to be started when all has stopped."""
        return frozenset(self._later)

    @property
    def falling(self) -> frozenset[str]:
        """What stops or is still to be stopped."""
        left = (self._current, *self._left) if self.state is DeskState.STOPPING else ()
        return frozenset[str]().union(*self._parting, *left)

    def next_deadline(self) -> int | None:
        """When it wants to be woken, at the latest."""
        return min((at for at in (self._deadline, self._parting_until) if at is not None), default=None)

    # Facts

    def adopt(self, standings: Standings, now: int) -> list[Step]:
        """Services of an earlier daemon run: the desk has no start to make, only to look after them."""
        self._now = now
        self._settle(standings)
        return self._answer()

    def start(self, names: Collection[str], standings: Standings, now: int) -> list[Step]:
        """Start these services in their order; while the desk stops, they start after that."""
        self._now = now
        self._parting = [tuple(name for name in phase if name not in names) for phase in self._parting]
        if self.state is DeskState.STOPPING:
            self._later = {*self._later, *names}
        else:
            self._climb(names, standings)
        return self._answer()

    def stop(self, names: Collection[str], standings: Standings, now: int, why: str = STOPPED) -> list[Step]:
        """Stop these services in the reverse order; what else runs, starts or is to start goes on."""
        self._now, self._later, self._anew = now, self._later.difference(names), self._anew.difference(names)
        at_work = {name for name, each in standings.items() if each.state not in _AT_REST}
        others = at_work.union(*self._left).difference(names)
        if others and self.state is DeskState.STOPPING:
            self._fall(others.union(names), standings)
        elif others or (self.state is DeskState.ABORTED and self.services.keys() - names):
            self._left = [tuple(name for name in phase if name not in names) for phase in self._left]
            self._current = tuple(name for name in self._current if name not in names)
            going = {*names}.union(*self._parting)
            self._parting = [(), *self.plan.only(going).reverse.phases]
            self._part(standings)
        else:
            self._cause, self._why = None, why
            self._fall(names, standings)
        return self._answer()

    def look(self, standings: Standings, now: int) -> list[Step]:
        """A service has changed its state or its reason, or what was asked for is done."""
        self._now = now
        self._part(standings)
        match self.state:
            case DeskState.STARTING:
                self._rise(standings)
            case DeskState.STOPPING:
                self._sink(standings)
            case DeskState.RUNNING | DeskState.DEGRADED:
                self._settle(standings)
            case _:
                pass
        return self._answer()

    def due(self, standings: Standings, now: int) -> list[Step]:
        """The phase has had its time."""
        self._now = now
        if self._parting_until is not None and now >= self._parting_until:
            self._part(standings, late=True)
        if self._deadline is None or now < self._deadline:
            return self._answer()
        if self.state is DeskState.STARTING:
            self._rise(standings, late=True)
        elif self.state is DeskState.STOPPING:
            self._hurry(standings)
        return self._answer()

    # A start

    def _climb(self, names: Collection[str], standings: Standings) -> None:
        """A start, or more of the one under way."""
        if self.state is not DeskState.STARTING:
            self._whole = self.state in (DeskState.STOPPED, DeskState.ABORTED)
            self._began, self._left, self._current, self._anew = [], [], (), set()
        begun = self._hurry_on(names, standings) if self._current else set()
        self._anew |= {name for name in names if _state(name, standings) is ServiceState.DONE}
        self._left = list(self.plan.only({*names}.difference(begun).union(*self._left)).phases)
        self._enter(DeskState.STARTING, None)
        self._rise(standings)

    def _hurry_on(self, names: Collection[str], standings: Standings) -> set[str]:
        """What of these this start has begun already: it is told at once, and its turn does not come again."""
        begun = {name for name in names if _state(name, standings) in _BEGUN}.difference(*self._left)
        hurried = tuple(name for name in names if name in begun and _state(name, standings) is not ServiceState.UP)
        if hurried:
            self._steps.append(Begin(hurried))
        return begun

    def _rise(self, standings: Standings, *, late: bool = False) -> None:
        """Go on with the next phase once nothing of this one is under way, or its time is over."""
        slow = [name for name in self._current if _state(name, standings) in _UNDER_WAY]
        failed = [name for name in self._current if _state(name, standings) in _GIVEN_UP]
        fatal = [name for name in (*failed, *(slow if late else ())) if self._is_fatal(name)]
        if fatal:
            self._abort(fatal[0], standings)
        elif not slow or late:
            self._begin(standings)

    def _is_fatal(self, name: str) -> bool:
        """Whether the desk cannot go on without it; one that runs already is never taken down for a newcomer."""
        return self._whole and name in self.services and self.services[name].tier is Tier.CRITICAL

    def _begin(self, standings: Standings) -> None:
        """The next phase of the start."""
        self._current = ()
        while self._left and not self._current:
            self._current = tuple(name for name in self._left.pop(0) if self._is_to_begin(name, standings))
        if not self._current:
            self._settle(standings)
            return
        self._anew.difference_update(self._current)
        self._began += [name for name in self._current if _state(name, standings) not in _RUNS]
        self._deadline = self._now + int(max(map(self._patience, self._current)) * SECOND)
        self._steps.append(Begin(self._current))

    def _is_to_begin(self, name: str, standings: Standings) -> bool:
        """Not what has been done since it was asked for."""
        return name in self.services and (name in self._anew or _state(name, standings) is not ServiceState.DONE)

    def _patience(self, name: str) -> float:
        """The seconds that all tries of a service's start may take."""
        service = self.services[name]
        return TRIES * (service.ready.within + service.stop_seconds) + SLACK

    def _abort(self, name: str, standings: Standings) -> None:
        """The desk cannot go on without this one: what this start began is stopped, what failed shows why."""
        self._fatal, self._trouble = name, str(standings[name].reason).removesuffix("; " + HEALS)
        why = f"{name}, which is critical, did not start: {self._trouble}"
        self._cause, self._why = why, f"the start was aborted: {name} did not start"
        self._fall([each for each in self._began if _state(each, standings) is not ServiceState.FAILED], standings)

    # A stop

    def _fall(self, names: Iterable[str], standings: Standings) -> None:
        """Stop these, phase by phase; first those that the plan does not know any more."""
        names, self._parting, self._parting_until = {*names}.union(*self._parting), [], None
        chosen = {name for name in names if _state(name, standings) is not ServiceState.DOWN}
        known = self.plan.only(chosen).reverse.phases
        strangers = tuple(sorted(chosen.difference(*known)))
        self._left = [phase for phase in (strangers, *known) if phase]
        self._current, self._stubborn = (), []
        self._enter(DeskState.STOPPING, self._cause)
        self._sink(standings)

    def _part(self, standings: Standings, *, late: bool = False) -> None:
        """Go on with a stop of some: with the phase before, once all of this one is at rest or has had its time."""
        while self._parting:
            left = [name for name in self._parting[0] if _state(name, standings) not in _AT_REST]
            if left and not late:
                return
            if left:
                self._steps.append(Kill(tuple(left)))
            late, self._parting_until = False, None
            del self._parting[0]
            if self._parting and self._parting[0]:
                self._steps.append(Halt(self._parting[0]))
                self._parting_until = self._now + self._time_to_stop

    def _sink(self, standings: Standings) -> None:
        """Go on with the phase before once all of this one is at rest."""
        if self._at_work(standings):
            return
        self._deadline, self._killed = None, False
        if self._left:
            self._current = self._left.pop(0)
            self._deadline = self._now + self._time_to_stop
            self._steps += self._halts()
        else:
            self._end(standings)

    def _halts(self) -> list[Step]:
        """The present phase, each with its reason: who made the start abort tells its own."""
        own = tuple(name for name in self._current if self._cause is not None and name == self._fatal)
        others = tuple(name for name in self._current if name not in own)
        halts = Halt(own, self._trouble) if own else None, Halt(others, self._why) if others else None
        return [halt for halt in halts if halt is not None]

    def _at_work(self, standings: Standings) -> list[str]:
        return [name for name in self._current if _state(name, standings) not in _AT_REST]

    def _hurry(self, standings: Standings) -> None:
        """The time to stop is over: kill what is left, and wait no longer for what even that does not end."""
        late = self._at_work(standings)
        if late and not self._killed:
            self._killed, self._deadline = True, self._now + KILLED
            self._steps.append(Kill(tuple(late)))
            return
        self._stubborn += late
        self._current = ()
        self._sink(standings)

    def _end(self, standings: Standings) -> None:
        """Everything that was to stop has stopped."""
        self._current, cause, self._cause = (), self._cause, None
        stubborn = f"{', '.join(self._stubborn)} did not end although killed" if self._stubborn else None
        if cause is None:
            self._enter(DeskState.STOPPED, stubborn)
        else:
            self._enter(DeskState.ABORTED, cause if stubborn is None else f"{cause}; {stubborn}")
        if self._later:
            later, self._later = self._later, set()
            self._climb(later, standings)

    # Running

    def _settle(self, standings: Standings) -> None:
        """Say how the desk does, once nothing of it is under way."""
        self._deadline, self._current, self._left = None, (), []
        down = {name: each.reason for name, each in standings.items() if each.state in _DOWN}
        if standings and all(each.state is ServiceState.DOWN for each in standings.values()):
            self._enter(DeskState.STOPPED, None)
        elif down:
            first = next(iter(down))
            why = f"{first} is down: {down[first]}" if len(down) == 1 else f"{len(down)} are down: {', '.join(down)}"
            self._enter(DeskState.DEGRADED, why)
        else:
            self._enter(DeskState.RUNNING, None)

    def _enter(self, state: DeskState, reason: str | None) -> None:
        before, self.state, self.reason = self.state, state, reason
        if state is not before:
            self.since = self._now
            self._steps.append(Moved(before, state, reason))

    def _answer(self) -> list[Step]:
        steps, self._steps = self._steps, []
        return steps


def _state(name: str, standings: Standings) -> ServiceState:
    """Where a service stands; one that is not there any more is down."""
    return standings[name].state if name in standings else ServiceState.DOWN
