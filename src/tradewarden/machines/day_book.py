"""What schedules ask of the calendar: does this day count, when is its session, and why is there none?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from tradewarden.machines.calendar import Calendar
from tradewarden.machines.session import MIDNIGHT, Day

_TRADED = ("live", "closing_auction")


@dataclass(frozen=True, slots=True)
class Hours:
    """A day's session: two of them on one day count as one."""

    pre_open: datetime  # the open itself where there is none
    open: datetime
    close: datetime  # of the closing auction where there is one


class Book(Protocol):
    """The days of every segment that schedules may name."""

    def trading_day(self, segment: str, day: date, *, muhurat: bool = False) -> bool:
        """Whether the segment trades that day; one with a Muhurat session only when asked for."""

    def hours(self, segment: str, day: date) -> Hours | None:
        """The day's session, special ones and Muhurat too; none when there is none."""

    def closed_because(self, segment: str, day: date) -> str | None:
        """What the day is instead of a trading day, to be put behind "2026-11-24 is"."""

    def zone(self, segment: str) -> ZoneInfo:
        """Where the segment's clock hangs."""


@dataclass(frozen=True, slots=True)
class CalendarBook:
    """The book that the calendar files make; an admin's word of the moment does not move a schedule."""

    calendar: Calendar

    def trading_day(self, segment: str, day: date, *, muhurat: bool = False) -> bool:
        """Whether the segment trades that day; past the calendar's end every ordinary weekday does."""
        return self.calendar.trading_day(segment, day, muhurat=muhurat)

    def hours(self, segment: str, day: date) -> Hours | None:
        """The day's session; past the calendar's end the ordinary one of its weekday."""
        rules = self.calendar.by_segment[segment]
        if rules.covers(day):
            spans = _spans(rules.day(day))
        else:
            spans = [(phase.begin, phase.end, phase.name.partition(".")[0]) for phase in rules.ordinary(day)]
        traded = [(begin, end) for begin, end, state in spans if state in _TRADED]
        if not traded:
            return None
        before = [begin for begin, _, state in spans if state == "pre_open"]
        first, last = traded[0][0], traded[-1][1]
        return Hours(*(rules.instant(day, second) for second in (min(*before, first, MIDNIGHT), first, last)))

    def closed_because(self, segment: str, day: date) -> str | None:
        """What the day is instead of a trading day, to be put behind "2026-11-24 is"."""
        if self.trading_day(segment, day):
            return None
        table = self.calendar.by_segment[segment].day(day)
        rest = table.moments[0]
        match table.session, rest.phase:
            case "muhurat", _:
                return f"a day with only the Muhurat session of {segment}"
            case "mock", _:
                return f"a day with only a mock session of {segment}"
            case _, "holiday":
                return f"a holiday of {segment}: {rest.reason}"
            case _:
                return f"a {day:%A}, and {segment} does not trade"

    def zone(self, segment: str) -> ZoneInfo:
        """Where the segment's clock hangs."""
        return self.calendar.by_segment[segment].zone


def _spans(table: Day) -> list[tuple[int, int, str]]:
    """From which second to which the segment is in which state."""
    ends = (*table.begins[1:], MIDNIGHT)
    return [(begin, end, moment.state) for begin, end, moment in zip(table.begins, ends, table.moments, strict=True)]
