"""Carries the journal to one store: dials, collects, writes, tries again; the hands of machines/sink.py.

The store may be slow, away or wrong for a day: nothing here waits for it but this one task, and no more of the journal
is in memory than the batch in hand.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from tradewarden.feed import cursor
from tradewarden.feed.left_out import given
from tradewarden.feed.reader import GONE
from tradewarden.feed.record import Frame
from tradewarden.feed.segment import Hole
from tradewarden.feed.sinks.sink import Sink, SinkMisfitError, SinkUnavailableError
from tradewarden.machines.backoff import SECOND
from tradewarden.machines.sink import RECHECK, SinkLife, SinkReport, SinkState, TableReport, Told
from tradewarden.machines.sink_figures import SinkFigures
from tradewarden.orchestrator.aside import AsideFile
from tradewarden.orchestrator.cancelled import heed_cancel
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.intake import Intake, Wake

DEADLINE: Final = 30.0  # seconds for each thing that a store is asked to do
LAST_WORDS: Final = 5.0  # seconds for letting go of it
CURSOR_EVERY: Final = SECOND

log = structlog.get_logger()


class SinkRunner:
    """One sink at work; `run` ends only by being cancelled, and `look` belongs into a heartbeat."""

    def __init__(
        self,
        name: str,
        make: Callable[[], Sink],
        journal: Path,
        clock: Clock,
        *,
        latest: Callable[[], int],
        wake: Wake | None = None,
        from_now: bool = False,
        ahead: Callable[[int], bool] = lambda _seq: False,
        uniform: Callable[[], float] = random.random,
        process: str = "daemon",
    ) -> None:
        """`latest` is the last number of the journal; without `wake` the journal is asked a few times a second.

        `from_now`: a store that passes on and keeps nothing begins with what comes, not with what has been.
        `ahead` is told of a store that has numbers which the journal has not given yet; true: it will go on after them.
        """
        self.name = name
        self.life = SinkLife(uniform, clock.mono_ns())
        self.figures = SinkFigures()
        self.on_hole: Callable[[Hole], None] = lambda _hole: None  # told what the journal cannot show any more
        self.position = cursor.load(journal, name) or 0
        self._make, self._journal, self._clock = make, journal, clock
        self._latest, self._from_now, self._ahead = latest, from_now, ahead
        self._process = process
        self._begun_at: int | None = latest()  # the journal's end before this life: no store of ours has more
        self._aside = AsideFile(journal / "aside" / f"{name}.jsonl")
        self._intake = Intake(journal, clock, wake)
        self._sink: Sink | None = None
        self._waiting: tuple[int, int] | None = None  # behind this number, a record received then
        self._dropped = 0
        self._saved = -1
        self._saved_at = 0
        self._ask_at = 0
        self._tables: tuple[TableReport, ...] = ()
        self._entered = (self.life.since, clock.now())  # the present state, by both clocks
        self._last_error_at: datetime | None = None
        self._last_commit_at: datetime | None = None

    # The life of the sink

    async def run(self) -> None:
        """Carry until cancelled, whatever the store does."""
        try:
            while True:
                await self._try()
                heed_cancel()
                wait = ((self.life.retry_at or 0) - self._clock.mono_ns()) / 1e9
                await asyncio.sleep(max(0.0, wait))
        finally:
            self._intake.end()
            self._keep_cursor()

    async def _try(self) -> None:
        """Carry until the store makes trouble."""
        try:
            await self._carry()
        except SinkMisfitError as misfit:
            self._failed(str(misfit), self.life.misfitted)
        except SinkUnavailableError as trouble:
            self._failed(str(trouble), self.life.unavailable)
        except TimeoutError:
            self._failed(f"it did not answer within {DEADLINE:.0f} s", self.life.unavailable)
        except Exception as fault:  # whatever is wrong with a store must not take the feed along
            if self._failed(f"{type(fault).__name__}: {fault}", self.life.unavailable):
                log.exception("sink.fault", sink=self.name)
        finally:
            await self._let_go()

    async def _carry(self) -> None:
        sink = self._sink = self._make()
        async with asyncio.timeout(DEADLINE):
            await sink.open()
            position = await sink.position()
        self._intake.begin(self._begin(position))
        self._tell(self.life.opened(self._clock.mono_ns()))
        await self._ask(sink)
        while True:
            heed_cancel()
            await self._write(sink, await self._intake.batch(sink.batching, until=lambda: self._ask_at))
            await self._ask(sink)

    def _begin(self, position: int | None) -> int:
        """Where to go on: what the store says counts, then the cursor."""
        latest = self._latest()
        if position is None:
            position = latest if self._from_now else min(latest, cursor.load(self._journal, self.name) or 0)
        elif self._process == "daemon":
            self._own_up(position, latest)
        self.position, self._waiting = position, None
        self._keep_cursor()  # numbers up to here are taken, whatever becomes of the journal
        if position <= latest:
            return position
        if not self._ahead(position):
            raise SinkMisfitError(
                f"it has records up to number {position}, but the journal ends at {latest}: it was filled from another "
                "journal, or this one was lost. Restart the daemon and it numbers on from there, or empty the store."
            )
        log.warning("sink.ahead", sink=self.name, position=position, journal=latest)
        return position

    def _own_up(self, position: int, latest: int) -> None:
        """Say what the store will never have: it was away while numbers were given that it has from a lost journal."""
        if self._begun_at is None:
            return
        first, last = self._begun_at + 1, min(position, latest)
        self._begun_at = None  # from now on it has what we write
        if first <= last:
            self.figures.missed_total += last - first + 1
            why = "the store has other ticks under these numbers, from a journal that was lost or restored"
            log.warning("sink.missed", sink=self.name, first=first, last=last, why=why)

    async def _let_go(self) -> None:
        self._intake.stop()
        sink, self._sink = self._sink, None
        if sink is not None:
            self._dropped += _dropped(sink)
            try:
                async with asyncio.timeout(LAST_WORDS):
                    await sink.close()
            except TimeoutError:
                pass
            except Exception as fault:  # noqa: BLE001 - it is told with the sink; who leaves it must be able to go on
                self.figures.failed(self._clock.mono_ns(), f"{type(fault).__name__}: {fault}")

    # Batches

    def _pass(self) -> None:
        """The batch is safe: what was missing before it is counted, once."""
        for hole in self._intake.safe():
            self.on_hole(hole)
            if hole.first_seq == 1 and hole.reason == GONE:
                continue  # a new store begins with the oldest there is; it has missed nothing
            if missed := given(self._journal, hole.first_seq, hole.last_seq):
                self.figures.missed_total += missed
                log.warning("sink.missed", sink=self.name, first=hole.first_seq, last=hole.last_seq, why=hole.reason)

    async def _write(self, sink: Sink, frames: list[Frame]) -> None:
        if not frames:
            return
        async with asyncio.timeout(DEADLINE):
            written = await sink.write(frames)
        now = self._clock.mono_ns()
        if written.set_aside:
            self._aside.keep(frames, written.set_aside, self._clock.now())
            self.figures.set_aside_total += len(written.set_aside)
        self.position, self._waiting = frames[-1].last_seq, None
        self._pass()
        self._last_commit_at = self._clock.now()
        self.figures.committed(now, written.records, [self._intake.age(frame) for frame in frames])
        self._tell(self.life.committed(now, int(self._intake.age(frames[-1]) * 1e9)))
        if now - self._saved_at >= CURSOR_EVERY:
            self._keep_cursor()

    async def _ask(self, sink: Sink) -> None:
        """What the store holds, once a minute. One that may not tell us is written to all the same."""
        now = self._clock.mono_ns()
        if now < self._ask_at:
            return
        self._ask_at = now + RECHECK
        try:
            async with asyncio.timeout(DEADLINE):
                held = await sink.tables()
        except SinkMisfitError:
            held = []
        self._tables = tuple(TableReport(each.name, each.rows, each.bytes) for each in held)

    # What is known

    def look(self) -> None:
        """Measure the lag and keep the cursor; called at each heartbeat."""
        now = self._clock.mono_ns()
        self._tell(self.life.looked(now, self._lag()))
        if self.position != self._saved and now - self._saved_at >= CURSOR_EVERY:
            self._keep_cursor()
        if now >= self._ask_at:
            self._intake.poke()

    def report(self) -> SinkReport:
        """What is known of this sink now."""
        life, figures, mono = self.life, self.figures, self._clock.mono_ns()
        latency = figures.latency()
        return SinkReport(
            name=self.name,
            process=self._process,
            state=life.state,
            reason=life.reason,
            since=self._since(),
            needs_a_look=life.needs_a_look(mono),
            position=self.position,
            lag_ticks=max(0, self._latest() - self.position),
            lag_seconds=self._lag() / 1e9,
            retry_at=self._retry_at(mono),
            latency_p50=None if latency is None else latency.p50,
            latency_p99=None if latency is None else latency.p99,
            rate=figures.rate(mono),
            written_total=figures.written_total,
            set_aside_total=figures.set_aside_total,
            missed_total=figures.missed_total,
            dropped_total=self._dropped + _dropped(self._sink),
            errors_last_hour=figures.errors_last_hour(mono),
            last_error=figures.last_error,
            last_error_at=self._last_error_at,
            last_commit_at=self._last_commit_at,
            tables=self._tables,
        )

    def _retry_at(self, mono: int) -> datetime | None:
        at = self.life.retry_at
        if at is None or self._sink is not None or at < mono:
            return None
        return self._clock.now() + timedelta(microseconds=(at - mono) / 1000)

    def _lag(self) -> int:
        """Nanoseconds that the oldest record has waited which is not safe in the store, as far as that is known."""
        if self.life.state is SinkState.CONNECTING:
            return 0  # the store may have more than the cursor of an earlier run says
        if self._intake.hand:
            return int(self._intake.age(self._intake.hand[0]) * 1e9)
        if self._latest() <= self.position:
            return 0
        if self._waiting is None or self._waiting[0] != self.position:
            try:
                self._waiting = (self.position, self._intake.peek(self.position))
            except OSError:  # no descriptor to spare, or a broken disk: the next heartbeat looks again
                return 0
        return max(0, self._intake.now_ns() - self._waiting[1])

    def _since(self) -> datetime:
        """When the present state was entered, by the wall's clock at that moment."""
        if self._entered[0] != self.life.since:
            self._entered = (self.life.since, self._clock.now())
        return self._entered[1]

    def _failed(self, reason: str, fact: Callable[[int, str], Told | None]) -> bool:
        now = self._clock.mono_ns()
        self.figures.failed(now, reason)
        self._last_error_at = self._clock.now()
        return self._tell(fact(now, reason))

    def _tell(self, news: Told | None) -> bool:
        """One line for each change of state and reason; whether it was written."""
        self._since()
        if news is None:
            return False
        if news.reason is None:
            log.info("sink.state", sink=self.name, src=str(news.src), dst=str(news.dst))
        else:
            log.warning("sink.state", sink=self.name, src=str(news.src), dst=str(news.dst), reason=news.reason)
        return True

    def _keep_cursor(self) -> None:
        if self.position == self._saved:
            return
        try:
            cursor.save(self._journal, self.name, self.position)
        except OSError as trouble:  # the journal then keeps more than it must; the next commit tries again
            self.figures.failed(self._clock.mono_ns(), f"its cursor cannot be kept: {trouble.strerror}")
            return
        self._saved, self._saved_at = self.position, self._clock.mono_ns()


def _dropped(sink: Sink | None) -> int:
    """What a sink that passes on says that it could not; the others have no such word."""
    dropped: int = getattr(sink, "dropped", 0)
    return dropped
