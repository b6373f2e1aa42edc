"""A market segment's dated rules, and the day they make of any date."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tradewarden.machines.session import Day, Moment, Phase, quiet_day, trading_day, unknown_day

_SATURDAY = 5
_ONE_DAY = timedelta(days=1)
_WEEKEND = quiet_day(Moment("closed", "weekend", None, "weekend"))


@dataclass(frozen=True, slots=True)
class Rule:
    """The ordinary hours from a date on, until the next rule."""

    effective_from: date
    phases: tuple[Phase, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Closure:
    """A day without ordinary trading, and its name."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class Special:
    """A session that replaces its day: Muhurat, Budget, a disaster-recovery Saturday, a mock."""

    session: str  # muhurat, special, mock; regular lifts a closure
    name: str
    status: str  # confirmed, provisional, mock
    source: str
    phases: tuple[Phase, ...] | None  # none: the ordinary hours of that date

    @property
    def reason(self) -> str:
        """Its name, with a warning when the exchange has not confirmed the hours."""
        return f"{self.name} (provisional)" if self.status == "provisional" else self.name


@dataclass(frozen=True, slots=True)
class Segment:
    """All that the calendar knows of one segment; outside its coverage every day is unknown."""

    zone: ZoneInfo
    covered_from: date
    covered_until: date
    rules: Sequence[Rule]  # ascending
    closures: Mapping[date, Closure]
    specials: Mapping[date, Special]
    _effective: tuple[date, ...] = field(init=False, repr=False)
    _ordinary: tuple[Day, ...] = field(init=False, repr=False)
    _exceptional: dict[date, Day] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # All days that differ are built once: a query is two look-ups, and a calendar weighs some kilobytes.
        night = Moment("closed", "night", "regular")
        ordinary = tuple(trading_day(rule.phases, "regular", None, night) for rule in self.rules)
        object.__setattr__(self, "_effective", tuple(rule.effective_from for rule in self.rules))
        object.__setattr__(self, "_ordinary", ordinary)
        holidays = {day: quiet_day(_holiday(closure)) for day, closure in self.closures.items()}
        object.__setattr__(self, "_exceptional", holidays | {day: self._special(day) for day in self.specials})

    def day(self, day: date) -> Day:
        """The day's table: special session, else closure, else weekend, else the ordinary hours in force."""
        if not self.covered_from <= day <= self.covered_until:
            return self._unknown(day)
        exceptional = self._exceptional.get(day)
        if exceptional is not None:
            return exceptional
        return _WEEKEND if day.weekday() >= _SATURDAY else self._ordinary[self._in_force(day)]

    def changes_after(self, local: datetime) -> Iterator[tuple[datetime, Moment]]:
        """Every later begin of a phase in order, up to the instant at which coverage ends."""
        day = max(local.date(), self.covered_from)
        while day <= self.covered_until + _ONE_DAY:
            table = self.day(day)
            for second, moment in zip(table.begins, table.moments, strict=True):
                begin = self.instant(day, second)
                if begin > local:
                    yield begin, moment
            day += _ONE_DAY

    def instant(self, day: date, second: int) -> datetime:
        """The wall-clock time so many seconds after the segment's own midnight."""
        return datetime.combine(day, time.min, self.zone) + timedelta(seconds=second)

    def _in_force(self, day: date) -> int:
        return max(bisect_right(self._effective, day) - 1, 0)

    def _unknown(self, day: date) -> Day:
        usual = () if day.weekday() >= _SATURDAY else self.rules[self._in_force(day)].phases
        if day < self.covered_from:
            return unknown_day("before_coverage", f"calendar begins {self.covered_from}", usual)
        return unknown_day("past_coverage", f"calendar ends {self.covered_until}", usual)

    def _special(self, day: date) -> Day:
        special, closure = self.specials[day], self.closures.get(day)
        phases = special.phases or self.rules[self._in_force(day)].phases
        if special.session == "regular":  # a closure that was called off leaves no trace in the states
            return trading_day(phases, "regular", None, Moment("closed", "night", "regular"))
        rest = _holiday(closure, special.session) if closure else Moment("closed", "night", special.session)
        return trading_day(phases, special.session, special.reason, rest)


def _holiday(closure: Closure, session: str | None = None) -> Moment:
    return Moment("closed", "holiday", session, closure.name)
