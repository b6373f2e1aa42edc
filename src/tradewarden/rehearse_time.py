"""Time that passes only when nothing is left to do: a loop without sockets, and the two clocks of a rehearsed desk."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from contextvars import Context
from datetime import datetime, timedelta
from typing import Any, TypeVarTuple

from tradewarden.orchestrator.clock import IST

_Ts = TypeVarTuple("_Ts")

MICROSECOND = 1_000
SECOND = 1_000_000_000
_BEGIN = 1_000 * SECOND
_ROUNDING = 0.02  # microseconds by which a wait in floating seconds may miss a whole one


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop that knows no file and no socket: when every task waits, it jumps to the next timer.

    It never passes the moment that somebody awaits with `reach`: all that is due before it has settled then.
    """

    def __init__(self) -> None:
        super().__init__()
        self._clock_resolution = 0.5e-6  # the base class's nanosecond drowns in a float of half a year
        self.now_ns = _BEGIN
        self._selector = self
        self._horizon = 0
        self._reached: asyncio.Future[None] | None = None
        self.fault: BaseException | None = None  # what a timer's callback raised first
        self.set_exception_handler(_note)

    def time(self) -> float:
        """The virtual seconds, for timers."""
        return self.now_ns / SECOND

    def call_later(
        self, delay: float, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """A timer on a whole microsecond, as the clock is: never early, and never in vain at the same moment."""
        whole = max(1, math.ceil(delay * 1e6 - _ROUNDING)) if delay > 0 else 0
        return self.call_at((self.now_ns + whole * MICROSECOND) / SECOND, callback, *args, context=context)

    async def reach(self, moment_ns: int) -> None:
        """Let time pass up to this moment, until everything due at or before it has settled.

        Raises what a timer's callback raised: a fault of ours.
        """
        self._horizon, self._reached = moment_ns, self.create_future()
        await self._reached
        if self.fault is not None:
            raise self.fault

    def select(self, timeout: float | None) -> Sequence[Any]:
        """Called by the loop when it would wait: time passes instead."""
        if timeout == 0:
            return []
        due = None if timeout is None else self.now_ns + max(1, round(timeout * 1e6)) * MICROSECOND
        if self._reached is not None and (due is None or due > self._horizon):
            self.now_ns = max(self.now_ns, self._horizon)
            self._reached.set_result(None)
            self._reached = None
        elif due is not None:
            self.now_ns = due
        else:
            raise RuntimeError("every task waits and no timer is set: the rehearsal would wait for ever")
        return []

    # What the base class asks of a loop with files

    def _process_events(self, event_list: Sequence[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps here who would have to be woken."""


def _note(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A fault in a callback fails no task: it must end the rehearsal all the same."""
    if isinstance(loop, VirtualLoop) and "handle" in context and loop.fault is None:
        loop.fault = context.get("exception")
    else:
        loop.default_exception_handler(context)


class VirtualClock:
    """The desk's two clocks: one runs with the loop, the one on the wall can be made to step."""

    simulated = True

    def __init__(self, loop: VirtualLoop, start: datetime) -> None:
        self._loop = loop
        self._begun = loop.now_ns
        self._start = start.astimezone(IST)
        self._step = timedelta()

    def mono_ns(self) -> int:
        """Nanoseconds that never jump."""
        return self._loop.now_ns

    def now(self) -> datetime:
        """What the wall shows, steps included."""
        return self.true_now() + self._step

    def true_now(self) -> datetime:
        """The time of the script, which no step moves."""
        return self._start + timedelta(microseconds=(self._loop.now_ns - self._begun) // MICROSECOND)

    def step(self, seconds: float) -> None:
        """Move the clock on the wall."""
        self._step += timedelta(seconds=seconds)

    async def until(self, moment: datetime) -> None:
        """Let everything happen that is due at or before this moment of the script."""
        await self._loop.reach(self._begun + (moment - self._start) // timedelta(microseconds=1) * MICROSECOND)
