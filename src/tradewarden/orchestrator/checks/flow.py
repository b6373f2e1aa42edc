"""How much flows: ticks, rows, entries a second, by source; measured only while somebody wants to know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from tradewarden.machines.backoff import SECOND
from tradewarden.orchestrator.checks.check import PATIENCE
from tradewarden.orchestrator.checks.flow_reader import KINDS, FlowError, Reader, reader_of
from tradewarden.orchestrator.checks.flow_window import Window
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.driver import Spawn

EVERY: Final = SECOND * 9 // 10  # at the most often: at each beat, which may come a little early
WANTED: Final = 60 * SECOND  # that a source is measured after somebody asked
OURS: Final = ("feed", "journal")  # counted in this process

Servers = Mapping[str, Mapping[str, Any]]


def source_of(text: str) -> str:
    """A source's name as it is known here. Raises ValueError with what is allowed."""
    source = text.strip()
    kind, _, name = source.partition(":")
    if source in OURS or (kind in KINDS and name):
        return source
    raise ValueError("allowed are feed, journal, redis:STREAM, mysql:TABLE and influx:MEASUREMENT")


class Flows:
    """The rates; `look` belongs into a heartbeat.

    `servers` are the settings of the stores by their names, `counts` what this process counts itself.
    """

    def __init__(self, servers: Servers, counts: Mapping[str, Callable[[], int]], clock: Clock, spawn: Spawn) -> None:
        self._servers, self._counts, self._clock, self._spawn = servers, counts, clock, spawn
        self._flows: dict[str, _Flow] = {}

    def rate(self, source: str) -> float | None:
        """How much comes a second, by the last few; nothing while that is not known, and `why` tells why."""
        flow = self._flows.setdefault(source, _Flow(source))
        flow.asked_at = self._clock.mono_ns()
        return flow.rate

    def why(self, source: str) -> str:
        """Why there is no rate of this source."""
        flow = self._flows.get(source)
        return f"{source} is not measured yet" if flow is None else flow.why

    def look(self) -> None:
        """Called at each beat: measure what somebody asked for lately."""
        now = self._clock.mono_ns()
        for source, flow in list(self._flows.items()):
            if flow.busy or now - flow.looked_at < EVERY:
                continue
            flow.looked_at = now
            if now - flow.asked_at > WANTED:
                del self._flows[source]
                self._begin(flow, flow.close())
            elif source in OURS:
                self._count(source, flow, now)
            else:
                self._begin(flow, flow.measure(self._servers, now))

    async def close(self) -> None:
        """Hang up everywhere."""
        flows, self._flows = self._flows, {}
        for flow in flows.values():
            await flow.close()

    def _begin(self, flow: _Flow, deed: Any) -> None:
        flow.busy = True
        self._spawn(deed, name=f"flow.{flow.source}")

    def _count(self, source: str, flow: _Flow, now: int) -> None:
        if source in self._counts:
            flow.rate = flow.window.add(now, self._counts[source]())
        else:
            flow.why = f"{source} cannot be measured: this desk has none"


class _Flow:
    """One source that somebody wants to know of."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._reader: Reader | None = None
        self.window = Window()
        self.rate: float | None = None
        self.why = f"{source} is not measured yet"
        self.asked_at = 0
        self.looked_at = -EVERY
        self.busy = False

    async def measure(self, servers: Servers, now: int) -> None:
        """Ask the server once."""
        try:
            async with asyncio.timeout(PATIENCE):
                self._reader = self._reader or reader_of(self.source, servers)
                self.rate = await self._reader.read(now)
        except (FlowError, ValueError) as trouble:  # the latter for an address that can be none
            await self._lose(str(trouble))
        except TimeoutError:
            await self._lose(f"the server gave no answer within {PATIENCE:g} s")
        finally:
            self.busy = False

    async def close(self) -> None:
        """Hang up."""
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.close()

    async def _lose(self, why: str) -> None:
        self.rate, self.why = None, f"{self.source} cannot be measured: {why}"
        await self.close()
