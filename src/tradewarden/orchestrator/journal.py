"""The recorder: puts every tick into the journal before anybody else sees it, and stands up for the journal.

It never holds the feed up. A disk that is full or broken costs the ticks that come meanwhile, which are counted and
become one gap; a slow one costs nothing, since a thread waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import structlog

from tradewarden.feed.brokers.kite_segments import group_of, segments_of
from tradewarden.feed.bus import Received
from tradewarden.feed.doubt import MARKS, Doubt
from tradewarden.feed.journal import Journal
from tradewarden.feed.reader import GONE
from tradewarden.feed.record import pack
from tradewarden.feed.segment import Hole
from tradewarden.feed.tick import Tick
from tradewarden.machines.backoff import SECOND
from tradewarden.machines.gap import Gap
from tradewarden.machines.report import JournalReport
from tradewarden.orchestrator.clock import IST, Clock
from tradewarden.orchestrator.driver import Spawn
from tradewarden.orchestrator.ledger import RecordedGap
from tradewarden.orchestrator.market import MarketDriver
from tradewarden.orchestrator.shelf import Shelf, Stock

SYNC_EVERY: Final = 0.05  # seconds: what a crash of the machine may cost at most
SYNC_AGAIN: Final = 1.0  # seconds after a sync that failed
SLOW: Final = 5.0  # seconds that a sync may take before somebody should know
CALM: Final = SECOND  # without a loss, after which a failure is over; longer while a disk comes and goes
RESTLESS: Final = 60 * SECOND  # a loss so soon after the last one is the same disk's, and calm is doubted up to this
PROBE: Final = 5 * SECOND  # without a tick to try it with, after which a failed journal is tried without one
TIDY: Final = 10 * SECOND
LAST_SYNC: Final = 5.0  # seconds, when the daemon stops

JOURNAL: Final = "journal"  # as which the ledger knows it
STOPPED: Final = "daemon stopped"
FAR_BACK: Final = 10_000  # gaps of the ledger that are looked through for one that is known

log = structlog.get_logger()


class Gaps(Protocol):
    """Where losses are written down."""

    def add_gap(self, feed: str, gap: Gap, instruments: Sequence[int]) -> None:
        """Write down a gap that has ended."""
        ...

    def gaps(self, *, limit: int = 100) -> list[RecordedGap]:
        """The last gaps, newest first."""
        ...


class Recorder:
    """The journal's hands; `run` belongs into a task, `look` into a heartbeat, `follow` behind the market's changes."""

    def __init__(
        self,
        journal: Journal,
        market: MarketDriver,
        gaps: Gaps,
        shelf: Shelf,
        *,
        clock: Clock,
        spawn: Spawn,
        segment_seconds: float,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.journal = journal
        self.changed = changed  # called when the state has
        self._market, self._gaps, self._shelf = market, gaps, shelf
        self._clock, self._spawn = clock, spawn
        self._segment_seconds = segment_seconds
        self._mock: frozenset[int] = frozenset()  # groups of tokens that are in a mock session
        self._news = asyncio.Event()
        self._state, self._since = "recording", clock.now()
        self._lost_from: datetime | None = None  # the first tick of the loss that goes on
        self._lost_at = 0
        self._calm, self._regained_at = CALM, -RESTLESS
        self._lost_why: list[str] = []
        self._lost_tokens: set[int] = set()
        self._told: set[str] = set()  # holes that are written down
        self._tidied_at: int | None = None
        self._tidying: asyncio.Task[None] | None = None
        self._untidy: str | None = None  # why the last tidying failed
        self._stock = Stock()
        if journal.cut_bytes:
            log.warning("journal.cut", bytes=journal.cut_bytes, next_seq=journal.next_seq)
        for hole in journal.holes:
            self.tell(hole)

    # Ticks

    def record(self, ticks: Sequence[Tick], doubtful: Mapping[int, Sequence[Doubt]]) -> None:
        """Keep these, the doubtful ones (by their place) with their marks."""
        if self._mock and any(group_of(tick.token) in self._mock for tick in ticks):
            self._record_real(ticks, doubtful)
            return
        if doubtful:
            packed = [pack(tick, _marks(doubtful.get(place, ()))) for place, tick in enumerate(ticks)]
            records = b"".join(packed)
        else:
            records = b"".join(map(pack, ticks))
        moment = self._clock.now()
        # Another desk's ticks keep the moment at which that desk received them: it is what other ticks compare with.
        received_ns = ticks.received_ns if isinstance(ticks, Received) else round(moment.timestamp() * 1e6) * 1000
        if self.journal.append(records, len(ticks), received_ns) is None:
            self._lose(ticks, moment)
        else:
            self._news.set()

    def _record_real(self, ticks: Sequence[Tick], doubtful: Mapping[int, Sequence[Doubt]]) -> None:
        """Without those of a mock session: they would be taken for a market that never was."""
        kept = [(place, tick) for place, tick in enumerate(ticks) if group_of(tick.token) not in self._mock]
        mock, self._mock = self._mock, frozenset()
        if kept:
            odd = {at: doubtful[place] for at, (place, _) in enumerate(kept) if place in doubtful}
            self.record([tick for _, tick in kept], odd)
        self._mock = mock

    def follow(self) -> None:
        """The market may have changed: whose ticks are those of a mock session?"""
        sessions = self._market.sessions
        mock = {each.segment for each in sessions if each.moment is not None and each.moment.phase == "mock"}
        if not mock and not self._mock:
            return
        desk = tuple(each.segment for each in sessions)
        self._mock = frozenset(group for group in range(256) if mock.issuperset(segments_of(group, desk)))

    # Losses

    def _lose(self, ticks: Sequence[Tick], moment: datetime) -> None:
        self._lost_at = self._clock.mono_ns()
        self._lost_tokens.update(tick.token for tick in ticks)
        why = self.journal.failed or "unknown"
        if why not in self._lost_why:
            self._lost_why.append(why)
        if self._lost_from is None:
            is_restless = self._lost_at - self._regained_at < RESTLESS
            self._calm = min(self._calm * 2, RESTLESS) if is_restless else CALM
            self._lost_from = moment
            self._judge()

    def _regain(self, *, stopped: bool = False) -> None:
        """The loss is over: one gap, however many ticks it was."""
        began, self._lost_from = self._lost_from, None
        if began is None:
            return
        self._regained_at = self._clock.mono_ns()
        causes = (*self._lost_why, STOPPED) if stopped else tuple(self._lost_why)
        gap = Gap(began, self._clock.now(), causes)
        log.warning("journal.gap", began=gap.began, ended=gap.ended, lost_total=self.journal.lost_total, causes=causes)
        self._gaps.add_gap(JOURNAL, gap, sorted(self._lost_tokens))
        self._lost_why, self._lost_tokens = [], set()

    def tell(self, hole: Hole) -> None:
        """Somebody has found that the journal cannot show these numbers any more: it is written down, once.

        What went because it was old is no hole, only too late for whoever asks for it.
        """
        numbers = f"numbers {hole.first_seq} to {hole.last_seq}"
        if hole.reason == GONE or numbers in self._told:
            return
        self._told.add(numbers)
        if any(each.feed == JOURNAL and numbers in each.gap.causes for each in self._gaps.gaps(limit=FAR_BACK)):
            return  # before a restart
        log.warning("journal.hole", first=hole.first_seq, last=hole.last_seq, why=hole.reason)
        now = self._clock.now()
        began, ended = (_moment(ns) if ns else now for ns in (hole.began_ns or hole.ended_ns, hole.ended_ns))
        self._gaps.add_gap(JOURNAL, Gap(began, ended, (hole.reason, numbers)), [])

    # The disk

    async def run(self) -> None:
        """Bring what was written to the disk, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            failures = self.journal.sync_failures_total
            await asyncio.to_thread(self.journal.sync)  # a slow disk may take as long as it wants: nobody waits here
            failed = self.journal.sync_failures_total > failures
            if failed:
                self._news.set()
            await asyncio.sleep(SYNC_AGAIN if failed else SYNC_EVERY)

    def look(self) -> None:
        """At each heartbeat: is the trouble over, has the segment had its day, may an old one go?"""
        now, journal = self._clock.mono_ns(), self.journal
        if journal.failed is None and now - self._lost_at >= self._calm:
            self._regain()
        elif journal.failed is not None and now - self._lost_at >= PROBE:
            journal.probe()
        if journal.segment_age >= self._segment_seconds:
            journal.roll()
        if journal.dirty:
            self._news.set()
        self._judge()
        if (self._tidied_at is None or now - self._tidied_at >= TIDY) and self._is_idle():
            self._tidied_at = now
            self._tidying = self._spawn(self._tidy(), name="journal.tidy")

    def _is_idle(self) -> bool:
        return self._tidying is None or self._tidying.done()

    async def _tidy(self) -> None:
        try:
            self._stock = await asyncio.to_thread(self._shelf.tidy)
        except OSError as trouble:  # it is tried again in a moment; what cannot be written is told elsewhere
            if trouble.strerror != self._untidy:
                log.warning("journal.cannot_tidy", why=trouble.strerror)
            self._untidy = trouble.strerror
        else:
            self._untidy = None

    def _judge(self) -> None:
        journal = self.journal
        if journal.failed is not None or self._lost_from is not None:
            state = "failed"
        else:
            state = "slow" if journal.sync_seconds > SLOW else "recording"
        if state == self._state:
            return
        if state == "recording":
            log.info("journal.state", src=self._state, dst=state)
        else:
            log.error("journal.state", src=self._state, dst=state, reason=self._reason(state))
        self._state, self._since = state, self._clock.now()
        self.changed()

    def _reason(self, state: str) -> str | None:
        match state:
            case "failed":
                return self.journal.failed or next(iter(self._lost_why), None)
            case "slow":
                return f"the disk has not taken the last ticks for {SLOW:.0f} s"
            case _:
                return None

    def report(self) -> JournalReport:
        """What is known of the journal now."""
        journal, stock = self.journal, self._stock
        return JournalReport(
            state=self._state,
            reason=self._reason(self._state),
            since=self._since,
            last_seq=journal.next_seq - 1,
            records_total=journal.records_total,
            bytes_total=journal.bytes_total,
            lost_total=journal.lost_total,
            sync_failures_total=journal.sync_failures_total,
            segments=stock.segments,
            kept_bytes=stock.bytes,
            too_much=stock.too_much,
            unread_total=self._shelf.unread_total,
        )

    async def close(self) -> None:
        """The daemon stops and no tick comes any more: what was written is brought to the disk."""
        self._regain(stopped=True)
        try:
            async with asyncio.timeout(LAST_SYNC):
                await asyncio.to_thread(self.journal.close)
        except TimeoutError:
            log.warning("journal.not_synced", why=f"the disk did not answer within {LAST_SYNC:.0f} s")


def _marks(doubts: Sequence[Doubt]) -> int:
    found = 0
    for doubt in doubts:
        found |= MARKS[doubt]
    return found


def _moment(ns: int) -> datetime:
    return (datetime.fromtimestamp(0, UTC) + timedelta(microseconds=ns / 1000)).astimezone(IST)
