"""What schedules bring in a stretch of time, as far as anybody reads it: one of every second holds nobody up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from tradewarden.machines.day_book import Book
from tradewarden.machines.due import Due
from tradewarden.machines.schedule import Schedule
from tradewarden.machines.schedule_preview import dry_run

A_DAY: Final = 3000  # due times: every ten seconds of a session
_FIRST: Final = timedelta(minutes=10)
_LONGEST: Final = timedelta(days=1)
_LITTLE: Final = 500  # due times


def some(schedules: Sequence[Schedule], since: datetime, until: datetime, book: Book, *, most: int) -> list[Due]:
    """The due times after the first moment up to the second, in order; of more than `most` the first ones, not all."""
    found: list[Due] = []
    step = _FIRST
    while since < until and len(found) <= most:
        to = min(until, since + step)
        here = dry_run(schedules, since, to, book)
        found += here
        since, step = to, _following(step, len(here))
    return found


def newest(schedules: Sequence[Schedule], since: datetime, until: datetime, book: Book, *, most: int) -> list[Due]:
    """As `some`, looked for from the end: of more than `most` the last ones."""
    found: list[Due] = []
    step = _FIRST
    while since < until and len(found) <= most:
        back = max(since, until - step)
        here = dry_run(schedules, back, until, book)
        found = [*here, *found]
        until, step = back, _following(step, len(here))
    return found


def _following(step: timedelta, came: int) -> timedelta:
    """How far to look next: twice as far while little comes, as each look costs something, too."""
    return min(2 * step, _LONGEST) if came < _LITTLE else step


def too_many(schedules: Sequence[Schedule], after: datetime, book: Book) -> str | None:
    """Why these are refused before anybody looks at each of their due times; nothing when they come seldom enough."""
    days = [after + timedelta(days=ahead) for ahead in range(8)]
    if all(len(some(schedules, *day, book, most=A_DAY)) <= A_DAY for day in pairwise(days)):
        return None
    return (
        f"together they come more than {A_DAY:,} times a day, and each time a program is started: write a window such"
        ' as "between 09:15 and 15:30", in which one program is kept up'
    )
