"""When a schedule is due: between two moments, next, now, or why not on a day. All times of the answers are in UTC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final

from tradewarden.machines.day_book import Book
from tradewarden.machines.due_day import cron_fields, not_that_day, points, span, why_nothing
from tradewarden.machines.schedule import After, AllDays, Always, Cron, Once, Schedule, Window
from tradewarden.machines.trading_window import window

_ONE_DAY: Final = timedelta(days=1)
_BACK: Final = timedelta(days=2)  # the day before may reach over midnight, and a zone over the date line
SIGHT: Final = timedelta(days=400)  # what does not come within it is taken to come never


@dataclass(frozen=True, slots=True)
class Due:
    """A time at which a run is due, and when it is too late for it."""

    at: datetime
    until: datetime  # of a window its end, which ends the run; else the next due time or the end of the desk's day
    lasts: bool = field(default=False, compare=False)  # it is a window


Moment = tuple[datetime, datetime | None]  # a due time, of a window with its end

# "always" on all days
FOREVER: Final = Due(datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC), lasts=True)


def is_window(schedule: Schedule) -> bool:
    """Whether a run lasts for as long as a window is open, instead of until its work is done."""
    return isinstance(schedule.rule, Window)


def is_for_ever(schedule: Schedule) -> bool:
    """Whether its one window neither opens nor closes."""
    return isinstance(schedule.rule, Always) and isinstance(schedule.days, AllDays)


def due_between(schedule: Schedule, since: datetime, until: datetime, book: Book) -> list[Due]:
    """Every due time after the first moment, up to and with the second; what waits for another job has none of its own.

    Nor has "always" on all days, whose window opened before anybody can say.
    """
    return list(_ended(schedule, moments(schedule, since, until, book), book))


def upcoming(schedule: Schedule, after: datetime, book: Book) -> Iterator[Due]:
    """The due times after this moment in their order, for as long as each comes within 400 days of the one before."""
    return _ended(schedule, _coming(schedule, after, book), book)


def next_due(schedule: Schedule, after: datetime, book: Book) -> Due | None:
    """The first due time after this moment; none when there is none within 400 days."""
    found = next(moments(schedule, after, after + SIGHT, book), None)
    return None if found is None else _due(schedule, *found, book)


def _coming(schedule: Schedule, after: datetime, book: Book) -> Iterator[Moment]:
    since: datetime | None = after
    while since is not None:
        begin, since = since, None
        for at, end in moments(schedule, begin, begin + SIGHT, book):
            yield at, end
            since = at


def _ended(schedule: Schedule, found: Iterable[Moment], book: Book) -> Iterator[Due]:
    """Each due time with the moment from which on it is too late for it."""
    before: Moment | None = None
    closes = datetime.min.replace(tzinfo=UTC)
    for at, end in found:
        if before is not None:
            if before[1] is None and closes <= before[0]:  # many points share a day's end, which takes long to find
                closes = _day_ends(schedule, before[0], book)
            yield Due(before[0], before[1] or min(at, closes), before[1] is not None)
        before = at, end
    if before is not None:
        yield _due(schedule, *before, book)


def open_window(schedule: Schedule, now: datetime, book: Book) -> Due | None:
    """The window that is open at this moment; of two that overlap the one that opened last."""
    if is_for_ever(schedule):
        return FOREVER
    first = now.astimezone(UTC).date() - _BACK
    days = (first + _ONE_DAY * number for number in range(4))
    windows = (span(schedule, day, book) for day in days if not_that_day(schedule, day, book) is None)
    opened = [each for each in windows if each is not None and each[0] <= now < each[1]]
    return Due(*opened[-1], lasts=True) if opened else None


def why_not(schedule: Schedule, day: date, book: Book) -> str | None:
    """Why nothing is due, and no window opens, on this day of the schedule's zone; nothing when something does."""
    return not_that_day(schedule, day, book) or why_nothing(schedule, day, book)


def moments(schedule: Schedule, since: datetime, until: datetime, book: Book) -> Iterator[Moment]:
    """The due times after the first moment and up to the second, in order, each once; of windows with their end."""
    since, until = since.astimezone(UTC), until.astimezone(UTC)
    if is_for_ever(schedule):
        return
    last = since
    for day in _days(schedule, since.date() - _BACK, until.date() + _ONE_DAY):
        if not_that_day(schedule, day, book) is not None:
            continue
        for at, end in _of_day(schedule, day, since, book):
            if at > until:
                return
            if at > last:  # a clock that skips an hour puts several times on one moment
                yield at, end
                last = at


def _of_day(schedule: Schedule, day: date, since: datetime, book: Book) -> Iterator[Moment]:
    if is_window(schedule):
        opened = span(schedule, day, book)
        if opened is not None and opened[0] < opened[1]:
            yield opened
    else:
        yield from ((at, None) for at in points(schedule, day, since, book))


def _days(schedule: Schedule, first: date, last: date) -> Iterator[date]:
    """The days that are worth a look, in order."""
    match schedule.rule:
        case After():
            return
        case Once(at):
            yield at.date()
        case Cron(text):
            fields = cron_fields(text)
            days = (first + _ONE_DAY * number for number in range((last - first).days + 1))
            yield from (day for day in days if day.month in fields.months and fields.match_day(day))
        case _:
            yield from (first + _ONE_DAY * number for number in range((last - first).days + 1))


def _due(schedule: Schedule, at: datetime, end: datetime | None, book: Book) -> Due:
    """A point is too late for at the next one, or when the desk's day ends."""
    if end is not None:
        return Due(at, end, lasts=True)
    closes = _day_ends(schedule, at, book)
    return Due(at, next((later for later, _ in moments(schedule, at, closes, book)), closes))


def _day_ends(schedule: Schedule, at: datetime, book: Book) -> datetime:
    return window(at, book, schedule.segment)[1]
