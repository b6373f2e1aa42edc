"""All sinks of the desk: those that the daemon carries, and those that have a process of their own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

import structlog

from tradewarden.feed import cursor
from tradewarden.feed.names import Names
from tradewarden.feed.reader import Reader
from tradewarden.machines.sink import SinkReport, SinkState
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.driver import Spawn
from tradewarden.orchestrator.sink_status import read
from tradewarden.orchestrator.sinks import SinkRunner

SILENT: Final = 10.0  # seconds without a word from a sink's own process, after which it is taken for gone
GRACE: Final = timedelta(seconds=30)  # that such a process may take to start beside the daemon

log = structlog.get_logger()


class Other(Protocol):
    """A sink that reads the journal in its own way, as the sealer does."""

    def look(self) -> None:
        """At each heartbeat: see what is to be done."""
        ...

    def report(self) -> SinkReport:
        """What is known of it now."""
        ...


class SinkGroup:
    """Starts the runners, looks at them at each heartbeat, and tells how all do."""

    def __init__(
        self,
        runners: Sequence[SinkRunner],
        apart: Sequence[str],
        journal: Path,
        clock: Clock,
        *,
        names: Names,
        latest: Callable[[], int],
        others: Sequence[Other] = (),
    ) -> None:
        """`others` are sinks that need nobody to carry the journal to them."""
        self.runners, self._others = tuple(runners), tuple(others)
        self._apart, self._journal, self._clock = tuple(apart), journal, clock
        self._names, self._latest = names, latest
        self._begun = clock.now()
        self._gone: dict[str, datetime] = {}  # since when a process has not been heard of
        self._oldest: dict[int, int] = {}  # behind this number, a record received then
        self._reports: tuple[SinkReport, ...] = ()
        self._spawn: Spawn | None = None
        self._naming: asyncio.Task[None] | None = None
        self._draw()

    def begin(self, spawn: Spawn) -> None:
        """Set every runner going."""
        self._spawn = spawn
        for runner in self.runners:
            spawn(runner.run(), name=f"sink.{runner.name}")

    def look(self) -> None:
        """Measure; called at each heartbeat, before the picture is drawn."""
        self._look_at_names()
        for each in (*self.runners, *self._others):
            each.look()
        self._draw()

    def _look_at_names(self) -> None:
        """A new dump has a hundred thousand of them, whose reading takes a second: a thread does it."""
        busy = self._naming is not None and not self._naming.done()
        if self._spawn is not None and not busy and self._names.is_stale():
            self._naming = self._spawn(self._rename(), name="names")

    async def _rename(self) -> None:
        await asyncio.to_thread(self._names.refresh)

    def _draw(self) -> None:
        told = [each.report() for each in (*self.runners, *self._others)]
        told += [self._of_process(name) for name in self._apart]
        self._reports = tuple(sorted(told, key=lambda each: each.name))

    def reports(self) -> tuple[SinkReport, ...]:
        """How each sink did at the last heartbeat, by name."""
        return self._reports

    def _of_process(self, name: str) -> SinkReport:
        found, now = read(self._journal, name), self._clock.now()
        if found is not None and abs(time.time() - found[1]) < SILENT:  # both are the host's time, whatever the desk's
            if self._gone.pop(name, None) is not None:
                log.info("sink.process_back", sink=name)
            report = found[0]
            return replace(report, lag_ticks=max(0, self._latest() - report.position))
        if name not in self._gone:
            self._gone[name] = now
            log.warning("sink.process_absent", sink=name)
        position = cursor.load(self._journal, name) or 0
        blank = SinkReport(
            name=name,
            process="own",
            state=SinkState.ABSENT,
            reason=f"no process carries it: systemctl start tradewarden-sink@{name}, or tradewarden sink {name}",
            since=self._gone[name],
            needs_a_look=now - self._begun > GRACE,
            position=position,
            lag_ticks=max(0, self._latest() - position),
            lag_seconds=self._waited(position, now),
        )
        if found is None:
            return blank
        last = found[0]
        return replace(blank, last_error=last.last_error, last_error_at=last.last_error_at, tables=last.tables)

    def _received_behind(self, position: int) -> int | None:
        reader = Reader(self._journal, after=position)
        try:
            frames = reader.read(1)
        except OSError:  # no descriptor to spare, or a broken disk: no heartbeat may end of it
            return None
        finally:
            reader.close()
        return frames[0].received_ns if frames else None

    def _waited(self, position: int, now: datetime) -> float:
        """For how many seconds the record behind this number has waited."""
        if self._latest() <= position:
            return 0.0
        if position not in self._oldest:
            self._oldest = {position: received} if (received := self._received_behind(position)) else {}
        received_ns = self._oldest.get(position)
        return 0.0 if received_ns is None else max(0.0, now.timestamp() - received_ns / 1e9)
