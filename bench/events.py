"""How long a change of state takes to reach 50 clients of the event stream.

The daemon runs in this process on one core, 50 clients in another process on the other core. The desk's clock is moved
to and fro over the opening of the market; from there on everything goes the daemon's own way: calendar, machine,
coupling, picture, document, one frame for all. Counted from before the machine is told until the frame's last byte is
in a client's hands, on the host's monotonic clock. The log is written, to nowhere.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from datetime import datetime, timedelta

from broker import simulated
from measured_desk import Inside, inside
from process import HERE, ask, line_of, pin, running
from result import Figure, Run, high, middle, say

from tradewarden.orchestrator.clock import IST

CLIENTS = 50
CHANGES = 300  # a round
ROUNDS = 5
PAUSE = 0.04  # seconds between two changes
OPENING = datetime(2026, 11, 23, 9, 15, tzinfo=IST)


class MovedClock:
    """Three minutes before the opening, or three minutes after it, as the bench wants it."""

    simulated = True

    def __init__(self) -> None:
        self.open = False
        self._begun = time.monotonic()

    def mono_ns(self) -> int:
        """The host's monotonic clock."""
        return time.monotonic_ns()

    def now(self) -> datetime:
        """The wall clock of the desk."""
        away = timedelta(minutes=3 if self.open else -3)
        return OPENING + away + timedelta(seconds=time.monotonic() - self._begun)


async def _round(desk: Inside, clock: MovedClock) -> list[float]:
    """Every client's delay for every change."""
    port = str(desk.parts.http.port)
    begun: dict[int, float] = {}
    async with running(sys.executable, str(HERE / "listeners.py"), port, str(CLIENTS), core=1) as clients:
        await line_of(clients)
        for _ in range(CHANGES):
            at = time.monotonic()
            clock.open = not clock.open
            desk.parts.market.sync()
            begun[desk.parts.reports.picture.seq] = at
            await asyncio.sleep(PAUSE)
        told = await ask(clients, "enough")
    arrivals = {int(seq): moments for seq, moments in told["arrivals"].items()}
    delays = [moment - at for seq, at in begun.items() for moment in arrivals.get(seq, [])]
    if len(delays) < 0.99 * CLIENTS * CHANGES:
        raise RuntimeError(f"only {len(delays)} of {CLIENTS * CHANGES} frames arrived")
    return delays


async def _all() -> None:
    run = Run(__file__)
    say(f"events.py: {ROUNDS} rounds of {CHANGES} changes to {CLIENTS} clients")
    pin(0)
    clock = MovedClock()
    async with simulated(OPENING) as broker, inside(broker, clock) as desk:
        await asyncio.sleep(1)
        gc.collect()
        rounds = [await _round(desk, clock) for _ in range(ROUNDS)]
    samples = sum(map(len, rounds))
    for name, share, goal in (("p50", 0.5, None), ("p99", 0.99, 10.0)):
        values = [1000 * high(delays, share) for delays in rounds]
        run.add(
            Figure(
                name=f"change of state to SSE client, {CLIENTS} clients, {name}",
                value=middle(values),
                unit="ms",
                samples=samples,
                at_most=goal,
                rounds=values,
                note="median of the rounds",
            )
        )
    run.keep()


if __name__ == "__main__":
    asyncio.run(_all())
