"""A thousand new tokens, one after the other: what they leave behind, and whether two sockets ever stand at once.

The feed's machine, its driver and our client, over loopback to the simulated broker in a process of its own. Every
other time the broker cuts the line and the new token is dialled while the feed backs off; every other time the feed is
told to stop and to go on with the new token in the same moment, so that the old socket is closed and the new one
dialled at once. Each swap ends when ticks prove the new stream. Memory and tasks are compared after a warm-up of fifty
swaps and at the end. Sockets: whenever the broker opens one, the kernel is asked how many stand at its port. The
peer's process makes a new KiteTicker object for each token and closes the old one, as its users do; a swap of it ends
with the new object's first ticks.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

import structlog
from broker import KEY, Broker, simulated
from measured_desk import LIVE, instruments
from process import HERE, PATIENCE, line_of, pin, rss_mb, running, tell
from result import Figure, Run, high, middle, say

from tradewarden.feed.brokers.kite import KiteStream
from tradewarden.feed.tick import Mode
from tradewarden.machines.auth import Token
from tradewarden.machines.feed import FeedWatchdog
from tradewarden.orchestrator.clock import ShiftedClock
from tradewarden.orchestrator.feed import FeedDriver

SWAPS, WARM_UP = 1_000, 50
COUNT = 128  # instruments
BEAT = 0.05  # seconds between the broker's ticks
PEER = "official KiteTicker, a new object"


class Feed:
    """The feed's layers without the rest of the desk."""

    def __init__(self, broker: Broker, group: asyncio.TaskGroup) -> None:
        self._broker = broker
        self._group = group
        self._changed = asyncio.Event()
        self._clock = ShiftedClock(LIVE)
        self._minted = 0
        self.driver = FeedDriver(
            FeedWatchdog(random.random), self._clock, self._spawn, self._changed.set, usable_since=lambda: None
        )
        wanted = dict.fromkeys(instruments(COUNT), Mode.FULL)
        self.stream = KiteStream(url=broker.ws_url, api_key=KEY, subscriptions=wanted, events=self.driver)
        self.driver.attach(self.stream, self)
        self.driver.machine.expect("dense", now=self._clock.mono_ns())

    def _spawn(self, deed: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        return self._group.create_task(deed, name=name)

    def handshake_accepted(self, gen: int) -> None:
        """The token is good."""
        self.driver.fire("opened", gen=gen)

    def handshake_refused(self, gen: int) -> None:
        """The token is not good."""
        raise RuntimeError(f"the broker refused the token of socket {gen}")

    async def token(self) -> Token:
        """A fresh one."""
        self._minted += 1
        return Token(await self._broker.mint(), self._minted, LIVE + timedelta(seconds=self._minted))

    async def until(self, state: str) -> None:
        """Wait for a state of the machine."""
        async with asyncio.timeout(PATIENCE):
            while self.driver.machine.leaf != state:
                self._changed.clear()
                await self._changed.wait()

    async def cut(self) -> float:
        """The line breaks, and a new token is there before it is dialled again; how long until proven ticks."""
        token = await self.token()
        await self._broker.do("drop_socket")
        await self.until("backing_off")
        begun = time.monotonic()
        self.driver.fire("auth_ready", token=token)
        await self.until("streaming")
        return time.monotonic() - begun

    async def replaced(self) -> float:
        """The old socket still stands when the new token is dialled; how long until proven ticks."""
        token = await self.token()
        begun = time.monotonic()
        self.driver.fire("unwanted")
        self.driver.fire("wanted", usable=True, token=token)
        await self.until("streaming")
        return time.monotonic() - begun


def _standing() -> tuple[float, int]:
    """Memory in use and tasks that live, once what is garbage is gone."""
    gc.collect()
    return rss_mb(os.getpid()), len(asyncio.all_tasks())


async def _ours(broker: Broker) -> tuple[list[float], float, set[int], int]:
    async with asyncio.TaskGroup() as group:
        feed = Feed(broker, group)
        feed.driver.fire("wanted", usable=True, token=await feed.token())
        await feed.until("streaming")
        for nth in range(WARM_UP):
            await (feed.cut() if nth % 2 else feed.replaced())
        before, living = _standing()
        await broker.sockets()
        took: list[float] = []
        tasks = {living}
        for nth in range(SWAPS):
            if nth % 250 == 0:
                say(f"  {nth} of {SWAPS} swaps")
            took.append(await (feed.cut() if nth % 2 else feed.replaced()))
            tasks.add(len(asyncio.all_tasks()))
        after, _ = _standing()
        feed.driver.fire("unwanted")
        feed.driver.disarm()
        await feed.stream.aclose()
    return took, after - before, tasks, await broker.sockets()


async def _swapped(ticker: Process, token: str, number: int) -> None:
    """One new KiteTicker, until its own first ticks."""
    await tell(ticker, token)
    while (await line_of(ticker))[2] != number:
        pass


async def _theirs(broker: Broker) -> tuple[float, int]:
    command = sys.executable, str(HERE / "ticker.py"), broker.ws_url, str(COUNT)
    async with running(*command, core=1) as ticker:
        for nth in range(WARM_UP):
            await _swapped(ticker, await broker.mint(), nth)
        before = rss_mb(ticker.pid)
        await broker.sockets()
        for nth in range(SWAPS):
            if nth % 250 == 0:
                say(f"  {nth} of {SWAPS} swaps of the peer")
            await _swapped(ticker, await broker.mint(), WARM_UP + nth)
        return rss_mb(ticker.pid) - before, await broker.sockets()


async def _all() -> None:
    run = Run(__file__)
    say(f"swaps.py: {SWAPS} new tokens for the feed and for the peer; about four minutes")
    pin(0)
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    async with simulated(LIVE, tick_seconds=BEAT) as broker:
        took, grown, tasks, sockets = await _ours(broker)
        peers_grown, peers_sockets = await _theirs(broker)
    run.add(
        Figure(
            name=f"RSS growth over {SWAPS:,} token swaps",
            value=grown,
            unit="MB",
            samples=SWAPS,
            at_most=2.0,
            peer=PEER,
            peer_value=peers_grown,
        )
    )
    run.add(
        Figure(
            name="most sockets at once",
            value=sockets,
            unit="",
            samples=SWAPS,
            at_most=1,
            peer=PEER,
            peer_value=peers_sockets,
        )
    )
    run.add(
        Figure(
            name="tasks more or fewer than at the start",
            value=max(tasks) - min(tasks),
            unit="",
            samples=SWAPS,
            at_most=0,
        )
    )
    for name, share in (("median", middle), ("p99", high)):
        run.add(
            Figure(
                name=f"new token at hand to proven ticks, {name}",
                value=share(took) * 1e3,
                unit="ms",
                samples=SWAPS,
                note=f"the broker's own beat of {BEAT * 1e3:.0f} ms is in it" if share is middle else "",
            )
        )
    run.keep()


if __name__ == "__main__":
    asyncio.run(_all())
