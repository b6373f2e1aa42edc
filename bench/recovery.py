"""How fast ticks come back: after a reset, and with a new token; and how often a dead token is tried.

Reset: the simulated broker (another process) cuts every line with a TCP reset, three rounds, each after 61 s of proven
ticks; twelve desks run in this process, three KiteTickers in processes of their own, all on the same broker. Counted
from the broker's order until the next ticks are in the client's hands (looked for every millisecond in the desk); the
first wait is random up to 0.5 s by design, so that a crowd of desks does not knock at once. "Proven" is later: the desk
says `streaming` only when a tick came that is no repetition, so it holds the broker's own beat of 0.5 s.
Dead token: expired and cut, then one minute of waiting; how often somebody knocked.
New token: the desk waits without one; a fresh one is saved to a watched file, at any moment of the file watch's beat
(0.5 s), or just before such a beat looks, so without that wait: file, machine, dial, handshake, subscription, first
ticks. The peer is handed the token itself and makes a new KiteTicker object in the running reactor, as its users do.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import time
from asyncio.subprocess import Process
from contextlib import AsyncExitStack

from broker import Broker, simulated
from measured_desk import LIVE, Inside, all_of, inside
from process import HERE, PATIENCE, line_of, running, tell
from result import Figure, Run, high, middle, say

from tradewarden.machines.report import Picture
from tradewarden.orchestrator.clock import ShiftedClock

DESKS, TICKERS, DROPS = 12, 3, 3
HELD = 61.0  # seconds of proven ticks after which earlier tries are forgotten
DEAD = 60.0  # seconds
TOKENS = 40  # of each kind
PEER = "official KiteTicker"


class Ticker:
    """A KiteTicker's process, and the moments of its ticks."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._came = asyncio.Event()
        self.last = 0.0
        self._task = asyncio.create_task(self._listen(), name="a ticker's ticks")

    async def _listen(self) -> None:
        with contextlib.suppress(TimeoutError):
            while True:
                self.last = (await line_of(self._process, patience=120))[0]
                self._came.set()

    async def take(self, token: str) -> None:
        """Make a new KiteTicker with this token."""
        await tell(self._process, token)

    async def next_ticks(self, since: float, patience: float = 60) -> float:
        """The first ticks after a moment."""
        async with asyncio.timeout(patience):
            while True:
                self._came.clear()
                if self.last > since:
                    return self.last
                await self._came.wait()

    def close(self) -> None:
        """Listen no more."""
        self._task.cancel()


async def _tickers(stack: AsyncExitStack, broker: Broker, number: int) -> list[Ticker]:
    command = sys.executable, str(HERE / "ticker.py"), broker.ws_url, "3"
    tickers = [Ticker(await stack.enter_async_context(running(*command, core=1))) for _ in range(number)]
    for ticker in tickers:
        stack.callback(ticker.close)
        await ticker.take(await broker.mint())
        await ticker.next_ticks(0)
    return tickers


# Reset


def _is_streaming(picture: Picture) -> bool:
    return picture.feed.state == "streaming"


async def _resets(run: Run) -> None:
    first, proven, peer = [], [], []
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(simulated(LIVE))
        clock = ShiftedClock(LIVE)
        desks = [
            await stack.enter_async_context(inside(broker, clock, token=await broker.mint())) for _ in range(DESKS)
        ]
        tickers = await _tickers(stack, broker, TICKERS)
        for nth in range(DROPS):
            await all_of(desks, "streaming")
            await asyncio.sleep(HELD)
            say(f"  reset {nth + 1} of {DROPS}")
            at, *moments = await asyncio.gather(broker.do("drop_socket"), *map(_ticks_after_a_loss, desks))
            first += [moment - at for moment in moments]
            await all_of(desks, "streaming")
            proven += [desk.when(_is_streaming, at) - at for desk in desks]
            peer += [moment - at for moment in await asyncio.gather(*(t.next_ticks(at + 0.05) for t in tickers))]
    note = f"{PEER}: {len(peer)} resets, slowest {max(peer):.2f} s"
    ratio = middle(peer) / middle(first)
    run.add(
        Figure(
            name="reset to ticks again, median",
            value=middle(first),
            unit="s",
            samples=len(first),
            at_most=0.5,
            peer=PEER,
            peer_value=middle(peer),
            ratio=ratio,
            note=note,
        )
    )
    run.add(Figure(name="reset to ticks again, slowest", value=max(first), unit="s", samples=len(first)))
    run.add(Figure(name="reset to proven ticks, median", value=middle(proven), unit="s", samples=len(proven)))


async def _ticks_after_a_loss(desk: Inside) -> float:
    """When ticks come again, once the desk has lost its stream."""
    await desk.until(lambda picture: picture.feed.state != "streaming")
    return await desk.next_ticks()


# A dead token


async def _dead_token(run: Run) -> None:
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(simulated(LIVE))
        desk = await stack.enter_async_context(inside(broker, ShiftedClock(LIVE), token=await broker.mint()))
        peers = await stack.enter_async_context(simulated(LIVE))
        await desk.until_feed("streaming")
        await _tickers(stack, peers, 1)
        before = await broker.dials(), await peers.dials()
        say(f"  a dead token, {DEAD:.0f} s")
        for each in (broker, peers):
            await each.do("expire_token")
            await each.do("drop_socket")
        await asyncio.sleep(DEAD)
        ours, theirs = await broker.dials() - before[0], await peers.dials() - before[1]
        run.add(
            Figure(
                name=f"attempts with a dead token in {DEAD:.0f} s",
                value=ours,
                unit="",
                samples=1,
                at_most=1,
                peer=PEER,
                peer_value=theirs,
                note="KiteTicker goes on to its 50th attempt",
            )
        )
        await _new_tokens(run, broker, desk)


# A new token


async def _new_tokens(run: Run, broker: Broker, desk: Inside) -> None:
    noticed, watched = [], []
    for nth in range(TOKENS):
        if nth % 10 == 0:
            say(f"  new tokens, {nth} of {TOKENS}")
        noticed.append(await _new_token(broker, desk, at_once=True))
        watched.append(await _new_token(broker, desk, at_once=False))
    peer = await _peers_new_tokens(broker)
    for name, took, goal, note in (
        ("new token to first ticks, the desk looks at once", noticed, 0.1, ""),
        (
            "new token saved to a watched file to first ticks",
            watched,
            None,
            "up to 0.5 s of it is the file watch's beat",
        ),
    ):
        run.add(
            Figure(
                name=f"{name}, median",
                value=middle(took),
                unit="s",
                samples=len(took),
                peer=f"{PEER}, a new object" if goal else None,
                peer_value=middle(peer) if goal else None,
                ratio=middle(peer) / middle(took) if goal else None,
                note=note,
            )
        )
        run.add(Figure(name=f"{name}, p99", value=high(took), unit="s", samples=len(took), at_most=goal or 1.0))


async def _new_token(broker: Broker, desk: Inside, *, at_once: bool) -> float:
    await desk.until(lambda picture: picture.auth.state == "expired")
    await asyncio.sleep(0.2 + 0.5 * random.random())  # at any moment of the beat
    token = await broker.mint()
    came = asyncio.create_task(desk.next_ticks(), name="the first ticks")
    await asyncio.sleep(0)
    begun = time.monotonic()
    desk.save_token(token)
    if at_once:
        desk.parts.auth.look()  # what the beat calls
    took = await came - begun
    await desk.until_feed("streaming")
    await _asked(desk)
    await broker.do("expire_token")
    await broker.do("drop_socket")
    await _asked(desk)  # the next dial would find it dead, but after so many drops that one may be half a minute away
    return took


async def _asked(desk: Inside) -> None:
    """Wait until the broker has been asked about the token that the desk holds."""
    async with asyncio.timeout(PATIENCE):
        while (await desk.parts.auth.verify()).verdict == "pending":  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.05)


async def _peers_new_tokens(broker: Broker) -> list[float]:
    took = []
    async with AsyncExitStack() as stack:
        ticker = (await _tickers(stack, broker, 1))[0]
        for _ in range(10):
            await broker.do("expire_token")
            await broker.do("drop_socket")
            await asyncio.sleep(0.5)
            token = await broker.mint()
            begun = time.monotonic()
            await ticker.take(token)
            took.append(await ticker.next_ticks(begun) - begun)
    return took


async def _all() -> None:
    run = Run(__file__)
    say(f"recovery.py: {DROPS} resets of {DESKS} desks, a dead token, {2 * TOKENS} new ones; about nine minutes")
    await _resets(run)
    await _dead_token(run)
    run.keep()


if __name__ == "__main__":
    asyncio.run(_all())
