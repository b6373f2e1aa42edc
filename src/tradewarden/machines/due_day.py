"""What one day makes of a schedule: its due times, or its window, or the reason why there are none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import assert_never

from cronsim import CronSim

from tradewarden.machines.day_book import Book
from tradewarden.machines.schedule import (
    WEEKDAYS,
    After,
    AllDays,
    Always,
    Anchor,
    At,
    Between,
    Cron,
    Every,
    Hourly,
    Market,
    NamedDays,
    Once,
    Schedule,
    Stretch,
    TradingDays,
)
from tradewarden.machines.wall_clock import instant

_ONE_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
_SECOND = timedelta(seconds=1)


def not_that_day(schedule: Schedule, day: date, book: Book) -> str | None:
    """Why the schedule does not hold on this day; nothing when it does."""
    match schedule.days:
        case AllDays():
            return None
        case NamedDays(weekdays):
            if day.weekday() in weekdays:
                return None
            return f"{day} is a {day:%A}; it runs on {', '.join(WEEKDAYS[each] for each in sorted(weekdays))} only"
        case TradingDays(muhurat):
            if book.trading_day(schedule.segment, day, muhurat=muhurat):
                return None
            return f"{day} is {book.closed_because(schedule.segment, day)}"
        case _:
            assert_never(schedule.days)


def points(schedule: Schedule, day: date, since: datetime, book: Book) -> Iterator[datetime]:
    """The day's due times, ascending, in UTC; those before a moment need not be among them.

    Whether the schedule holds on that day is not asked.
    """
    rule = schedule.rule
    match rule:
        case At(at):
            yield instant(day, at, schedule.tz)
        case Once(at):
            yield from [instant(day, at.time(), schedule.tz)] if at.date() == day else []
        case Hourly():
            yield from _hours(rule, schedule, day, since)
        case Market():
            moment = _told(rule, schedule, day, book)
            yield from [] if moment is None else [moment]
        case Every(seconds, within):
            begin, end = _between(within, schedule, day)
            yield from _steps(begin, end, timedelta(seconds=seconds), since)
        case Cron(text):
            yield from _cron(text, schedule, day, since)
        case Always() | Between() | Stretch() | After():
            pass
        case _:
            assert_never(rule)


def span(schedule: Schedule, day: date, book: Book) -> tuple[datetime, datetime] | None:
    """The window that begins on this day, in UTC; it may end before it begins: then there is none."""
    rule = schedule.rule
    match rule:
        case Always():
            midnight = time()
            return instant(day, midnight, schedule.tz), instant(day + _ONE_DAY, midnight, schedule.tz)
        case Between():
            return _between(rule, schedule, day)
        case Stretch(begin, end):
            sides = _told(begin, schedule, day, book), _told(end, schedule, day, book)
            return None if sides[0] is None or sides[1] is None else (sides[0], sides[1])
        case _:
            return None


def why_nothing(schedule: Schedule, day: date, book: Book) -> str | None:
    """Why the schedule makes nothing of a day on which it holds."""
    rule = schedule.rule
    if isinstance(rule, Market | Stretch) and book.hours(schedule.segment, day) is None:
        return f"{day} is {book.closed_because(schedule.segment, day)}"
    window = span(schedule, day, book)
    if window is not None and window[0] >= window[1]:
        begin, end = (f"{moment.astimezone(schedule.tz):%H:%M}" for moment in window)
        return f"on {day} it would end at {end}, before it begins at {begin}"
    if isinstance(rule, After) or window is not None:
        return None
    if next(points(schedule, day, instant(day, time(), schedule.tz) - _ONE_DAY, book), None) is None:
        return f"{rule} does not come on {day}"
    return None


def _hours(rule: Hourly, schedule: Schedule, day: date, since: datetime) -> Iterator[datetime]:
    """Each hour's time, of the hours within, which may go on behind midnight; from a moment on."""
    begin, end = _between(rule.within, schedule, day)
    local = since.astimezone(schedule.tz).replace(tzinfo=None)  # to compare costs less than to find a moment
    for hours in range(48):
        wall = datetime.combine(day, time(0, rule.minute)) + timedelta(hours=hours)
        if wall < local:
            continue
        at = instant(wall.date(), wall.time(), schedule.tz)
        if at > end:
            return
        if at >= begin:
            yield at


def _steps(begin: datetime, end: datetime, step: timedelta, since: datetime) -> Iterator[datetime]:
    """From the begin in steps that no clock change bends, without counting up to the first one asked for."""
    at = begin + step * max(0, (since - begin) // step)
    while at <= end:
        yield at
        at += step


def _between(within: Between | None, schedule: Schedule, day: date) -> tuple[datetime, datetime]:
    """From one time to the other, over midnight when the second is not the later one; the whole day without any."""
    if within is None:
        return instant(day, time(), schedule.tz), instant(day + _ONE_DAY, time(), schedule.tz) - _SECOND
    last = day if within.begin < within.end else day + _ONE_DAY
    return instant(day, within.begin, schedule.tz), instant(last, within.end, schedule.tz)


def _told(side: Market | time, schedule: Schedule, day: date, book: Book) -> datetime | None:
    """The moment of that day which is meant; none without a session."""
    if isinstance(side, time):
        return instant(day, side, schedule.tz)
    hours = book.hours(schedule.segment, day)
    if hours is None:
        return None
    moment = {Anchor.PRE_OPEN: hours.pre_open, Anchor.OPEN: hours.open, Anchor.CLOSE: hours.close}[side.anchor]
    return moment.astimezone(UTC) + side.offset


def _cron(text: str, schedule: Schedule, day: date, since: datetime) -> Iterator[datetime]:
    """Debian's way with clock changes: a fixed time runs once, a rule of every hour or minute as time passes."""
    midnight, following = instant(day, time(), schedule.tz), instant(day + _ONE_DAY, time(), schedule.tz)
    if following - midnight == _ONE_DAY:
        yield from _as_named(text, day, midnight, since)
        return
    begin = max(midnight - _SECOND, since)
    for local in CronSim(text, begin.astimezone(schedule.tz)):
        if local.date() > day:
            return
        yield local.astimezone(UTC)


def _as_named(text: str, day: date, midnight: datetime, since: datetime) -> Iterator[datetime]:
    """The times that the fields name, on a day on which no clock changes: to count them costs less than to look."""
    fields = cron_fields(text)
    if day.month not in fields.months or not fields.match_day(day):
        return
    minutes, seconds = sorted(fields.minutes), sorted(fields.seconds)
    for hour in sorted(fields.hours):
        if since >= midnight + _HOUR * (hour + 1):
            continue
        for minute in minutes:
            begins = midnight + _MINUTE * (60 * hour + minute)
            if since < begins + _MINUTE:
                yield from [begins + _SECOND * second for second in seconds]


@lru_cache(maxsize=64)
def cron_fields(text: str) -> CronSim:
    """What the fields name: hours, minutes, days and so on."""
    return CronSim(text, datetime(2026, 1, 1, tzinfo=UTC))
