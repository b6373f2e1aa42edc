"""The desk's jobs all together: what stands, what is due, what runs; told of, and ended with the desk."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from tradewarden.machines.due import FOREVER
from tradewarden.machines.job import Job
from tradewarden.machines.run import Outcome
from tradewarden.machines.window_run import CLOSED, STOPPED, WITH_THE_DESK, is_desks
from tradewarden.orchestrator.job import PATIENCE, JobHost, RunDriver
from tradewarden.orchestrator.job_plans import Around
from tradewarden.orchestrator.job_reports import Key
from tradewarden.orchestrator.job_runs import JobRuns
from tradewarden.orchestrator.keepers import KeepersError
from tradewarden.orchestrator.lease import is_alive
from tradewarden.orchestrator.ledger import LedgerError
from tradewarden.orchestrator.schedule_edits import Edits
from tradewarden.orchestrator.scheduled import Scheduled
from tradewarden.orchestrator.standings import RESTS, Standings

AHEAD: Final = 5.0  # seconds before a due time at which whoever starts keepers is to be there: it leaves when idle
SELDOM: Final = 60.0  # seconds between two looks at what others hold, and at what is too old to be kept
LINGERS: Final = timedelta(seconds=10)  # that a killed run may take to be gone

log = structlog.get_logger()


class JobsDriver(JobRuns):
    """The jobs of one daemon; `JobPlans` has the verbs for people.

    `look` belongs into a heartbeat, `settle` behind each change of market and tokens, `woken` to the keepers' fifo.
    """

    def __init__(self, jobs: Sequence[Job], host: JobHost, edits: Edits, standings: Standings, around: Around) -> None:
        super().__init__(host, edits, standings, around)
        self._jobs = tuple(jobs)
        self._timer: asyncio.TimerHandle | None = None
        self._prepared_at = -1e9
        self._is_open = False
        self._known_traders: tuple[str, ...] = ()
        self._is_planned = self._is_stale = self._is_late = False

    # The daemon

    def begin(self) -> None:
        """Find out what became of the runs of an earlier daemon, then go by the schedules. The keepers are open."""
        self._is_open = True
        self._plan_again()
        self.look()

    def define(self, jobs: Sequence[Job]) -> None:
        """These are the jobs from now on; what is none any more is ended. Raises LedgerError."""
        self._jobs, self._is_stale = tuple(jobs), True
        if not self._is_open or not self._is_planned:
            return
        traders, now = tuple(self._around.traders()), self._host.clock.now()
        self.scheduler.settle_past(tuple(self.scheduled.values()), now)
        before = dict(self.scheduled)
        try:
            self.plan(traders)
            for key, each in self.scheduled.items():
                self._go_on(each, before.get(key), now)
            self._host.runs.keep_marks(self.scheduled)
        except LedgerError:
            self.scheduled = before
            raise
        for hand in tuple(self._hands.values()):
            self._hold(hand, now)
        self._known_traders, self._is_stale = traders, False
        self._see_what_is_due()
        self.arm()
        for each in self.scheduled.values():
            self._publish(self.report(each))

    def defined(self, jobs: Sequence[Job]) -> None:
        """A changed file has these."""
        self._jobs = tuple(jobs)
        self._redefine()

    def _plan_again(self) -> None:
        """The first plan after a start; again while the ledger cannot be read or written."""
        try:
            if self.edits.pending():
                self.edits.apply_pending("the desk's start")
            if self._down is None and (by := self.standings.stopped_by()) is not None:
                self._down = f"{STOPPED} {by}"
            self._known_traders = tuple(self._around.traders())
            self.plan(self._known_traders)
            self._host.runs.keep_marks(self.scheduled)
            now = self._host.clock.now()
            started = self.standings.started_at()
            for each in self.scheduled.values():
                self.scheduler.take_up(each, now, started=started)
            self._adopt()
            self._is_planned, self._is_stale = True, False
            for hand in tuple(self._hands.values()):
                self._hold(hand, now)
            self._catch_up(now)
        except LedgerError as trouble:
            tell = log.debug if self._is_late else log.error
            tell("job.unwritten", job="", why=str(trouble))
            self._is_late = True

    def _go_on(self, each: Scheduled, before: Scheduled | None, now: datetime) -> None:
        """Go on with a job where it was, or begin with it as it is now."""
        if before is not None and before.seen is not None:
            each.go_on(before)
            if (before.schedules, before.is_active) == (each.schedules, each.is_active):
                return
        else:
            self.scheduler.take_up(each, now)
        self.scheduler.begin_anew(each, now)

    def _hold(self, hand: RunDriver, now: datetime) -> None:
        """What runs goes on only as long as its job does, and stands, and its window is open."""
        why = self._why_ended(hand.run)
        each = self.scheduled.get((hand.run.job, hand.run.user))
        if why is not None or each is None:
            hand.end(Outcome.FAILED, why or self._down or "")
            return
        if hand.rules.is_window:
            window = self.scheduler.open_now(each, now)
            if window is None:
                hand.end(Outcome.SUCCESS, CLOSED)
            elif window.until != (hand.run.until or FOREVER.until):
                hand.close_at(window.until)
        hand.redefine(each.job, self.trader(each.user))

    def look(self) -> None:
        """At each beat: what keepers wrote, what has come due, who trades, and what is too old."""
        if not self._is_open:
            return
        self._host.runs.look()
        if not self._is_planned:
            self._plan_again()
        if self._is_planned and (self._is_stale or tuple(self._around.traders()) != self._known_traders):
            self._redefine()
        for hand in tuple(self._hands.values()):
            hand.look()
        self._see_what_is_due()
        now = self._host.clock.mono_ns() / 1e9
        if now >= self._seldom_at:
            self._seldom_at = now + SELDOM
            self._look_seldom()
        self.arm()

    def settle(self) -> None:
        """A market or a token has changed."""
        if not self._is_open:
            return
        for hand in tuple(self._hands.values()):
            if hand.waits:
                hand.look()

    def woken(self, names: Collection[str]) -> None:
        """Keepers of these names wrote something down."""
        if not self._is_open:
            return
        hands = {hand.instance.name: hand for hand in self._hands.values()}
        for name in names:
            if name in hands:
                hands[name].look()
            elif self._is_planned:
                self._end_stranger(name)
        self.arm()

    def end(self) -> None:
        """The daemon ends: nothing more is done, and what runs runs on."""
        if not self._is_open:
            return
        self._is_open = False
        if self._timer is not None:
            self._timer.cancel()
        self.scheduler.keep_all(tuple(self.scheduled.values()))
        self._host.runs.look()

    def down(self, *, by: str) -> tuple[str, ...]:
        """End what runs, and begin nothing before somebody starts the desk; the next daemon keeps to it."""
        self._down = f"{STOPPED} {by}"
        self._rest(on=True, by=by)
        names = tuple(hand.instance.name for hand in self._hands.values())
        for hand in tuple(self._hands.values()):
            hand.end(Outcome.FAILED, f"ended by {by}, {WITH_THE_DESK}")
        return names

    def up(self) -> None:
        """Somebody starts the desk again."""
        was, now = self._down, self._host.clock.now()
        if was is not None:
            if self._is_open and self._is_planned:
                self._see_what_is_due()  # what came before the start is told before the ledger knows of that
            self._down = None
            self._rest(on=False, by="the desk's start")
        for each in self.scheduled.values():
            if was is not None or (each.ended is not None and is_desks(each.ended)):
                each.since = now
        if self._is_open and self._is_planned:
            self._see_what_is_due()
            self.arm()

    def _rest(self, *, on: bool, by: str) -> None:
        try:
            self.standings.set("", {RESTS: on}, by=by)
        except LedgerError as trouble:  # a desk that is to stop has to, also on a full disk
            log.error("job.unwritten", job="", why=str(trouble))  # noqa: TRY400 - its text says it all

    @property
    def running(self) -> tuple[str, ...]:
        """The instances that run, and run on when the daemon ends."""
        return tuple(hand.instance.name for hand in self._hands.values() if not hand.waits)

    def _redefine(self) -> None:
        try:
            self.define(self._jobs)
        except LedgerError as trouble:
            log.debug("job.unplanned", why=str(trouble))  # the next beat tries again

    def _look_seldom(self) -> None:
        try:
            for run in tuple(self._foreign.values()):
                known = self._host.runs.run(run.id)
                if known is None or not known.outcome.is_open:
                    self._foreign.pop(run.id)
                elif is_alive(known.lease):
                    self._dead.discard(run.id)
                elif run.id in self._dead:
                    self._take_over(known)
                else:
                    self._dead.add(run.id)  # a daemon that hands over may hold it in a moment
            self._host.runs.prune(before := self._host.clock.now() - self._around.keep)
            self._around.forget(before.date())
        except LedgerError as trouble:
            log.debug("job.unpruned", why=str(trouble))

    # What is due

    def _see_what_is_due(self) -> None:
        now = self._host.clock.now()
        self._follow_on(now)
        held = {(run.job, run.user) for run in self._foreign.values()}
        for key, each in tuple(self.scheduled.items()):
            self.scheduler.look(each, now, is_held=self.scheduler.is_due(each, now) and self._is_ending(key, now))
            if key not in self._hands and key not in held:
                self.scheduler.keep_up(each, now)
        self.scheduler.beat(tuple(self.scheduled.values()))

    def _is_ending(self, key: Key, now: datetime) -> bool:
        """Whether the run before is over as its window is, and only its process has not ended: what is due waits."""
        hand = self._hands.get(key)
        if hand is None:
            return False
        hand.look()
        until = hand.run.until if hand.rules.is_window and not hand.is_over else None
        return until is not None and until <= now < until + timedelta(seconds=hand.instance.stop_seconds) + LINGERS

    def _prepare(self, waits: Sequence[float]) -> None:
        """Whoever starts keepers takes a third of a second to come: call it before the next due time."""
        mono = self._host.clock.mono_ns() / 1e9
        if waits and min(waits) <= AHEAD and mono - self._prepared_at > AHEAD:
            self._prepared_at = mono
            self._host.spawn(self._have_keepers(), name="jobs.keepers")

    async def _have_keepers(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._host.keepers.prepare()
        except (KeepersError, TimeoutError) as trouble:
            log.debug("job.no_keepers", why=str(trouble))  # the run itself says so if it lasts

    def arm(self) -> None:
        """Keep exactly one timer, at whatever comes first."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._is_open and (waits := self.waits()):
            self._timer = asyncio.get_running_loop().call_later(max(0.0, min(waits)), self._ring)

    def waits(self) -> list[float]:
        """Seconds until something is to be done, of each thing that is."""
        now, mono = self._host.clock.now(), self._host.clock.mono_ns() / 1e9
        coming = [due.at for each in self.scheduled.values() if each.is_active and (due := self.scheduler.coming(each))]
        dues = [wait for at in coming if (wait := (at - now).total_seconds()) > 0]
        self._prepare(dues)
        found = [*dues, *(wait - AHEAD for wait in dues if wait > AHEAD)]
        for hand in self._hands.values():
            closes, deadline = hand.deadlines
            if closes is not None and closes > now:
                found.append((closes - now).total_seconds())
            if deadline is not None and deadline > mono:
                found.append(deadline - mono)
        return found

    def _ring(self) -> None:
        self._timer = None
        for hand in tuple(self._hands.values()):
            hand.look()
        self._see_what_is_due()
        self.arm()
