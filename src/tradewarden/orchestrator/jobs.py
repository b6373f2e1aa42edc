"""The desk's jobs all together: what stands, what is due, what runs; told of, and ended with the desk."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

import structlog

from tradewarden.machines.due import FOREVER
from tradewarden.machines.job import Job
from tradewarden.machines.run import Outcome, Trigger
from tradewarden.orchestrator.job import PATIENCE, JobHost, RunDriver
from tradewarden.orchestrator.job_plans import Around
from tradewarden.orchestrator.job_reports import Key
from tradewarden.orchestrator.job_runs import JobRuns
from tradewarden.orchestrator.keepers import KeepersError
from tradewarden.orchestrator.lease import is_alive
from tradewarden.orchestrator.ledger import LedgerError
from tradewarden.orchestrator.schedule_edits import Edits
from tradewarden.orchestrator.scheduler import Scheduled
from tradewarden.orchestrator.standings import Standings

AHEAD: Final = 5.0  # seconds before a due time at which whoever starts keepers is to be there: it leaves when idle
SELDOM: Final = 60.0  # seconds between two looks at what others hold, and at what is too old to be kept
log = structlog.get_logger()


class JobsDriver(JobRuns):
    """The jobs of one daemon; `JobPlans` has the verbs for people.

    `look` belongs into a heartbeat, `settle` behind each change of market and tokens, `woken` to the keepers' fifo.
    """

    def __init__(self, jobs: Sequence[Job], host: JobHost, edits: Edits, standings: Standings, around: Around) -> None:
        super().__init__(host, edits, standings, around)
        self._jobs = tuple(jobs)
        self._timer: asyncio.TimerHandle | None = None
        self._seldom_at, self._prepared_at = 0.0, -1e9
        self._is_open = False
        self._known_traders: tuple[str, ...] = ()
        self._is_planned = self._is_stale = False

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
        traders = tuple(self._around.traders())
        before = dict(self.scheduled)
        self.plan(traders)
        for key, hand in list(self._hands.items()):
            self._hold(key, hand)
        now = self._host.clock.now()
        for key, each in self.scheduled.items():
            self._go_on(each, before.get(key), now)
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
            self.edits.apply_pending("the desk's start")
            self._known_traders = tuple(self._around.traders())
            self.plan(self._known_traders)
            self._adopt()
            now = self._host.clock.now()
            for key, hand in list(self._hands.items()):
                self._hold(key, hand)
            for each in self.scheduled.values():
                self.scheduler.take_up(each, now)
                each.begins = each.seen == now or self._is_for_ever(each, now)
            self._is_planned, self._is_stale = True, False
            self._catch_up(now)
        except LedgerError as trouble:
            log.error("job.unwritten", job="", why=str(trouble))  # noqa: TRY400 - its text says it all

    def _go_on(self, each: Scheduled, before: Scheduled | None, now: datetime) -> None:
        """Go on with a job where it was, or begin with it as it is now."""
        if before is not None and before.seen is not None:
            each.seen, each.kept, each.away, each.begins = before.seen, before.kept, before.away, before.begins
            if (before.schedules, before.is_active) == (each.schedules, each.is_active):
                return
        else:
            self.scheduler.take_up(each, now)
        self.scheduler.begin_anew(each, now)
        each.begins = True

    def _is_for_ever(self, each: Scheduled, now: datetime) -> bool:
        """Whether its window has neither begin nor end, so that no due time begins it."""
        opened = self.scheduler.open_now(each, now)
        return opened is not None and opened.at == FOREVER.at

    def _hold(self, key: Key, hand: RunDriver) -> None:
        """What runs goes on only as long as its job does, and stands."""
        each = self.scheduled.get(key)
        if each is None:
            gone = "the job is no longer in the configuration" if not key[1] else f"{key[1]} has no such job any more"
            hand.end(Outcome.FAILED, gone)
        elif not each.enabled:
            hand.end(Outcome.FAILED, "the job was disabled")
        elif not each.stands and hand.run.trigger is not Trigger.ONCE:
            hand.end(Outcome.FAILED, "its schedule was switched off")
        else:
            hand.redefine(each.job, self.trader(key[1]))

    def look(self) -> None:
        """At each beat: what keepers wrote, what has come due, who trades, and what is too old."""
        if not self._is_open:
            return
        self._host.runs.look()
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
            else:
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
        """End what runs, and begin nothing before somebody starts the desk, or something of it, or the next daemon."""
        self._down = f"the desk was stopped by {by}"
        names = tuple(hand.instance.name for hand in self._hands.values())
        for hand in tuple(self._hands.values()):
            hand.end(Outcome.FAILED, f"ended by {by}, with the desk")
        return names

    def up(self) -> None:
        """Somebody starts the desk again."""
        if self._down is not None:
            self._down = None
            for each in self.scheduled.values():
                each.begins = True
            self._see_what_is_due()
            self.arm()

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
        if not self._is_planned:
            self._plan_again()
        try:
            for run in tuple(self._foreign.values()):
                known = self._host.runs.run(run.id)
                if known is None or not known.outcome.is_open:
                    self._foreign.pop(run.id)
                elif not is_alive(known.lease):
                    self._take_over(known)
            self._host.runs.prune(self._host.clock.now() - self._around.keep)
        except LedgerError as trouble:
            log.debug("job.unpruned", why=str(trouble))

    # What is due

    def _see_what_is_due(self) -> None:
        now = self._host.clock.now()
        for each in tuple(self.scheduled.values()):
            self.scheduler.look(each, now)
            if each.begins and self._down is None:
                each.begins = each.key not in self._hands and not self.scheduler.begin_inside(each, now)

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
