"""A time of the clock on the wall, as the one moment at which it is meant."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """When the clock shows this, in UTC: of a doubled time the first, for a skipped one the first moment after.

    UTC, because two times of one zone are compared by their clocks, and those repeat once a year.
    """
    wall = datetime.combine(day, at, zone)
    late, early = wall.astimezone(UTC), wall.replace(fold=1).astimezone(UTC)
    return late if early >= late else _first_after_gap(early, late, zone)  # the two are in this order in a gap only


def _first_after_gap(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The first second with the later offset, which lies behind the first of these two and not behind the second."""
    later = high.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low).total_seconds() // 2)
        if middle.astimezone(zone).utcoffset() == later:
            high = middle
        else:
            low = middle
    return high
