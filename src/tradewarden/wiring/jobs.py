"""Who runs the desk's jobs: over the same keepers as its programs, by the calendar, for the traders that there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from tradewarden import log
from tradewarden.machines.calendar import Calendar
from tradewarden.machines.day_book import CalendarBook
from tradewarden.orchestrator.clock import IST, Clock
from tradewarden.orchestrator.desk import DeskDriver
from tradewarden.orchestrator.driver import Spawn
from tradewarden.orchestrator.job import JobHost
from tradewarden.orchestrator.job_plans import Around
from tradewarden.orchestrator.job_spec import learn_of_jobs
from tradewarden.orchestrator.jobs import JobsDriver
from tradewarden.orchestrator.lease import own_lease
from tradewarden.orchestrator.ledger_file import LedgerFile
from tradewarden.orchestrator.runs import Runs
from tradewarden.orchestrator.schedule_edits import Edits
from tradewarden.orchestrator.signals import Signals
from tradewarden.orchestrator.standings import Standings

if TYPE_CHECKING:  # the daemon gets values, see settings_apart: what reads them costs 11 MB
    from tradewarden.settings import Settings


def jobs_of(
    settings: Settings,
    programs: DeskDriver,
    file: LedgerFile,
    calendar: Callable[[], Calendar],
    traders: Callable[[], Sequence[str]],
    *,
    clock: Clock,
    spawn: Spawn,
) -> JobsDriver:
    """Whoever runs the jobs; `calendar` is the one of the moment, and `programs` holds the keepers."""
    state, kept = settings.state_dir, settings.log_dir
    learn_of_jobs(settings.scheduled, settings.traders, state=state, log_dir=kept, learned=log.hide)
    host = JobHost(
        keepers=programs.keepers,
        runs=Runs(file, now=clock.now),
        clock=clock,
        spawn=spawn,
        state=state,
        log_dir=kept,
        learned=log.hide,
        lease=own_lease(),
    )
    around = Around(
        facts=programs.facts,
        is_program=lambda name: name in programs.crew.drivers,
        book=lambda: CalendarBook(calendar()),
        segments=lambda: calendar().segments,
        segment=settings.job_segment,
        zone=str(IST),
        traders=traders,
        people=settings.traders,
        keep=timedelta(days=settings.jobs.keep_days),
        forget=Signals(file, now=clock.now).prune,
        limits=settings.jobs.limits,
    )
    jobs = JobsDriver(settings.scheduled, host, Edits(file, now=clock.now), Standings(file, now=clock.now), around)
    programs.besides = jobs
    return jobs
