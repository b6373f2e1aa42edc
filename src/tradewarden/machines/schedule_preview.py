"""What schedules will bring: the next runs with the reason for each gap, and what a stretch of time would have had."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby

from tradewarden.machines.day_book import Book
from tradewarden.machines.due import Due, due_between, upcoming, why_not
from tradewarden.machines.schedule import After, Market, Schedule, Stretch, TradingDays
from tradewarden.machines.wall_clock import instant

_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Coming:
    """A run to come, or a gap from this moment on and its reason."""

    job: str
    at: datetime
    until: datetime | None = None
    reason: str | None = None
    user: str = ""  # whose job it is; empty: the desk's own


def preview(schedules: Mapping[str, Sequence[Schedule]], after: datetime, count: int, book: Book) -> list[Coming]:
    """The next runs of all these jobs in the order of time, and between them the days that have none, with why."""
    merged = heapq.merge(
        *(_runs(job, each, after, book) for job, them in schedules.items() for each in them), key=_time
    )
    runs: dict[tuple[str, datetime], Coming] = {}
    for run in merged:
        if len(runs) == count:
            break
        runs.setdefault((run.job, run.at), run)
    if not runs:
        return []
    last = max(at for _, at in runs)
    gaps = [gap for job, them in schedules.items() for gap in _gaps(job, them, after, last, book)]
    return sorted([*runs.values(), *gaps], key=_time)


def dry_run(schedules: Sequence[Schedule], since: datetime, until: datetime, book: Book) -> list[Due]:
    """What one job's schedules would have brought between two moments."""
    return sorted((due for each in schedules for due in due_between(each, since, until, book)), key=lambda due: due.at)


def _time(coming: Coming) -> datetime:
    return coming.at


def _runs(job: str, schedule: Schedule, after: datetime, book: Book) -> Iterator[Coming]:
    return (Coming(job, due.at, due.until) for due in upcoming(schedule, after, book))


def _gaps(job: str, schedules: Sequence[Schedule], after: datetime, last: datetime, book: Book) -> Iterator[Coming]:
    """The days on which sessions would have to be held and are not; those that adjoin are one gap."""
    own = [each for each in schedules if not isinstance(each.rule, After)]
    told = [each for each in own if isinstance(each.days, TradingDays) or isinstance(each.rule, Market | Stretch)]
    if not told:
        return
    zone = told[0].tz
    first, final = after.astimezone(zone).date(), last.astimezone(zone).date()
    days = [first + _ONE_DAY * number for number in range((final - first).days + 1)]
    reasons = [(day, _why(own, told[0], day, book)) for day in days]
    for is_gap, group in groupby(reasons, key=lambda each: each[1] is not None):
        if is_gap:
            days_off = list(group)
            begin = max(after, instant(days_off[0][0], time(), zone))
            yield Coming(job, begin, reason="; ".join(str(why) for _, why in days_off))


def _why(schedules: Sequence[Schedule], told: Schedule, day: date, book: Book) -> str | None:
    """Why none of a job's schedules brings a run on this day; nothing when one does."""
    return None if any(why_not(each, day, book) is None for each in schedules) else why_not(told, day, book)
