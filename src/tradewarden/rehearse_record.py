"""The record of a rehearsal: what happened, line by line, and where it differs from what the script expects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, Protocol, cast

from tradewarden.machines.report import Picture, SegmentReport, Severity
from tradewarden.machines.statechart import Machine
from tradewarden.rehearse_desk import Desk
from tradewarden.rehearse_time import SECOND, VirtualClock

Say = Callable[[dict[str, object]], None]


class Told(Protocol):
    """Who hears of a transition."""

    def __call__(self, machine: Machine, name: str, before: str, event: str) -> None:
        """The machine has reached a new state."""


class _Ear:
    """Listens to one machine."""

    def __init__(self, machine: Machine, name: str, told: Told) -> None:
        self._machine, self._name, self._told = machine, name, told
        self._before = machine.leaf
        cast("Any", machine).add_listener(self)  # the library ships no type for it

    def after_transition(self, event: str) -> None:
        """Called by the state machine library."""
        before, self._before = self._before, self._machine.leaf
        if before != self._before:
            self._told(self._machine, self._name, before, event)


class Record:
    """Tells what happens, and counts the expectations that were missed."""

    def __init__(self, clock: VirtualClock, say: Say) -> None:
        self.misses = 0
        self._clock = clock
        self._say = say
        self._desk: Desk | None = None
        self._dials = 0
        self._backing_off_since: int | None = None
        self._headline: tuple[str, Severity] | None = None

    def follow(self, desk: Desk) -> None:
        """Listen to a daemon that is about to wake up."""
        self._desk, self._dials, self._backing_off_since, self._headline = desk, 0, None, None
        _Ear(desk.auth.machine, "auth", self._moved)
        for name, token in desk.accounts.further.items():
            _Ear(token.machine, f"auth.{name}", self._moved)
        _Ear(desk.feed.machine, "feed", self._moved)
        for session in desk.market.sessions:
            _Ear(session, f"market.{session.segment}", self._moved)
        desk.reports.subscribe(self._drawn)

    # What happens

    def _moved(self, machine: Machine, name: str, before: str, event: str) -> None:
        if name == "feed":
            if machine.leaf == "backing_off":
                self._backing_off_since = self._clock.mono_ns()
            elif machine.leaf != "connecting":
                self._backing_off_since = None
        facts = {"machine": name, "from": before, "to": machine.leaf, "event": str(event), "reason": machine.reason}
        self._tell(facts)

    def dialled(self) -> None:
        """The feed knocks at the broker's door."""
        self._dials += 1
        since, self._backing_off_since = self._backing_off_since, None
        delay = 0.0 if since is None else (self._clock.mono_ns() - since) / SECOND
        attempt = self._desk.feed.machine.attempt if self._desk else 0
        self._tell({"dial": self._dials, "attempt": attempt, "delay_s": round(delay, 3)})

    def _drawn(self, picture: Picture) -> None:
        line = picture.headline
        if (line.code, line.severity) != self._headline:
            self._headline = line.code, line.severity
            self._tell({"headline": line.code, "status": line.severity.status, "http": _http(picture)})

    def _tell(self, facts: Mapping[str, object]) -> None:
        self._say({"at": _shown(self._clock.true_now()), **facts})

    # What should have happened

    def expect(self, line: int, facts: Mapping[str, object]) -> None:
        """Hold the desk against a line of the script."""
        missed = {
            key: {"expected": expected, "found": found}
            for key, expected in facts.items()
            if (found := self._found(key)) != expected
        }
        if missed:
            self.misses += 1
            self._tell({"line": line, "missed": missed})

    def _found(self, key: str) -> object:
        desk = self._desk
        if desk is None:
            return None
        match key:
            case "dials_since_start":
                return self._dials
            case "gaps":
                return desk.gaps.count()
            case _ if key in _FACTS:
                return _FACTS[key](desk.reports.picture)
            case _ if key.startswith("auth."):
                return {f"auth.{name}": token.machine.leaf for name, token in desk.accounts.further.items()}[key]
            case _:
                return _of_segment(desk.reports.picture, key)


def _of_segment(picture: Picture, key: str) -> object:
    fact, _, name = key.partition(".")
    segment: SegmentReport = next(segment for segment in picture.market.segments if segment.segment == name)
    return {
        "market": segment.state,
        "session": segment.session,
        "phase": segment.phase,
        "reason": segment.reason,
    }[fact]


def _http(picture: Picture) -> int:
    return 503 if picture.headline.severity is Severity.CRITICAL else 200


_FACTS: Final[Mapping[str, Callable[[Picture], object]]] = {
    "headline": lambda picture: picture.headline.code,
    "status": lambda picture: picture.headline.severity.status,
    "http": _http,
    "auth": lambda picture: picture.auth.state,
    "feed": lambda picture: picture.feed.state,
    "silent": lambda picture: picture.feed.silent,
}


def _shown(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
