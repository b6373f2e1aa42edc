"""A job of the desk or of one trader, with its schedules and how far they were gone through."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tradewarden.machines.due import Due, is_window
from tradewarden.machines.job import Job, kept_as
from tradewarden.machines.misfire import Away, Settled, settle
from tradewarden.machines.run import Outcome, Run
from tradewarden.machines.schedule import Schedule


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
    away: Away | None = None  # while due times are outstanding
    since: datetime | None = None  # when somebody let it stand anew
    ended: Run | None = None  # what ran last in a window of it
    apart: datetime | None = None  # until then no other run of it may begin
    closed: tuple[datetime, datetime] | None = None  # from when to when no window of it is open
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

    @property
    def has_windows(self) -> bool:
        """Whether it is kept up for a while."""
        return any(map(is_window, self.schedules))

    def is_closed_at(self, now: datetime) -> bool:
        """Whether it is known that no window of it is open."""
        return self.closed is not None and self.closed[0] <= now < self.closed[1]

    def is_behind(self, by: timedelta = timedelta()) -> bool:
        """Whether it was looked at further than is written down."""
        return self.seen is not None and (self.kept is None or self.seen - self.kept > by)

    def go_on(self, before: Scheduled) -> None:
        """What is known of its past holds on, whatever has changed in its words."""
        self.seen, self.kept, self.away, self.since = before.seen, before.kept, before.away, before.since
        self.ended, self.apart = before.ended, before.apart


@dataclass(frozen=True, slots=True)
class Follower:
    """What waits for another job that has ended, so that it is due now."""

    scheduled: Scheduled
    due: Due
    by: str  # who asked, for the record
    why_not: str | None = None  # why it does not run: the day is none of its own

    def settled(self, now: datetime, away: Away) -> Settled:
        """What becomes of it."""
        if self.why_not is not None:
            return Settled(missed=((self.due.at, self.why_not),), outcome=Outcome.SKIPPED)
        return settle([self.due], now, self.scheduled.job.misfire, away)
