"""What is wrong with a job's schedules, although each can be read: sentences for whoever wrote them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from itertools import islice
from typing import Final

from tradewarden.machines.day_book import Book
from tradewarden.machines.due import FOREVER, SIGHT, Moment, is_for_ever, is_window, moments, next_due, why_not
from tradewarden.machines.due_day import not_that_day, why_nothing
from tradewarden.machines.schedule import After, Hourly, Once, Schedule, Stretch, clock
from tradewarden.machines.schedule_limits import Limits
from tradewarden.machines.schedule_spelling import nearest

_LOOK: Final = timedelta(days=35)  # each day of the week, and some holidays
_NONE: Final = f"none comes within {SIGHT.days} days"
_MANY: Final = 20_000  # due times: what collides does so before


def problems(schedules: Sequence[Schedule], *, after: datetime, book: Book, limits: Limits | None = None) -> list[str]:
    """What is wrong with the schedules of one job, seen from this moment on."""
    never = [wrong for each in schedules if (wrong := _never(each, after, book)) is not None]
    outside = [wrong for each in schedules for wrong in islice(_outside(each, after, book, limits or Limits()), 1)]
    if len(schedules) == 1 and not is_window(schedules[0]):
        return [*never, *outside]  # times of one schedule are never the same
    ahead = sorted(
        ((at, end or at, each) for each in schedules for at, end in _ahead(each, after, book)), key=lambda come: come[0]
    )
    collisions: dict[tuple[Schedule, Schedule], str] = {}
    for one, other, how in _collisions(ahead):
        collisions.setdefault(
            (one, other), f"{_name(one)} overlaps with {'itself' if one is other else _name(other)}: {how}"
        )
    return [*never, *outside, *collisions.values()]


def circles(by_job: Mapping[str, Sequence[Schedule]]) -> list[str]:
    """What is wrong with the jobs that wait for other jobs: unknown ones, and those that wait for themselves."""
    waits = {job: [each.rule.job for each in them if isinstance(each.rule, After)] for job, them in by_job.items()}
    strange = [
        f"{job} runs after {other}, which is no job; {_known(other, by_job)}"
        for job, others in waits.items()
        for other in others
        if other not in by_job
    ]
    round_about = [job for job in waits if job in _behind(job, waits)]
    return [*strange, *([f"{', '.join(round_about)}: each waits for itself in the end"] if round_about else [])]


def _known(strange: str, jobs: Collection[str]) -> str:
    near, names = nearest(strange, jobs), ", ".join(sorted(jobs))
    return f"known: {names}" if near is None else f"did you mean {near}? Known: {names}"


def _behind(job: str, waits: Mapping[str, Sequence[str]]) -> set[str]:
    """All jobs that must have ended before this one begins."""
    found: set[str] = set()
    ahead = list(waits[job])
    while ahead:
        other = ahead.pop()
        if other not in found:
            found.add(other)
            ahead.extend(waits.get(other, ()))
    return found


def _never(schedule: Schedule, after: datetime, book: Book) -> str | None:
    if isinstance(schedule.rule, After) or is_for_ever(schedule) or next_due(schedule, after, book) is not None:
        return None
    return f"{_name(schedule)} never runs: {_reason(schedule, after, book)}"


def _reason(schedule: Schedule, after: datetime, book: Book) -> str:
    match schedule.rule:
        case Once(at):
            far = at.replace(tzinfo=schedule.tz) > after
            return why_not(schedule, at.date(), book) or (_NONE if far else "that is past")
        case Stretch():
            days = (after.astimezone(schedule.tz).date() + timedelta(days=number) for number in range(SIGHT.days))
            held = (day for day in days if not_that_day(schedule, day, book) is None)
            found = next((why for day in held if (why := why_nothing(schedule, day, book)) is not None), None)
            return found or _NONE
        case _:
            return _NONE


def _ahead(schedule: Schedule, after: datetime, book: Book) -> Iterator[Moment]:
    """The due times of the next weeks, or the first of very many."""
    if is_for_ever(schedule):
        return iter([(FOREVER.at, FOREVER.until)])
    return islice(moments(schedule, after, after + _LOOK, book), _MANY)


def _outside(schedule: Schedule, after: datetime, book: Book, limits: Limits) -> Iterator[str]:
    rule = schedule.rule
    if isinstance(rule, Hourly) and limits.minute not in (None, rule.minute):
        yield f"{_name(schedule)} comes at :{rule.minute:02}; allowed is :{limits.minute:02}"
    if is_for_ever(schedule) or (limits.earliest, limits.latest) == (time.min, time.max):
        return
    for moment, _ in _ahead(schedule, after, book):
        at = moment.astimezone(schedule.tz).time()
        if at < limits.earliest or at.replace(second=0) > limits.latest:
            allowed = f"{clock(limits.earliest)} to {clock(limits.latest)}"
            yield f"{_name(schedule)} begins at {clock(at)}; allowed is {allowed}"


def _collisions(ahead: Sequence[tuple[datetime, datetime, Schedule]]) -> Iterator[tuple[Schedule, Schedule, str]]:
    """Each time a schedule comes while another's window is open, or at the same moment."""
    longest: tuple[datetime, Schedule] | None = None  # until when the window is open that reaches furthest
    before: tuple[datetime, Schedule] | None = None
    for at, until, schedule in ahead:
        if longest is not None and at < longest[0]:
            closes = longest[0].astimezone(schedule.tz)
            ends = "never ends" if is_for_ever(longest[1]) else f"ends at {closes:%H:%M}"
            yield longest[1], schedule, f"the second begins at {_when(at, schedule)}, the first {ends}"
        elif before is not None and at == before[0]:
            yield before[1], schedule, f"both come at {_when(at, schedule)}"
        if until > at and (longest is None or until > longest[0]):
            longest = until, schedule
        before = at, schedule


def _when(at: datetime, schedule: Schedule) -> str:
    return f"{at.astimezone(schedule.tz):%Y-%m-%d %H:%M}"


def _name(schedule: Schedule) -> str:
    return f'"{schedule.text or schedule}"'
