"""The desk's day: from 09:00 of one trading day to 09:00 of the next, over nights, weekends and holidays."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from tradewarden.machines.day_book import Book
from tradewarden.machines.wall_clock import instant

BEGINS: Final = time(9)  # by the segment's clock
_ONE_DAY: Final = timedelta(days=1)
_SIGHT: Final = 60  # days: longer than any market has ever paused


def window(now: datetime, book: Book, segment: str) -> tuple[datetime, datetime]:
    """The begin and the end of the desk's day that holds this moment, in UTC."""
    zone, day = book.zone(segment), trading_day_of(now, book, segment)
    following = _nearest(day + _ONE_DAY, _ONE_DAY, book, segment)
    return instant(day, BEGINS, zone), instant(following, BEGINS, zone)


def trading_day_of(now: datetime, book: Book, segment: str) -> date:
    """The trading day that this moment belongs to; the hours before 09:00 belong to the one before."""
    zone = book.zone(segment)
    day = now.astimezone(zone).date()
    begun = now.astimezone(UTC) >= instant(day, BEGINS, zone)
    return _nearest(day if begun else day - _ONE_DAY, -_ONE_DAY, book, segment)


def _nearest(day: date, step: timedelta, book: Book, segment: str) -> date:
    """This day or the nearest trading day in one direction; this day itself when there is none in sight."""
    days = (day + step * number for number in range(_SIGHT))
    return next((each for each in days if book.trading_day(segment, each)), day)
