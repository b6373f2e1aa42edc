"""What `tradewarden check` finds in the schedules of good settings: which never come, which collide, what is next."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from tradewarden.check_command import Finding, good, warning
from tradewarden.machines.calendar import Calendar
from tradewarden.machines.day_book import CalendarBook
from tradewarden.machines.job import Job
from tradewarden.machines.schedule_preview import preview
from tradewarden.machines.schedule_problems import problems

if TYPE_CHECKING:
    from tradewarden.settings import Settings


def about_jobs(settings: Settings, calendar: Calendar, now: datetime) -> Iterator[Finding]:
    """What the settings say of the desk's jobs, seen from this moment on."""
    book = CalendarBook(calendar)
    jobs = [job for job in settings.scheduled if job.enabled]
    for job in jobs:
        for text in problems(job.schedules, after=now, book=book, limits=settings.jobs.limits):
            yield warning(f"services.{job.name}.schedule: {text}")
    if jobs:
        yield _next(jobs, now, book, len(settings.scheduled) - len(jobs))


def _next(jobs: list[Job], now: datetime, book: CalendarBook, left: int) -> Finding:
    coming = [each for each in preview({job.name: job.schedules for job in jobs}, now, 1, book) if each.reason is None]
    told = "none has a time of its own"
    if coming:
        told = f"next is {coming[0].job}, {coming[0].at.astimezone(now.tzinfo):%a %Y-%m-%d %H:%M}"
    besides = "" if not left else f" {left} {'is' if left == 1 else 'are'} disabled."
    return good(f"{len(jobs)} {'job' if len(jobs) == 1 else 'jobs'}; {told}.{besides}")
