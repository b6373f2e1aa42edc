"""One timer at the next deadline of a machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tradewarden.orchestrator.clock import Clock


class Alarm:
    """Calls once at the deadline that it was set to last; being set to the same one again costs nothing."""

    def __init__(self, clock: Clock, ring: Callable[[], None]) -> None:
        self._clock, self._ring = clock, ring
        self._timer: asyncio.TimerHandle | None = None
        self._deadline: int | None = None

    def set(self, deadline: int | None) -> None:
        """At this moment of the monotonic clock and at no other; none: not at all."""
        if deadline == self._deadline:
            return
        self.off()
        if deadline is not None:
            wait = max(0.0, (deadline - self._clock.mono_ns()) / 1e9)
            self._timer = asyncio.get_running_loop().call_later(wait, self._due)
            self._deadline = deadline

    def off(self) -> None:
        """Not at all."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._deadline = None

    def _due(self) -> None:
        """A timer that rang a little early is set anew."""
        deadline = self._deadline
        self._timer = self._deadline = None
        if deadline is not None and self._clock.mono_ns() < deadline:
            self.set(deadline)
        else:
            self._ring()
