"""When a job is to run, as values that say themselves in the words of schedule_words.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import assert_never
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_UNITS = ((3600, "hour"), (60, "minute"), (1, "second"))


class Anchor(StrEnum):
    """What of a session a time is told by."""

    PRE_OPEN = "pre-open"  # the open itself in a session without one
    OPEN = "open"
    CLOSE = "close"  # of the closing auction where there is one


class Ended(StrEnum):
    """How a job must have ended for the one that waits for it."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"  # timed out, too
    ENDED = "ended"  # either way


@dataclass(frozen=True, slots=True)
class Always:
    """Kept up for as long as its days last."""

    def __str__(self) -> str:
        return "always"


@dataclass(frozen=True, slots=True)
class Between:
    """Kept up between two times of the day; over midnight when the second is the earlier one."""

    begin: time
    end: time

    def __str__(self) -> str:
        return f"between {clock(self.begin)} and {clock(self.end)}"


@dataclass(frozen=True, slots=True)
class At:
    """Once a day."""

    at: time

    def __str__(self) -> str:
        return f"at {clock(self.at)}"


@dataclass(frozen=True, slots=True)
class Hourly:
    """At this minute of each hour, of those between two times if any are given, both included."""

    minute: int
    within: Between | None = None

    def __str__(self) -> str:
        return f"hourly at :{self.minute:02}{_within(self.within)}"


@dataclass(frozen=True, slots=True)
class Every:
    """Again and again from the begin of the day, or from the first of two times up to the second."""

    seconds: int
    within: Between | None = None

    def __str__(self) -> str:
        size, unit = next(each for each in _UNITS if self.seconds % each[0] == 0)
        return f"every {self.seconds // size}{unit[0]}{_within(self.within)}"


@dataclass(frozen=True, slots=True)
class Once:
    """One time only, by the clock on the wall."""

    at: datetime  # naive: the schedule says the zone

    def __str__(self) -> str:
        return f"once {self.at.date()} {clock(self.at.time())}"


@dataclass(frozen=True, slots=True)
class Cron:
    """Five fields as Debian's cron reads them, or six with the seconds first."""

    text: str

    def __str__(self) -> str:
        return f"cron {self.text}"


@dataclass(frozen=True, slots=True)
class Market:
    """So long before or after a moment of the segment's session."""

    anchor: Anchor
    offset: timedelta = timedelta()

    def __str__(self) -> str:
        if not self.offset:
            return f"at {self.anchor}"
        seconds = abs(round(self.offset.total_seconds()))
        size, unit = next(each for each in _UNITS if seconds % each[0] == 0)
        number = seconds // size
        return f"{number} {unit}{'s'[: number != 1]} {'after' if self.offset > timedelta() else 'before'} {self.anchor}"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Kept up between two moments, at least one of which the session tells."""

    begin: Market | time
    end: Market | time

    def __str__(self) -> str:
        return f"from {_side(self.begin)} to {_side(self.end)}"


@dataclass(frozen=True, slots=True)
class After:
    """Each time another job has ended like that."""

    job: str
    ended: Ended

    def __str__(self) -> str:
        return f"after {self.job} {self.ended}"


Rule = Always | Between | At | Hourly | Every | Once | Cron | Market | Stretch | After
Window = Always | Between | Stretch  # one run a window; all others are points, one run a due time


@dataclass(frozen=True, slots=True)
class TradingDays:
    """The days on which the segment trades; one with a Muhurat session only when asked for."""

    muhurat: bool = False


@dataclass(frozen=True, slots=True)
class AllDays:
    """Whatever the calendar says."""


@dataclass(frozen=True, slots=True)
class NamedDays:
    """These days of the week, whatever the calendar says; 0 is Monday."""

    weekdays: frozenset[int]


Days = TradingDays | AllDays | NamedDays


@dataclass(frozen=True, slots=True)
class Schedule:
    """One rule, the days it holds on, whose sessions it goes by and where the clock hangs that it reads."""

    rule: Rule
    days: Days
    segment: str
    zone: str
    text: str = field(default="", compare=False)  # as it was written; str() says it whole

    @property
    def tz(self) -> ZoneInfo:
        """Its time zone."""
        return ZoneInfo(self.zone)

    def __str__(self) -> str:
        return f"{self.rule} on {self._days()} in {self.zone}"

    def _days(self) -> str:
        match self.days:
            case TradingDays(muhurat):
                return f"trading days of {self.segment}{' with muhurat' * muhurat}"
            case AllDays():
                return f"all days of {self.segment}"
            case NamedDays(weekdays):
                return f"{', '.join(WEEKDAYS[day] for day in sorted(weekdays))} of {self.segment}"
            case _:
                assert_never(self.days)


def clock(at: time) -> str:
    """A time of day, with its seconds only if it has some."""
    return f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}"


def _within(within: Between | None) -> str:
    return f" {within}" if within else ""


def _side(side: Market | time) -> str:
    return clock(side) if isinstance(side, time) else str(side).removeprefix("at ")
