"""When a schedule is due: between two moments, next, now, or why not on a day. All times of the answers are in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Final

from cronsim import CronSim

from tradewarden.machines.day_book import Book
from tradewarden.machines.due_day import not_that_day, points, span, why_nothing
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
    found = list(_dues(schedule, since, until, book))
    dues: list[Due] = []
    closes = since
    for (at, end), (later, _) in pairwise(found):
        if end is None and closes <= at:  # many points share a day's end, and it takes longer to find than they do
            closes = _day_ends(schedule, at, book)
        dues.append(Due(at, end or min(later, closes), end is not None))
    return [*dues, _due(schedule, *found[-1], book)] if found else []


def next_due(schedule: Schedule, after: datetime, book: Book) -> Due | None:
    """The first due time after this moment; none when there is none within 400 days."""
    found = next(_dues(schedule, after, after + SIGHT, book), None)
    return None if found is None else _due(schedule, *found, book)


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


def _dues(
    schedule: Schedule, since: datetime, until: datetime, book: Book
) -> Iterator[tuple[datetime, datetime | None]]:
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


def _of_day(schedule: Schedule, day: date, since: datetime, book: Book) -> Iterator[tuple[datetime, datetime | None]]:
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
            while (day := _cron_day(text, first)) is not None and day <= last:
                yield day
                first = day + _ONE_DAY
        case _:
            yield from (first + _ONE_DAY * number for number in range((last - first).days + 1))


def _cron_day(text: str, first: date) -> date | None:
    """The first day, this one or later, that the fields name."""
    found = next(CronSim(text, datetime.combine(first, time()) - timedelta(seconds=1)), None)
    return found and found.date()


def _due(schedule: Schedule, at: datetime, end: datetime | None, book: Book) -> Due:
    """A point is too late for at the next one, or when the desk's day ends."""
    if end is not None:
        return Due(at, end, lasts=True)
    closes = _day_ends(schedule, at, book)
    return Due(at, next((later for later, _ in _dues(schedule, at, closes, book)), closes))


def _day_ends(schedule: Schedule, at: datetime, book: Book) -> datetime:
    return window(at, book, schedule.segment)[1]
