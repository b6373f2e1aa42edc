"""What `tradewarden check` finds in good settings about jobs: what never comes or waits in vain, who is not told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Final

from tradewarden.check_command import Finding, good, warning
from tradewarden.machines.calendar import Calendar
from tradewarden.machines.condition import InMarket, parse
from tradewarden.machines.day_book import CalendarBook
from tradewarden.machines.due import Due, is_for_ever, next_due
from tradewarden.machines.job import Job
from tradewarden.machines.run import Misfire
from tradewarden.machines.schedule import Schedule
from tradewarden.machines.schedule_preview import preview
from tradewarden.machines.schedule_problems import problems

if TYPE_CHECKING:
    from tradewarden.settings import Settings

LOOKED_AT: Final = 5  # due times of a schedule


def about_jobs(settings: Settings, calendar: Calendar, now: datetime) -> Iterator[Finding]:
    """What the settings say of the desk's jobs, seen from this moment on."""
    book = CalendarBook(calendar)
    jobs = [job for job in settings.scheduled if job.enabled]
    for job in jobs:
        for text in problems(job.schedules, after=now, book=book, limits=settings.jobs.limits):
            yield warning(f"services.{job.name}.schedule: {text}")
        yield from _about_conditions(job, settings, now, calendar)
    if told := [job.name for job in jobs if job.misfire is Misfire.ALERT and not settings.alerts.has_way]:
        yield warning(
            f'services.{", services.".join(told)}: misfire = "alert", but [alerts] names no way to tell anybody: '
            "set a webhook, Telegram or e-mail there."
        )
    if jobs:
        yield _next(jobs, now, book, len(settings.scheduled) - len(jobs))


def _about_conditions(job: Job, settings: Settings, now: datetime, calendar: Calendar) -> Iterator[Finding]:
    """Which due times will wait for a market that is not so while their time lasts."""
    book = CalendarBook(calendar)
    for text, condition in ((text, parse(text)) for text in job.conditions):
        segment = (condition.segment or settings.segments[0]) if isinstance(condition, InMarket) else None
        if not isinstance(condition, InMarket) or segment not in settings.segments:
            continue
        for schedule in job.schedules:
            coming = list(islice(_coming(schedule, now, book), LOOKED_AT))
            if coming and not any(_may_hold(segment, condition.states, due, calendar) for due in coming):
                yield warning(
                    f'services.{job.name}: `{text}` holds at none of the next due times of "{schedule.text}", '
                    "nor until their time is over: each will be missed."
                )


def _coming(schedule: Schedule, now: datetime, book: CalendarBook) -> Iterator[Due]:
    """The due times of a schedule that has some, one after the other."""
    due = None if is_for_ever(schedule) else next_due(schedule, now, book)
    while due is not None:
        yield due
        due = next_due(schedule, due.at, book)


def _may_hold(segment: str, states: tuple[str, ...], due: Due, calendar: Calendar) -> bool:
    """Whether the market is so at some moment before the due time is over, as far as the calendar knows."""
    wanted, when = {*states, "unknown"}, due.at
    while when < due.until:
        if calendar.at(segment, when).state in wanted:
            return True
        change = calendar.next_state(segment, when)
        if change is None:
            return True
        when = change[0]
    return "halted" in wanted  # which no calendar tells


def _next(jobs: list[Job], now: datetime, book: CalendarBook, left: int) -> Finding:
    coming = [each for each in preview({job.name: job.schedules for job in jobs}, now, 1, book) if each.reason is None]
    told = "none has a time of its own"
    if coming:
        told = f"next is {coming[0].job}, {coming[0].at.astimezone(now.tzinfo):%a %Y-%m-%d %H:%M}"
    besides = "" if not left else f" {left} {'is' if left == 1 else 'are'} disabled."
    return good(f"{len(jobs)} {'job' if len(jobs) == 1 else 'jobs'}; {told}.{besides}")
