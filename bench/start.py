"""How fast the daemon starts, and what it costs while nothing and while much happens.

`tradewarden run` with a configuration, from its start to READY=1 on the notify socket; then its memory and CPU while a
simulated broker (another process, other core) streams 3,000 instruments in full mode once a second, beside the official
KiteTicker on the same stream with a callback that keeps nothing, first without recording, as the peer does, then as it
is set up by default, with the journal and SQLite; then its CPU on a Sunday. Bytecode is compiled before.
The daemon runs in an environment of `requirements/run.txt` alone: the tools of a developer's environment (structlog
finds rich there) would add to its memory what an installation does not have. MB are millions of bytes.
"""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio.subprocess import Process
from dataclasses import dataclass
from datetime import datetime

from broker import simulated
from measured_desk import CLOSED, LIVE, daemon_process
from process import HERE, cpu_seconds, line_of, rss_mb, running, tell
from result import Figure, Run, middle, say

STARTS = 10
INSTRUMENTS = 3000
STREAMS = 2
SETTLING = 10.0  # seconds
STREAMED = 30.0  # seconds
IDLE = 60.0  # seconds


async def _starts(run: Run) -> None:
    wall, cpu = [], []
    async with simulated(LIVE) as broker:
        for nth in range(STARTS + 1):
            async with daemon_process(None, broker, token=await broker.mint()) as daemon:
                if nth:  # the first one compiles
                    wall.append(daemon.ready - daemon.started)
                    cpu.append(cpu_seconds(daemon.pid))
    run.add(Figure(name="start to READY=1", value=middle(wall), unit="s", samples=STARTS, at_most=2.0, rounds=wall))
    run.add(
        Figure(
            name="CPU from start to READY=1",
            value=middle(cpu),
            unit="s",
            samples=STARTS,
            rounds=cpu,
            note="with the first milliseconds of what follows it",
        )
    )


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took while it streamed."""

    cpu: float
    rss: float

    @classmethod
    async def of(cls, *pids: int) -> list[Cost]:
        """Of several processes over the same time."""
        before, begun = [cpu_seconds(pid) for pid in pids], time.monotonic()
        await asyncio.sleep(STREAMED)
        took = time.monotonic() - begun
        used = [100 * (cpu_seconds(pid) - spent) / took for pid, spent in zip(pids, before, strict=True)]
        return [cls(cpu, rss_mb(pid)) for pid, cpu in zip(pids, used, strict=True)]


async def _stream(more: str) -> list[Cost]:
    """The daemon's cost and the peer's; `more` is of the daemon's settings."""
    async with simulated(LIVE, tick_seconds=1.0) as broker:
        peer = running(sys.executable, str(HERE / "ticker.py"), broker.ws_url, str(INSTRUMENTS), core=0)
        desk = daemon_process(LIVE, broker, count=INSTRUMENTS, token=await broker.mint(), more=more)
        async with desk as daemon, peer as ticker:
            heard = asyncio.create_task(_hear(ticker), name="the peer's ticks")
            await tell(ticker, await broker.mint())
            await asyncio.sleep(SETTLING)
            streamed = await daemon.ticks()
            costs = await Cost.of(daemon.pid, ticker.pid)
            streamed = await daemon.ticks() - streamed
            heard.cancel()
    if min(streamed, await heard) < 0.9 * INSTRUMENTS * STREAMED:
        raise RuntimeError(f"the broker was too slow: {streamed} ticks reached the desk, {await heard} the peer")
    return costs


async def _streaming(run: Run, what: str, goal: float | None, more: str) -> None:
    ours, peers = zip(*[await _stream(more) for _ in range(STREAMS)], strict=True)
    for name, unit, limit, own, theirs in (
        (f"RSS while streaming 3,000 instruments{what}", "MB", goal, [c.rss for c in ours], [c.rss for c in peers]),
        (
            f"CPU while streaming 3,000 instruments, once a second each{what}",
            "% of a core",
            None,
            [c.cpu for c in ours],
            [c.cpu for c in peers],
        ),
    ):
        run.add(
            Figure(
                name=name,
                value=middle(own),
                unit=unit,
                samples=STREAMS,
                at_most=limit,
                peer="official KiteTicker",
                peer_value=middle(theirs),
                ratio=middle([b / a for a, b in zip(own, theirs, strict=True)]),
                rounds=own,
                note="the whole daemon against a process that holds nothing but the ticker",
            )
        )


async def _hear(ticker: Process) -> int:
    ticks = 0
    try:
        while True:
            ticks += (await line_of(ticker))[1]
    except asyncio.CancelledError:
        return ticks


async def _idle(run: Run, moment: datetime) -> None:
    async with simulated(moment) as broker, daemon_process(moment, broker, token=await broker.mint()) as daemon:
        await asyncio.sleep(5)
        before, begun = cpu_seconds(daemon.pid), time.monotonic()
        await asyncio.sleep(IDLE)
        used = 100 * (cpu_seconds(daemon.pid) - before) / (time.monotonic() - begun)
        rss = rss_mb(daemon.pid)
    run.add(
        Figure(
            name="CPU while the market is closed",
            value=used,
            unit="% of a core",
            samples=1,
            at_most=0.5,
            note=f"over {IDLE:.0f} s",
        )
    )
    run.add(Figure(name="RSS while the market is closed", value=rss, unit="MB", samples=1))


async def _all() -> None:
    run = Run(__file__)
    say(f"start.py: {STARTS} starts, then {STREAMS} x {STREAMED:.0f} s of streaming, then {IDLE:.0f} s of nothing")
    await _starts(run)
    await _streaming(run, "", 60.0, "[journal]\nrecord = false\n")
    await _streaming(run, ", recorded in journal and SQLite", None, "")
    await _idle(run, CLOSED)
    run.keep()


if __name__ == "__main__":
    asyncio.run(_all())
