"""How exactly silence becomes staleness.

Four desks in this process stream from a simulated broker in another one. Ticks stop while heartbeats go on: the feed is
stale 10 s after the last tick (data is dense at 10:00), and a deadline cannot be early; counted is how late the change
of state is told. Then nothing comes at all any more: the line is lost 5 s after the last frame, and counted is how late
that is noticed. Moments inside the desk are looked for every millisecond.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

from broker import Broker, simulated
from measured_desk import BEAT, LIVE, Inside, all_of, inside
from process import PATIENCE
from result import Figure, Run, high, middle, say

from tradewarden.machines.feed import SILENCE
from tradewarden.machines.report import Picture
from tradewarden.orchestrator.clock import ShiftedClock

DESKS = 4
STALE_ROUNDS, MUTE_ROUNDS = 5, 3
LIMIT = SILENCE["dense"] / 1e9
MUTE = 5.0  # seconds: KiteStream's own patience


def _is_stale(picture: Picture) -> bool:
    return picture.feed.state == "stale"


async def _stale(broker: Broker, desks: list[Inside]) -> list[float]:
    """How late each desk said that it is stale."""
    begun = await broker.world(ticks="none")
    late = await asyncio.gather(*(_lateness_of_stale(desk, begun) for desk in desks))
    await broker.world(ticks="flowing")
    await all_of(desks, "streaming")
    await asyncio.sleep(1)
    return late


async def _lateness_of_stale(desk: Inside, begun: float) -> float:
    await desk.until_feed("stale")
    last_tick = desk.parts.feed.machine.last_tick / 1e9
    return desk.when(_is_stale, begun) - last_tick - LIMIT


async def _mute(broker: Broker, desks: list[Inside]) -> list[float]:
    """How late each desk noticed that its line is dead."""
    await broker.world(ticks="none", heartbeats=False)
    late = await asyncio.gather(*map(_lateness_of_loss, desks))
    await broker.world(ticks="flowing", heartbeats=True)
    await all_of(desks, "streaming")
    return late


async def _lateness_of_loss(desk: Inside) -> float:
    feed = desk.parts.feed
    frames, last = feed.frames_total, time.monotonic()
    lost = feed.lost_total["mute"]
    async with asyncio.timeout(PATIENCE):
        while feed.lost_total["mute"] == lost:
            if feed.frames_total != frames:
                frames, last = feed.frames_total, time.monotonic()
            await asyncio.sleep(BEAT)
    return time.monotonic() - last - MUTE


async def _all() -> None:
    run = Run(__file__)
    say(f"stale.py: {DESKS} desks go stale {STALE_ROUNDS} times and mute {MUTE_ROUNDS} times, about two minutes")
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(simulated(LIVE))
        clock = ShiftedClock(LIVE)
        desks = [
            await stack.enter_async_context(inside(broker, clock, token=await broker.mint())) for _ in range(DESKS)
        ]
        await all_of(desks, "streaming")
        stale = [1000 * late for _ in range(STALE_ROUNDS) for late in await _stale(broker, desks)]
        mute = [1000 * late for _ in range(MUTE_ROUNDS) for late in await _mute(broker, desks)]
    if min(stale) < 0:
        raise RuntimeError(f"a desk was stale {-min(stale)} ms too early")
    for name, late, goal in (
        (f"stale after {LIMIT:g} s without ticks, lateness", stale, 50.0),
        (f"lost after {MUTE:g} s without any frame, lateness", mute, 200.0),
    ):
        run.add(Figure(name=f"{name}, median", value=middle(late), unit="ms", samples=len(late)))
        run.add(Figure(name=f"{name}, worst", value=high(late, 1.0), unit="ms", samples=len(late), at_most=goal))
    run.keep()


if __name__ == "__main__":
    asyncio.run(_all())
