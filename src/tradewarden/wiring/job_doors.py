"""Where the desk's jobs and signals are asked for over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path

from tradewarden.http.app import Part
from tradewarden.http.compat_service import CompatService
from tradewarden.http.jobs_port import Jobs
from tradewarden.http.runs import RunsDoor
from tradewarden.http.schedules import SchedulesDoor
from tradewarden.http.signals import SignalsDoor
from tradewarden.http.standings import StandingsDoor
from tradewarden.machines.calendar import Calendar
from tradewarden.machines.day_book import CalendarBook
from tradewarden.machines.job_report import Statistics
from tradewarden.machines.trading_window import trading_day_of
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.ledger_file import LedgerFile
from tradewarden.orchestrator.run_history import RunHistory
from tradewarden.orchestrator.schedule_edits import Edits
from tradewarden.orchestrator.signals import Signals


def job_doors(jobs: Jobs, file: LedgerFile, calendar: Callable[[], Calendar], segment: str, clock: Clock) -> list[Part]:
    """A path for each; `calendar` is the one of the moment, and signals belong to the segment's trading days."""
    signals = Signals(file, now=clock.now)
    return [
        SchedulesDoor(jobs, clock),
        RunsDoor(jobs, clock, partial(counted, file.path)),
        StandingsDoor(jobs),
        SignalsDoor(
            signals,
            lambda rows, run: signals.hand_over(rows, run, book=CalendarBook(calendar()), segment=segment),
            lambda: trading_day_of(clock.now(), CalendarBook(calendar()), segment),
        ),
        CompatService(jobs, clock, Edits(file, now=clock.now).latest),
    ]


def counted(path: Path, job: str, user: str, since: datetime) -> Statistics:
    """What the runs of a job came to: in a thread, so over a connection of its own. Raises LedgerError."""
    with closing(LedgerFile(path)) as file:
        return RunHistory(file).statistics(job, user, since)
