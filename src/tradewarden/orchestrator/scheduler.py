"""Which due times have come of each job: every one of them ends in the ledger, once, whatever the clock did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import structlog

from tradewarden.machines.claim import Claim
from tradewarden.machines.day_book import Book
from tradewarden.machines.due import FOREVER, Due, due_between, next_due, open_window
from tradewarden.machines.job import Job, kept_as
from tradewarden.machines.misfire import Settled, settle
from tradewarden.machines.run import Lease, Refused, Run, Trigger
from tradewarden.machines.schedule import Schedule
from tradewarden.orchestrator.ledger import LedgerError
from tradewarden.orchestrator.runs import Runs

STRETCH: Final = timedelta(hours=1)  # of the past that is looked at together: there may be a due time each second
STRETCHES: Final = 4  # that are gone through at one beat
KEPT_EVERY: Final = timedelta(minutes=1)  # how far a schedule was looked at is written down so often, at least

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Scheduled:
    """A job of the desk or of one trader, with the schedules that hold."""

    job: Job
    user: str
    schedules: tuple[Schedule, ...] = ()
    enabled: bool = True
    stands: bool = False  # it runs on its schedules
    is_unified: bool = False  # because its desk as a whole does
    problem: str | None = None  # why it does not, though it should
    unwritten: str | None = None  # the same, while the ledger takes nothing
    seen: datetime | None = None  # each due time up to here has its outcome
    kept: datetime | None = None  # and this far that is written down
    begins: bool = False  # it may have a window that was open when it came to stand
    away: datetime | None = None  # since when nobody looked, while that past is gone through
    next: Due | None = None
    is_planned: bool = False  # `next` is known

    @property
    def key(self) -> tuple[str, str]:
        """Whose it is."""
        return self.job.name, self.user

    @property
    def name(self) -> str:
        """As its keeper has it."""
        return kept_as(self.job.name, self.user)

    @property
    def is_active(self) -> bool:
        """Whether due times count."""
        return self.enabled and self.stands


class Asked(Protocol):
    """Whoever runs what is due."""

    def barrier(self, scheduled: Scheduled) -> str | None:
        """What keeps it from beginning now."""
        ...

    def given(self, run: Run, scheduled: Scheduled) -> None:
        """A run was claimed."""
        ...

    def passed(self, runs: Sequence[Run], scheduled: Scheduled) -> None:
        """Due times went by without one."""
        ...

    @property
    def resting(self) -> str | None:
        """Why nothing is begun at present, although it is due."""
        ...


class Scheduler:
    """The clock's hands of all jobs: `look` at each beat and whenever the next due time comes."""

    def __init__(self, runs: Runs, lease: Lease, asked: Asked, zone: ZoneInfo, *, book: Callable[[], Book]) -> None:
        self._runs, self._lease, self._asked, self._zone, self._book = runs, lease, asked, zone, book
        self._is_stuck = False

    def take_up(self, scheduled: Scheduled, now: datetime) -> None:
        """From here on its due times count: where an earlier daemon ended, and for a new one from now on."""
        scheduled.kept = scheduled.seen = self._runs.watermark(*scheduled.key)
        if scheduled.seen is None:
            self.begin_anew(scheduled, now)

    def begin_anew(self, scheduled: Scheduled, now: datetime) -> None:
        """What was due before now is none of its own: it did not stand, or its schedule was another."""
        scheduled.is_planned, scheduled.away = False, None
        if scheduled.seen is None or scheduled.seen < now:
            scheduled.seen = now
        self._keep(scheduled, at_once=True)

    def look(self, scheduled: Scheduled, now: datetime) -> None:
        """See what has come due; of a long past some each time."""
        if scheduled.seen is None:
            return
        away = scheduled.away or scheduled.seen
        for _ in range(STRETCHES if scheduled.is_active else 0):
            coming = self.coming(scheduled)
            if coming is None or coming.at > now:
                break
            scheduled.away = away
            if not self._come(scheduled, now, away):
                return  # the disk takes nothing: the next beat tries again
        else:
            if scheduled.is_active:
                return
        scheduled.away, scheduled.seen = None, max(scheduled.seen, now)
        self._keep(scheduled)

    def coming(self, scheduled: Scheduled) -> Due | None:
        """The next due time that has not been looked at."""
        if not scheduled.is_planned and scheduled.seen is not None:
            book, since = self._book(), scheduled.seen
            dues = [due for each in scheduled.schedules if (due := next_due(each, since, book)) is not None]
            scheduled.next = min(dues, key=lambda due: due.at, default=None)
            scheduled.is_planned = True
        return scheduled.next

    def open_now(self, scheduled: Scheduled, now: datetime) -> Due | None:
        """The window of it that is open, if it has one; of several the one that closes last."""
        book = self._book()
        found = [due for each in scheduled.schedules if (due := open_window(each, now, book)) is not None]
        return max(found, key=lambda due: due.until, default=None)

    def begin_inside(self, scheduled: Scheduled, now: datetime) -> bool:
        """The desk was started, or this job, while a window of it is open; false when the disk takes nothing."""
        window = self.open_now(scheduled, now) if scheduled.is_active else None
        if window is not None:
            try:
                self.ask(scheduled, Trigger.DESK, Due(now, window.until), by="the desk's start")
            except LedgerError as trouble:
                log.debug("job.unwritten", job=scheduled.name, why=str(trouble))
                return False
        return True

    def after(self, scheduled: Scheduled, due: Due, now: datetime, by: str) -> None:
        """Another job has ended as this one waits for."""
        since = scheduled.kept or now
        self._account(scheduled, settle([due], now, scheduled.job.misfire, since, self._zone), Trigger.AFTER, None, by)

    def ask(self, scheduled: Scheduled, trigger: Trigger, due: Due, *, by: str) -> Run | Refused:
        """A run now, or why not. Raises LedgerError."""
        claim = self._claim(scheduled, trigger, due, by)
        given = self._runs.claim(
            claim.job,
            claim.user,
            claim.trigger,
            claim.due,
            by=by,
            lease=claim.lease,
            until=claim.until,
            queued_because=claim.because,
        )
        self._tell(given, scheduled)
        return given

    def keep_all(self, all_of_them: Sequence[Scheduled]) -> None:
        """The daemon ends: write down how far was looked."""
        for each in all_of_them:
            self._keep(each, at_once=True)

    # What has come

    def _come(self, scheduled: Scheduled, now: datetime, away: datetime) -> bool:
        """Settle the due times up to now, or of the first stretch of a long past; false when the disk refuses."""
        since, to, dues = self._stretch(scheduled, now)
        settled = settle(dues, now, scheduled.job.misfire, away, self._zone)
        if not self._account(scheduled, settled, Trigger.SCHEDULE, to, "schedule"):
            return False
        scheduled.kept = scheduled.seen = max(to, since)
        scheduled.is_planned = False
        return True

    def _stretch(self, scheduled: Scheduled, now: datetime) -> tuple[datetime, datetime, list[Due]]:
        """From when to when is looked at, and what came due there."""
        since = scheduled.seen or now
        to = min(now, max(since, scheduled.next.at if scheduled.next else now) + STRETCH)
        dues = self._dues(scheduled, since, to)
        if to < now and any(due.until > now for due in dues):  # one of them may be the one that runs
            to, dues = now, self._dues(scheduled, since, now)
        return since, to, dues

    def _dues(self, scheduled: Scheduled, since: datetime, to: datetime) -> list[Due]:
        book = self._book()
        found = (due for each in scheduled.schedules for due in due_between(each, since, to, book))
        latest: dict[datetime, Due] = {}
        for due in found:  # two schedules may want the same moment
            latest[due.at] = max(latest.get(due.at, due), due, key=lambda each: each.until)
        return [latest[at] for at in sorted(latest)]

    def _account(self, scheduled: Scheduled, settled: Settled, trigger: Trigger, to: datetime | None, by: str) -> bool:
        """Write all of it down, what is missed and the first run as one; false when the disk takes nothing."""
        job, user = scheduled.key
        if (resting := self._asked.resting) is not None:
            settled = Settled(missed=(*settled.missed, *((due.at, resting) for due in settled.runs)))
        first, others = settled.runs[:1], settled.runs[1:]
        claim = self._claim(scheduled, trigger, first[0], by) if first else None
        try:
            if trigger is Trigger.SCHEDULE:
                reached = first[0].at if others else (to or first[0].at)
                missed, given = self._runs.account(job, user, reached, missed=settled.missed, claim=claim)
            else:
                told = [self._runs.miss(job, user, due, why, trigger=trigger) for due, why in settled.missed]
                missed, given = [run for run in told if run is not None], None
                for due in first:
                    self.ask(scheduled, trigger, due, by=by)
        except LedgerError as trouble:
            if not self._is_stuck:
                log.error("job.unwritten", job=scheduled.name, why=str(trouble))  # noqa: TRY400 - its text says it all
            self._is_stuck = True
            scheduled.unwritten = f"nothing of it can be written down, so nothing begins: {trouble}"
            return False
        self._is_stuck, scheduled.unwritten = False, None
        if missed:
            self._asked.passed(missed, scheduled)
        if given is not None:
            self._tell(given, scheduled)
        return self._account(scheduled, Settled(runs=others), trigger, to, by) if others else True

    def _claim(self, scheduled: Scheduled, trigger: Trigger, due: Due, by: str) -> Claim:
        job, user = scheduled.key
        until = None if due.until >= FOREVER.until else due.until
        because = self._asked.barrier(scheduled)
        return Claim(
            job=job, user=user, trigger=trigger, due=due.at, by=by, lease=self._lease, until=until, because=because
        )

    def _tell(self, given: Run | Refused, scheduled: Scheduled) -> None:
        match given:
            case Run():
                self._asked.given(given, scheduled)
            case Refused(run=Run() as run):
                self._asked.passed([run], scheduled)
            case Refused():
                pass  # another daemon has it, or had it

    def _keep(self, scheduled: Scheduled, *, at_once: bool = False) -> None:
        seen, kept = scheduled.seen, scheduled.kept
        if seen is None or (kept is not None and seen <= kept):
            return
        if at_once or kept is None or seen - kept >= KEPT_EVERY:
            try:
                self._runs.advance(*scheduled.key, seen)
            except LedgerError as trouble:
                log.debug("job.place_unkept", job=scheduled.name, why=str(trouble))
                return
            scheduled.kept = seen
