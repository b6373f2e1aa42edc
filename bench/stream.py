"""What a stream costs end to end, beside the official KiteTicker: CPU for a tick, and how late a tick is.

One simulated broker process pours full packets over loopback into one of two clients, which take turns in rounds; each
client is a process of its own on the other core, its callback keeps each instrument's last price and the frame's age.
CPU: frames as fast as the line carries them, until the last tick is in the callback; the client's whole process, by
the kernel's clock. Latency: 9,000 ticks a second, from the frame's being handed to the line until the tick's callback:
three times a second 3,000 ticks without a pause, as three connections full of instruments bring them, and spread
evenly. The value is the 99th percentile of a round's frames, the median of the rounds, the ratio the median of their
ratios. Late is whoever waits for a core: on a machine with neighbours give the script priority (`nice -n -15`), as
this run had it.
"""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio.subprocess import Process
from contextlib import AsyncExitStack
from dataclasses import dataclass

from broker import Broker, simulated
from measured_desk import LIVE
from process import HERE, PATIENCE, ask, running
from result import Figure, Run, high, middle, say

ROUNDS = 5
PACED = 9_000  # ticks a second: three connections of 3,000 instruments, once a second each
SECONDS = 5.0  # of the paced stream in one round
BLAST = {"ours": 12_000, "official": 1_000}  # frames of fifty in one round: two to four seconds each
PEER = "official KiteTicker"
FIRST = {"ours": 1000 << 8 | 1, "official": 6000 << 8 | 1}
MIDDLING, MOST = 50, 100  # packets in a frame
BURST = 60  # frames: all instruments of one connection at once


@dataclass(slots=True)
class Client:
    """One of the two, and its instruments."""

    process: Process
    first: int
    broker: Broker
    ticks: int = 0

    async def hear(self, packets: int, count: int, pace: float | None = None, burst: int = 1) -> list[int]:
        """Let frames be poured into it, until the last has arrived; how long each was under way, in nanoseconds."""
        await self.broker.pour(to=self.first, packets=packets, count=count, pace=pace, burst=burst)
        took: list[int] = []
        wanted = self.ticks + packets * count
        async with asyncio.timeout(PATIENCE):
            while self.ticks < wanted:
                await asyncio.sleep(0.02)
                took += await self.told()
        return took

    async def told(self) -> list[int]:
        """What has come since this was last asked."""
        told = await ask(self.process, "")
        self.ticks = told["ticks"]
        return list(told["took"])

    def cpu(self) -> float:
        """CPU seconds of the whole process so far, to the nanosecond."""
        return time.clock_gettime(~self.process.pid << 3 | 2)  # what clock_getcpuclockid(3) makes of a pid


async def _client(stack: AsyncExitStack, broker: Broker, who: str) -> Client:
    command = sys.executable, str(HERE / "consumer.py"), who, broker.ws_url, await broker.mint()
    process = await stack.enter_async_context(running(*command, str(FIRST[who]), str(MOST), core=0))
    client = Client(process, FIRST[who], broker)
    async with asyncio.timeout(PATIENCE):
        while client.ticks < MOST:  # the snapshot that follows a subscribe
            await asyncio.sleep(0.1)
            await client.told()
    await asyncio.sleep(1)
    await client.told()
    return client


async def _cpu(client: Client, packets: int, ticks: int) -> float:
    """Microseconds of CPU for one tick, as fast as they come."""
    before = client.cpu()
    await client.hear(packets, ticks // packets)
    return (client.cpu() - before) / ticks * 1e6


async def _blast(run: Run, ours: Client, official: Client, packets: int, goal: float | None) -> None:
    mine, theirs = [], []
    for _ in range(ROUNDS):
        mine.append(await _cpu(ours, packets, 50 * BLAST["ours"] // (1 if packets > 1 else 6)))
        theirs.append(await _cpu(official, packets, 50 * BLAST["official"]))
    run.add(
        Figure(
            name=f"stream end to end, {packets} full tick{'s'[: packets > 1]} a frame",
            value=middle(mine),
            unit="µs CPU a tick",
            samples=ROUNDS,
            peer=PEER,
            peer_value=middle(theirs),
            ratio=middle([b / a for a, b in zip(mine, theirs, strict=True)]),
            ratio_at_least=goal,
            rounds=mine,
        )
    )


@dataclass(frozen=True, slots=True)
class Pace:
    """One round of the paced stream: how late, and what share of a core."""

    middle: float
    high: float
    cpu: float

    @classmethod
    async def of(cls, client: Client, packets: int, burst: int) -> Pace:
        """Let a client hear it."""
        before, begun = client.cpu(), time.monotonic()
        took = await client.hear(packets, int(SECONDS * PACED / packets), PACED / packets, burst)
        late = [each / 1e6 for each in took]
        return cls(middle(late), high(late), 100 * (client.cpu() - before) / (time.monotonic() - begun))


async def _paced(run: Run, ours: Client, official: Client, packets: int, burst: int) -> None:
    rounds = [(await Pace.of(ours, packets, burst), await Pace.of(official, packets, burst)) for _ in range(ROUNDS)]
    how = f"in bursts of {burst * packets:,}" if burst > 1 else f"{packets} at a time"
    frames = ROUNDS * int(SECONDS * PACED / packets)
    for name, unit, key, wanted in (
        ("latency, p99", "ms", "high", 10.0 if packets == MIDDLING else None),
        ("latency, median", "ms", "middle", None),
        ("CPU", "% of a core", "cpu", None),
    ):
        mine, theirs = ([getattr(each[who], key) for each in rounds] for who in (0, 1))
        run.add(
            Figure(
                name=f"{PACED:,} ticks a second, {how}: {name}",
                value=middle(mine),
                unit=unit,
                samples=frames,
                peer=PEER,
                peer_value=middle(theirs),
                ratio=middle([b / a for a, b in zip(mine, theirs, strict=True)]),
                ratio_at_least=wanted,
                rounds=mine,
            )
        )


async def _all() -> None:
    run = Run(__file__)
    say(f"stream.py: {ROUNDS} rounds of two clients, blasts and {SECONDS:.0f} s at a pace; about four minutes")
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(simulated(LIVE, tick_seconds=3600))
        ours, official = [await _client(stack, broker, who) for who in ("ours", "official")]
        for packets, goal in ((MIDDLING, 15.0), (1, None)):
            await _blast(run, ours, official, packets, goal)
        for packets, burst in ((MIDDLING, BURST), (MIDDLING, 1), (MOST, 1)):
            await _paced(run, ours, official, packets, burst)
    run.keep()


if __name__ == "__main__":
    asyncio.run(_all())
