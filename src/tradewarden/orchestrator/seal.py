"""Has each finished segment of the journal sealed into Parquet: one process at a time, tried again until it is safe."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from tradewarden.feed.segment import Hole, first_seqs
from tradewarden.feed.sinks.parquet import NAME, Parquet
from tradewarden.feed.sinks.parquet_files import expire, first_kept
from tradewarden.feed.sinks.sink import SinkMisfitError, SinkUnavailableError
from tradewarden.machines.backoff import SECOND
from tradewarden.machines.sink import SinkLife, SinkReport, SinkState, TableReport, Told
from tradewarden.machines.sink_figures import SinkFigures
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.driver import Spawn

PATIENCE: Final = 120 * SECOND  # a segment that waits for less is not late: the process is niced, and one at a time

log = structlog.get_logger()


class Sealer:
    """The sink `parquet`: what a heartbeat finds finished is sealed, and days that are too old go."""

    def __init__(
        self,
        parquet: Parquet,
        journal: Path,
        clock: Clock,
        spawn: Spawn,
        *,
        keep_days: int = 0,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        """`keep_days`: the days that are kept besides today; 0 keeps all."""
        self.name = NAME
        self.life = SinkLife(uniform, clock.mono_ns())
        self.figures = SinkFigures()
        self.on_hole: Callable[[Hole], None] = lambda _hole: None  # told what the journal cannot show any more
        self._parquet, self._journal = parquet, journal
        self._clock, self._spawn = clock, spawn
        self._keep_days = keep_days
        self._task: asyncio.Task[None] | None = None
        self._finished = 0  # the last number in a segment that is not written any more
        self._waits: tuple[int, int] | None = None  # up to this number, and since when
        self._expired_on: date | None = None
        self._tables: tuple[TableReport, ...] = ()
        self._since = (self.life.since, clock.now())  # of the state, by both clocks
        self._last_error_at: datetime | None = None
        self._last_commit_at: datetime | None = None

    def safe(self, first_seq: int, last_seq: int) -> bool:
        """Whether the journal may let go of these records."""
        return self._parquet.safe(first_seq, last_seq)

    def look(self) -> None:
        """At each heartbeat: is there a finished segment to seal, or a day to let go?"""
        now = self._clock.mono_ns()
        with suppress(OSError):  # no descriptor to spare, or a broken disk: the next heartbeat looks again
            self._finished = max(self._finished, (first_seqs(self._journal) or [1])[-1] - 1)
        self._measure(now)
        if self._is_busy() or now < (self.life.retry_at or 0):
            return
        if self._finished > self._parquet.position:
            if self.life.state is SinkState.CONNECTING:
                self._opened(now)  # who is at work is there; a first piece may take a minute
            self._task = self._spawn(self._seal(self._finished), name="parquet.seal")
        elif self._clock.now().date() != self._expired_on:
            self._task = self._spawn(self._tidy(), name="parquet.tidy")

    def report(self) -> SinkReport:
        """What is known of it now; it is behind by what is finished and not sealed, not by what is being written."""
        life, figures, now = self.life, self.figures, self._clock.mono_ns()
        return SinkReport(
            name=self.name,
            process="daemon",
            state=life.state,
            reason=life.reason,
            since=self._since_when(now),
            needs_a_look=life.needs_a_look(now),
            position=self._parquet.position,
            lag_ticks=max(0, self._finished - self._parquet.position),
            lag_seconds=self._lag(now) / 1e9,
            retry_at=self._retry_at(now),
            rate=figures.rate(now),
            written_total=figures.written_total,
            errors_last_hour=figures.errors_last_hour(now),
            last_error=figures.last_error,
            last_error_at=self._last_error_at,
            last_commit_at=self._last_commit_at,
            tables=self._tables,
        )

    async def _seal(self, until: int) -> None:
        try:
            sealed = await self._parquet.seal(until)
        except SinkMisfitError as misfit:
            self._failed(str(misfit), self.life.misfitted)
        except SinkUnavailableError as trouble:
            self._failed(str(trouble), self.life.unavailable)
        else:
            now = self._clock.mono_ns()
            self.life.retry_at = None
            self._last_commit_at = self._clock.now()
            self.figures.committed(now, sealed.records, ())
            self._opened(now)
            self._measure(now, committed=True)
            for hole in sealed.holes:
                self.on_hole(hole)
            log.info("parquet.sealed", position=sealed.position, records=sealed.records, bytes=sealed.bytes)
            with suppress(OSError):  # the next piece, or the next day, tells
                await self._count()

    async def _tidy(self) -> None:
        """Let go of what is too old, and count what is left; once a day and at the start."""
        try:
            await self._expire()
        except OSError as trouble:
            place = trouble.filename or self._parquet.ticks
            self._failed(f"{place}: {trouble.strerror or trouble}", self.life.unavailable)

    async def _expire(self) -> None:
        today = self._clock.now().date()
        if self._keep_days:
            oldest = await asyncio.to_thread(first_kept, self._parquet.ticks, today, self._keep_days)
            gone = await asyncio.to_thread(expire, self._parquet.ticks, oldest)
            for day in gone:
                log.info("parquet.expired", day=str(day))
        await self._count()
        self._expired_on = today
        self._opened(self._clock.mono_ns())

    def _opened(self, now: int) -> None:
        if self.life.state not in (SinkState.WRITING, SinkState.BEHIND):
            self._tell(self.life.opened(now))

    async def _count(self) -> None:
        held = await asyncio.to_thread(self._parquet.tables)
        self._tables = tuple(TableReport(each.name, each.rows, each.bytes) for each in held)

    def _measure(self, now: int, *, committed: bool = False) -> None:
        if self._finished <= self._parquet.position:
            self._waits = None
        elif self._waits is None or self._waits[0] <= self._parquet.position:
            self._waits = (self._finished, now)
        late = max(0, self._lag(now) - PATIENCE)
        self._tell(self.life.committed(now, late) if committed else self.life.looked(now, late))

    def _lag(self, now: int) -> int:
        return 0 if self._waits is None else now - self._waits[1]

    def _is_busy(self) -> bool:
        return self._task is not None and not self._task.done()

    def _since_when(self, now: int) -> datetime:
        """When the state began; the same answer as long as it lasts."""
        if self._since[0] != self.life.since:
            self._since = (self.life.since, self._clock.now() - _duration(now - self.life.since))
        return self._since[1]

    def _retry_at(self, now: int) -> datetime | None:
        at = self.life.retry_at
        return None if at is None or at < now else self._clock.now() + _duration(at - now)

    def _failed(self, reason: str, fact: Callable[[int, str], Told | None]) -> None:
        now = self._clock.mono_ns()
        self.figures.failed(now, reason)
        self._last_error_at = self._clock.now()
        self._tell(fact(now, reason))

    def _tell(self, news: Told | None) -> None:
        if news is None:
            return
        told = {"sink": self.name, "src": str(news.src), "dst": str(news.dst), "reason": news.reason}
        if news.reason is None:
            log.info("sink.state", **told)
        else:
            log.warning("sink.state", **told)


def _duration(nanoseconds: int) -> timedelta:
    return timedelta(microseconds=nanoseconds / 1000)
