"""One day of one segment, from midnight to midnight: which phase holds when, and what data to expect."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

EXPECTED = ("none", "sparse", "dense")  # ascending: how much data a phase makes due
MIDNIGHT = 24 * 60 * 60

# Every phase a calendar file may name, as state.phase, and the data it makes due unless the file says otherwise.
# Silence while an auction closes at random, matches or hands over is no staleness, hence "none".
PHASES = {
    "pre_open.cancel_only": "none",
    "pre_open.entry": "sparse",
    "pre_open.limit_only": "sparse",
    "pre_open.random_close": "none",
    "pre_open.match": "none",
    "pre_open.buffer": "none",
    "live.continuous": "dense",
    "live.online": "dense",  # a venue without a closing bell, unless it says otherwise itself
    "closing_auction.reference": "sparse",
    "closing_auction.entry": "sparse",
    "closing_auction.limit_only": "sparse",
    "closing_auction.random_close": "none",
    "closing_auction.match": "none",
    "post_close.wait": "none",
    "post_close.post_close": "sparse",
    "closed.break": "none",  # between two sessions of one day
}


def most_expected(levels: Iterable[str]) -> str:
    """The level of the segment that expects most data: none < sparse < dense."""
    return max(levels, key=EXPECTED.index, default="none")


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a segment stands: its state, the phase within it, the day's session, why, and how much data is due."""

    state: str
    phase: str
    session: str | None = None
    reason: str | None = None
    expected: str = "none"


# What a venue without a closing bell says of itself: Kraken's words (its status channel pushes them).
VENUE = {
    "online": ("live", "dense"),
    "post_only": ("live", "sparse"),  # orders may be placed, nothing is matched
    "cancel_only": ("closed", "none"),
    "maintenance": ("closed", "none"),
}


def told_by_venue(status: str) -> Moment:
    """Where a venue stands by its own word; a word that nobody knows claims nothing."""
    if status not in VENUE:
        return Moment("unknown", "venue_status", "regular", "the venue says a word that is not known")
    state, expected = VENUE[status]
    return Moment(state, status, "regular", None if status == "online" else f"the venue says {status}", expected)


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of a trading day in seconds since local midnight; its end belongs to the next one."""

    begin: int
    end: int
    name: str  # state.phase
    expected: str

    def moment(self, session: str, reason: str | None) -> Moment:
        """What the segment says of itself during this phase."""
        if session == "mock":  # ticks are broadcast, yet nothing may trade, record or raise an alarm on them
            return Moment("closed", "mock", session, reason)
        state, _, phase = self.name.partition(".")
        return Moment(state, phase, session, reason, self.expected)


@dataclass(frozen=True, slots=True)
class Day:
    """What holds from which second of the local day on, and the stretches in which data is due."""

    begins: tuple[int, ...]  # ascending, the first is midnight
    moments: tuple[Moment, ...]
    due: tuple[tuple[int, int], ...] = ()
    session: str | None = None

    def at(self, second: int) -> Moment:
        """The phase that holds at this second after midnight."""
        return self.moments[bisect_right(self.begins, second) - 1]


def clipped(phases: Sequence[Phase], begin: int, end: int) -> tuple[Phase, ...]:
    """What is left of the phases between two times of the day."""
    inside = (replace(phase, begin=max(phase.begin, begin), end=min(phase.end, end)) for phase in phases)
    return tuple(phase for phase in inside if phase.begin < phase.end)


def quiet_day(moment: Moment) -> Day:
    """A day on which nothing happens: a weekend or a holiday."""
    return Day((0,), (moment,))


def unknown_day(phase: str, reason: str, usual: Sequence[Phase]) -> Day:
    """A day that the calendar does not cover: nothing is claimed, but data is welcome in the usual hours."""
    return Day((0,), (Moment("unknown", phase, None, reason),), _due(usual))


def trading_day(phases: Sequence[Phase], session: str, reason: str | None, rest: Moment) -> Day:
    """A day with a session; before and after it the segment is at rest."""
    spans = [(phase.begin, phase.moment(session, reason)) for phase in phases]
    if phases[0].begin > 0:
        spans.insert(0, (0, rest))
    if phases[-1].end < MIDNIGHT:
        spans.append((phases[-1].end, rest))
    begins, moments = zip(*spans, strict=True)
    return Day(begins, moments, () if session == "mock" else _due(phases), session)


def _due(phases: Sequence[Phase]) -> tuple[tuple[int, int], ...]:
    return tuple((phase.begin, phase.end) for phase in phases if phase.expected != "none")
