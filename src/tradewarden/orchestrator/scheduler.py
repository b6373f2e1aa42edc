"""Which due times have come of each job: every one of them ends in the ledger, once, whatever the clock did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import structlog

from tradewarden.machines.claim import APART, Claim
from tradewarden.machines.day_book import Book
from tradewarden.machines.due import FOREVER, Due, due_between, next_due, open_window
from tradewarden.machines.misfire import Away, Settled, settle
from tradewarden.machines.run import Lease, Outcome, Refused, Run, Trigger
from tradewarden.machines.window_run import begins_at, over_at
from tradewarden.orchestrator.ledger import LedgerError
from tradewarden.orchestrator.runs import Runs
from tradewarden.orchestrator.scheduled import Follower, Scheduled

STRETCH: Final = timedelta(hours=1)  # of the past that is looked at together: there may be a due time each second
STRETCHES: Final = 4  # that are gone through at one beat, of all jobs together; and one of each job
MOST: Final = 100  # due times that are written down together, unless one of them may run
MOST_OF_PAST: Final = 300  # looks at the past of one job before it goes by other schedules
KEPT_EVERY: Final = timedelta(minutes=1)  # how far a schedule was looked at is written down so often, at least
FAR: Final = timedelta(hours=26)  # by which a clock that was ahead was wrong, and no zone that somebody mistook
LEAST_PAUSE: Final = 60.0  # seconds before what failed begins again in its window

log = structlog.get_logger()


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
        self._left = STRETCHES

    def beat(self, all_of_them: Sequence[Scheduled]) -> None:
        """Another beat: so much of the past may be gone through anew, and how far was looked is kept now and then."""
        self._left = STRETCHES
        self._keep([each for each in all_of_them if each.is_behind(KEPT_EVERY)])

    def take_up(self, scheduled: Scheduled, now: datetime, *, started: datetime | None = None) -> None:
        """From here on its due times count: where an earlier daemon ended, and for a new one from now on.

        `started`: when the desk was started last; that daemon may have been killed before it began what stands.
        """
        scheduled.kept = scheduled.seen = self._runs.watermark(*scheduled.key)
        if scheduled.has_windows:
            scheduled.ended = self._last_window(scheduled)
            if started is not None and scheduled.ended is not None and over_at(scheduled.ended) <= started:
                scheduled.since = started
        if scheduled.seen is None:
            self.begin_anew(scheduled, now)

    def begin_anew(self, scheduled: Scheduled, now: datetime) -> None:
        """What was due before now is none of its own: it did not stand, or its schedule was another."""
        scheduled.is_planned, scheduled.away = False, None
        scheduled.seen, scheduled.since, scheduled.kept = max(scheduled.seen or now, now), now, None

    def look(self, scheduled: Scheduled, now: datetime, *, is_held: bool = False) -> None:
        """See what has come due, of a long past some each time; `is_held`: nothing can begin for a moment."""
        if scheduled.seen is None or (scheduled.seen - now > FAR and not self._set_back(scheduled, now)):
            return
        if not self.is_due(scheduled, now):
            scheduled.away, scheduled.seen = None, max(scheduled.seen, now)
            return
        scheduled.away = scheduled.away or Away(scheduled.seen, now, self._zone)
        rounds = 0 if is_held else max(1, self._left)
        while rounds and self.is_due(scheduled, now) and self._come(scheduled, now, scheduled.away):
            rounds, self._left = rounds - 1, self._left - 1
        if not self.is_due(scheduled, now):
            scheduled.away, scheduled.seen = None, max(scheduled.seen, now)

    def settle_past(self, all_of_them: Sequence[Scheduled], now: datetime) -> None:
        """What has come until now goes by the schedules that held. Raises LedgerError, also while that takes long."""
        for each in all_of_them:
            looks = MOST_OF_PAST
            while looks and self.is_due(each, now):
                self.look(each, now)
                looks = looks - 1 if each.unwritten is None else 0
            if self.is_due(each, now):
                raise LedgerError(each.unwritten or f"the past of {each.name} is still gone through")

    def is_due(self, scheduled: Scheduled, now: datetime) -> bool:
        """Whether a due time has come that has no outcome yet."""
        coming = self.coming(scheduled) if scheduled.is_active else None
        return coming is not None and coming.at <= now

    def begins_at(self, scheduled: Scheduled, now: datetime) -> datetime | None:
        """Nothing of it runs: when it is to begin in the window that is open, if one is."""
        window = self.open_now(scheduled, now)
        return None if window is None else self._begins_in(window, scheduled, now)

    @staticmethod
    def _begins_in(window: Due, scheduled: Scheduled, now: datetime) -> datetime | None:
        pause = max(scheduled.job.restarts.window, LEAST_PAUSE) if scheduled.job.does.is_repaired else None
        return begins_at(window, scheduled.ended, now, since=scheduled.since, pause=pause)

    def keep_up(self, scheduled: Scheduled, now: datetime) -> None:
        """Nothing of it runs: begin it if a window is open and it stands, unless it has ended in that by itself."""
        if not (scheduled.is_active and scheduled.has_windows) or scheduled.away or self._asked.resting:
            return
        is_apart = scheduled.apart is not None and now < scheduled.apart <= now + APART
        if is_apart or scheduled.is_closed_at(now):
            return
        window = self.open_now(scheduled, now)
        if window is None:
            coming = self.coming(scheduled)  # no window opens before it is due
            scheduled.closed = None if coming is None else (now, coming.at)
            return
        if (at := self._begins_in(window, scheduled, now)) is None or at > now:
            return
        try:
            given = self.ask(scheduled, Trigger.DESK, Due(now, window.until, lasts=True), by="the desk's start")
        except LedgerError as trouble:
            log.debug("job.unwritten", job=scheduled.name, why=str(trouble))
            return
        if isinstance(given, Refused):
            began = given.holder.started if given.holder and not given.holder.outcome.is_open else None
            scheduled.apart = (began or now) + APART

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

    def after(self, follower: Follower, now: datetime, *, noticed: datetime | None = None) -> bool:
        """Another job has ended as this one waits for; false when the disk refuses."""
        each = follower.scheduled
        settled = follower.settled(now, Away(each.kept or now, noticed or now, self._zone))
        return self._account(each, settled, Trigger.AFTER, None, follower.by)

    def ask(self, scheduled: Scheduled, trigger: Trigger, due: Due, *, by: str) -> Run | Refused:
        """A run now, or why not. Raises LedgerError."""
        given = self._runs.give(self._claim(scheduled, trigger, due, by))
        self._tell(given, scheduled)
        return given

    def keep_all(self, all_of_them: Sequence[Scheduled]) -> None:
        """The daemon ends: write down how far was looked."""
        self._keep(all_of_them)

    # What has come

    def _come(self, scheduled: Scheduled, now: datetime, away: Away) -> bool:
        """Settle the due times up to now, or of the first stretch of a long past; false when the disk refuses."""
        since, to, dues = self._stretch(scheduled, now)
        settled = settle(dues, now, scheduled.job.misfire, away)
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
        first = dues[:MOST]
        if len(dues) > MOST and not any(due.until > now for due in first):
            to, dues = first[-1].at, first
        return since, to, dues

    def _dues(self, scheduled: Scheduled, since: datetime, to: datetime) -> list[Due]:
        book = self._book()
        found = (due for each in scheduled.schedules for due in due_between(each, since, to, book))
        latest: dict[datetime, Due] = {}
        for due in found:  # two schedules may want the same moment
            latest[due.at] = max(latest.get(due.at, due), due, key=lambda each: each.until)
        dues = [latest[at] for at in sorted(latest)]
        if len(scheduled.schedules) == 1 or not dues:
            return dues
        later = [following for each in scheduled.schedules if (following := next_due(each, dues[-1].at, book))]
        nexts = [*(due.at for due in dues[1:]), min((due.at for due in later), default=FOREVER.until)]
        return [
            due if due.lasts else replace(due, until=min(due.until, following))
            for due, following in zip(dues, nexts, strict=True)
        ]

    def _account(self, scheduled: Scheduled, settled: Settled, trigger: Trigger, to: datetime | None, by: str) -> bool:
        """Write all of it down, what is missed and the first run as one; false when the disk takes nothing."""
        job, user = scheduled.key
        if (resting := self._asked.resting) is not None:
            settled = replace(settled, missed=(*settled.missed, *((due.at, resting) for due in settled.runs)), runs=())
        first, others = settled.runs[:1], settled.runs[1:]
        claim = self._claim(scheduled, trigger, first[0], by) if first else None
        try:
            if trigger is Trigger.SCHEDULE:
                reached = first[0].at if others else (to or first[0].at)
                missed, given = self._runs.account(job, user, reached, missed=settled.missed, claim=claim)
            else:
                miss = partial(self._runs.miss, job, user, by=by, trigger=trigger, outcome=settled.outcome)
                missed, given = [run for each in settled.missed if (run := miss(*each)) is not None], None
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
            job=job,
            user=user,
            trigger=trigger,
            due=due.at,
            by=by,
            lease=self._lease,
            until=until,
            lasts=due.lasts,
            because=because,
        )

    def _tell(self, given: Run | Refused, scheduled: Scheduled) -> None:
        match given:
            case Run():
                self._asked.given(given, scheduled)
            case Refused(run=Run() as run):
                self._asked.passed([run], scheduled)
            case Refused():
                pass  # another daemon has it, or had it

    def _keep(self, those: Sequence[Scheduled]) -> None:
        """One write for all of them: each is a sync of the disk."""
        ahead = [each for each in those if each.is_behind()]
        marks = {each.key: each.seen for each in ahead if each.seen is not None}
        try:
            if marks:
                self._runs.advance_all(marks)
        except LedgerError as trouble:
            log.debug("job.place_unkept", jobs=len(marks), why=str(trouble))
            return
        for each in ahead:
            each.kept = each.seen

    def _set_back(self, scheduled: Scheduled, now: datetime) -> bool:
        """The clock was far ahead, and is right again: what it made of the time to come does not count."""
        try:
            self._runs.set_back(*scheduled.key, now)
        except LedgerError as trouble:
            log.debug("job.place_unkept", jobs=1, why=str(trouble))
            return False
        log.warning("job.clock_was_ahead", job=scheduled.name, until=str(scheduled.seen))
        scheduled.seen = scheduled.kept = now
        scheduled.is_planned, scheduled.away, scheduled.apart = False, None, None
        return True

    def _last_window(self, scheduled: Scheduled) -> Run | None:
        """What ran last in a window of it, or was missed. Raises LedgerError."""
        job, user = scheduled.key
        kinds = (Trigger.SCHEDULE, Trigger.DESK)
        found = [run for kind in kinds for run in self._runs.history(job=job, user=user, trigger=kind, limit=10)]
        ran = [run for run in found if run.outcome is not Outcome.SKIPPED and not run.outcome.is_open]
        return max(ran, key=lambda run: run.id, default=None)
