"""The one shared beat: proof that the loop turns, and the moment to look at ages, files and the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from tradewarden.orchestrator.clock import Clock

INTERVAL = 0.5  # seconds: a token file that another tool edits is noticed within one second
JUMP = 2.0  # seconds by which the wall clock may differ from the monotonic one between two beats
LAG_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Heartbeat:
    """Beats for as long as the daemon lives; whoever must look at something regularly looks then."""

    def __init__(
        self,
        clock: Clock,
        *,
        beats: Sequence[Callable[[], None]],
        jumps: Sequence[Callable[[], None]],
        interval: float = INTERVAL,
    ) -> None:
        self.beats = list(beats)
        self._jumps = tuple(jumps)
        self._clock = clock
        self._interval = interval
        self._last = clock.mono_ns()
        self.lag = 0.0
        self.lag_sum = 0.0
        self.lag_counts = [0] * (len(LAG_BOUNDS) + 1)

    def age(self) -> float:
        """Seconds since the last beat; more than a few mean that the daemon is stuck."""
        return (self._clock.mono_ns() - self._last) / 1e9

    async def run(self) -> None:
        """Beat until cancelled."""
        mono, wall = self._clock.mono_ns(), self._clock.now()
        while True:
            await asyncio.sleep(self._interval)
            mono, wall = self._beat(mono, wall)

    def _beat(self, mono: int, wall: datetime) -> tuple[int, datetime]:
        now, today = self._clock.mono_ns(), self._clock.now()
        passed = (now - mono) / 1e9
        self._note_lag(max(0.0, passed - self._interval))
        self._last = now
        if abs((today - wall).total_seconds() - passed) > JUMP:
            for follow in self._jumps:
                follow()
        for beat in self.beats:
            beat()
        return now, today

    def _note_lag(self, lag: float) -> None:
        self.lag = lag
        self.lag_sum += lag
        self.lag_counts[next((i for i, bound in enumerate(LAG_BOUNDS) if lag <= bound), len(LAG_BOUNDS))] += 1
