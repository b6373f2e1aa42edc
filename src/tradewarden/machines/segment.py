"""A market segment's dated rules, and the day they make of any date."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from tradewarden.machines.session import MIDNIGHT, Day, Moment, Phase, clipped, quiet_day, trading_day, unknown_day

WEEKDAYS = frozenset(range(5))  # Monday to Friday
_ONE_DAY = timedelta(days=1)
_WEEKEND = quiet_day(Moment("closed", "weekend", None, "weekend"))
_SIGHT = timedelta(days=400)  # nobody plans further; a venue that never closes would be searched for ever


@dataclass(frozen=True, slots=True)
class Rule:
    """The ordinary hours from a date on, until rules of a later date."""

    effective_from: date
    phases: tuple[Phase, ...]
    source: str
    days: frozenset[int] = WEEKDAYS  # 0 is Monday


@dataclass(frozen=True, slots=True)
class Closure:
    """A day without ordinary trading, or with a part of it only, and its name."""

    name: str
    source: str
    open_from: int | None = None  # seconds after midnight: an evening-only holiday
    open_until: int | None = None  # a half day

    def left_of(self, phases: Sequence[Phase]) -> tuple[Phase, ...]:
        """What of the ordinary hours is held all the same."""
        if self.open_from is None and self.open_until is None:
            return ()
        return clipped(phases, self.open_from or 0, self.open_until or MIDNIGHT)


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
    _in_force: tuple[tuple[Rule, ...], ...] = field(init=False, repr=False)
    _weeks: tuple[tuple[Day, ...], ...] = field(init=False, repr=False)
    _exceptional: dict[date, Day] = field(init=False, repr=False)
    _beyond: dict[tuple[bool, int, int], Day] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # All days that differ are built once: a query is two look-ups, and a calendar weighs some kilobytes.
        together = [tuple(group) for _, group in groupby(self.rules, key=lambda rule: rule.effective_from)]
        object.__setattr__(self, "_effective", tuple(rules[0].effective_from for rules in together))
        object.__setattr__(self, "_in_force", tuple(together))
        object.__setattr__(self, "_weeks", tuple(_week(rules) for rules in together))
        holidays = {day: self._holiday(day) for day in self.closures}
        object.__setattr__(self, "_exceptional", holidays | {day: self._special(day) for day in self.specials})

    def covers(self, day: date) -> bool:
        """Whether the calendar knows this day."""
        return self.covered_from <= day <= self.covered_until

    def day(self, day: date) -> Day:
        """The day's table: special session, else closure, else weekend, else the ordinary hours in force."""
        if not self.covers(day):
            return self._unknown(day)
        exceptional = self._exceptional.get(day)
        return self._weeks[self._era(day)][day.weekday()] if exceptional is None else exceptional

    def told_by(self, day: date) -> tuple[str | None, str]:
        """Who says what the day is, and how sure that is: confirmed, provisional, mock; unknown outside coverage."""
        if not self.covers(day):
            return None, "unknown"
        if day in self.specials:
            return self.specials[day].source, self.specials[day].status
        if day in self.closures:
            return self.closures[day].source, "confirmed"
        rule = self._rule(day) or self._in_force[self._era(day)][0]
        return rule.source, "confirmed"

    def changes_after(self, local: datetime) -> Iterator[tuple[datetime, Moment]]:
        """Every later begin of a phase in order, up to the instant at which coverage ends or sight does."""
        day = max(local.date(), self.covered_from)
        last = min(self.covered_until + _ONE_DAY, day + _SIGHT)
        while day <= last:
            table = self.day(day)
            for second, moment in zip(table.begins, table.moments, strict=True):
                begin = self.instant(day, second)
                if begin > local:
                    yield begin, moment
            day += _ONE_DAY

    def instant(self, day: date, second: int) -> datetime:
        """The wall-clock time so many seconds after the segment's own midnight."""
        return datetime.combine(day, time.min, self.zone) + timedelta(seconds=second)

    def ordinary(self, day: date) -> tuple[Phase, ...]:
        """The ordinary hours of that day of the week, whatever the calendar says of the date; none on a day off."""
        rule = self._rule(day)
        return rule.phases if rule else ()

    def _era(self, day: date) -> int:
        return max(bisect_right(self._effective, day) - 1, 0)

    def _rule(self, day: date) -> Rule | None:
        return next((rule for rule in self._in_force[self._era(day)] if day.weekday() in rule.days), None)

    def _usual(self, day: date) -> tuple[Phase, ...]:
        """The ordinary hours of that date, even on a weekend."""
        return (self._rule(day) or self._in_force[self._era(day)][0]).phases

    def _unknown(self, day: date) -> Day:
        kind = day < self.covered_from, self._era(day), day.weekday()
        if kind not in self._beyond:  # made once, as all days are
            self._beyond[kind] = self._outside(day)
        return self._beyond[kind]

    def _outside(self, day: date) -> Day:
        usual = self.ordinary(day)
        if day < self.covered_from:
            return unknown_day("before_coverage", f"calendar begins {self.covered_from}", usual)
        return unknown_day("past_coverage", f"calendar ends {self.covered_until}", usual)

    def _holiday(self, day: date) -> Day:
        closure = self.closures[day]
        left = closure.left_of(self._usual(day)) if self._rule(day) else ()
        if not left:
            return quiet_day(_closed(closure))
        return trading_day(left, "regular", closure.name, _closed(closure, "regular"))

    def _special(self, day: date) -> Day:
        special, closure = self.specials[day], self.closures.get(day)
        phases = special.phases or self._usual(day)
        if special.session == "regular":  # a closure that was called off leaves no trace in the states
            return trading_day(phases, "regular", None, Moment("closed", "night", "regular"))
        rest = _closed(closure, special.session) if closure else Moment("closed", "night", special.session)
        return trading_day(phases, special.session, special.reason, rest)


def _week(rules: Sequence[Rule]) -> tuple[Day, ...]:
    night = Moment("closed", "night", "regular")
    tables = {rule: trading_day(rule.phases, "regular", None, night) for rule in rules}
    by_day = {day: tables[rule] for rule in rules for day in rule.days}
    return tuple(by_day.get(day, _WEEKEND) for day in range(7))


def _closed(closure: Closure, session: str | None = None) -> Moment:
    return Moment("closed", "holiday", session, closure.name)
