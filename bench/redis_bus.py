"""What Redis takes, and how soon another process has it: the sink beside the original's way and cryptofeed's.

Debian's Redis 7.0 with an append-only file, synced each second. The file is in memory, since 130 MB a second measure a
disk and not a bus; what this machine's disk leaves of our rate stands below. Ours: full ticks with depth, packed and
sent in batches of 500, an entry each, the next one packed while the server takes this one. The peers run in a process
of their own, each as it does its work: the original feed sends two commands for each tick and waits for both;
cryptofeed's TradeStream and BookStream write an entry for each trade or book, in bursts of 500 from their queue, the
trade without any depth. All take turns in rounds; ticks a second of wall time, and CPU time of writer and server
together; a ratio is the median of the rounds' ratios.

Then latency: 10,000 ticks a second for ten seconds, received every millisecond, one sink, and a reader in another
process that turns them into ticks again; how old each one is then, the wait for its batch included.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from process import HERE, ask, cpu_seconds, line_of, pin, running
from result import Figure, Run, high, say

from tradewarden.feed.record import SIZE, Frame, pack
from tradewarden.feed.sinks.redis import RedisSink
from tradewarden.feed.sinks.sink import Sink
from tradewarden.feed.sinks.zmq import ZmqSink

sys.path.insert(0, str(HERE.parent / "tests" / "support"))

from servers.process import free_port
from servers.redis import RedisProcess, redis_server
from ticks import ticks

ROUNDS = 9
BATCH, BATCHES = 500, 300
PEERS = {"original": (2000, 1), "awaited": (1000, 1), "trades": (5000, 500), "books": (3000, 500)}
RATE, SECONDS, EVERY = 10_000, 10, 0.001
RECORDERS = HERE.parent / ".venv-bench" / "recorders" / "bin" / "python"
MEMORY, DISK = "/dev/shm", "/var/tmp"


NAMES = {
    "original": ("the original's two commands a tick", "one by one, blocking client", 100.0),
    "awaited": ("the same with the asyncio client", "one by one, asyncio client", 100.0),
    "trades": ("cryptofeed's trades", "cryptofeed TradeStream", 20.0),
    "books": ("cryptofeed's books", "cryptofeed BookStream", 40.0),
}
Measured = tuple[int, float, float]  # ticks, seconds of wall time, seconds of CPU time


@dataclass(frozen=True, slots=True)
class Cost:
    """Ticks a second, and microseconds of CPU a tick on both sides."""

    rate: float
    cpu: float


class Ours:
    """The sink with ticks that never end."""

    def __init__(self, server: RedisProcess) -> None:
        self.sink = RedisSink(url=server.url, keep_ticks=200_000)
        self._ticks = [tick for tick in ticks(4 * BATCH) if tick.depth_block is not None][:BATCH]
        self._next = 1

    async def measure(self) -> Measured:
        """Packing included: of the next batch while the server takes this one, as the recorder beside a sink does."""
        begun, cpu = time.perf_counter(), time.process_time()
        records = b"".join(map(pack, self._ticks))
        for _ in range(BATCHES):
            writing = asyncio.create_task(self.sink.write([Frame(self._next, BATCH, time.time_ns(), records)]))
            await asyncio.sleep(0)  # now it is on its way
            records = b"".join(map(pack, self._ticks))
            await writing
            self._next += BATCH
        return BATCH * BATCHES, time.perf_counter() - begun, time.process_time() - cpu


async def rounds(measures: dict[str, Callable[[], Awaitable[Measured]]], server: int) -> dict[str, list[Cost]]:
    """Each measure in turn, so many times; the first round warms everybody up."""
    found: dict[str, list[Cost]] = {name: [] for name in measures}
    for nth in range(ROUNDS + 1):
        for name, measure in measures.items():
            before = cpu_seconds(server)
            count, wall, cpu = await measure()
            if nth:
                found[name].append(Cost(count / wall, 1e6 * (cpu + cpu_seconds(server) - before) / count))
    return found


async def rates(run: Run, server: RedisProcess) -> None:
    """Ours beside the peers', on the same server."""
    ours = Ours(server)
    await ours.sink.open()
    async with running(str(RECORDERS), str(HERE / "peer_redis.py"), str(server.port)) as peer:
        await line_of(peer)

        async def other(who: str) -> Measured:
            count, burst = PEERS[who]
            wall, cpu = await ask(peer, [who, count, burst])
            return count, float(wall), float(cpu)

        found = await rounds({"ours": ours.measure} | {who: partial(other, who) for who in PEERS}, server.pid)
    for who, (beside, peer_name, goal) in NAMES.items():
        pairs = list(zip(found["ours"], found[who], strict=True))
        figure = partial(Figure, samples=ROUNDS, peer=peer_name)
        run.add(
            figure(
                name=f"Redis, beside {beside}",
                value=median(mine.rate for mine, _ in pairs),
                unit="ticks/s",
                rounds=[mine.rate for mine, _ in pairs],
                peer_value=median(theirs.rate for _, theirs in pairs),
                ratio=median(mine.rate / theirs.rate for mine, theirs in pairs),
                ratio_at_least=goal,
            )
        )
        run.add(
            figure(
                name=f"Redis, CPU of writer and server, beside {beside}",
                value=median(mine.cpu for mine, _ in pairs),
                unit="µs a tick",
                rounds=[mine.cpu for mine, _ in pairs],
                peer_value=median(theirs.cpu for _, theirs in pairs),
                ratio=median(theirs.cpu / mine.cpu for mine, theirs in pairs),
            )
        )
    (stream,) = await ours.sink.tables()
    size = (stream.bytes or 0) / (stream.rows or 1)
    run.add(Figure(name="Redis, a tick in its memory", value=size, unit="bytes", samples=stream.rows or 0))
    await ours.sink.close()


async def on_disk(run: Run, server: RedisProcess) -> None:
    """Ours alone, where each tick is written to a disk that others use too."""
    ours = Ours(server)
    await ours.sink.open()
    found = (await rounds({"ours": ours.measure}, server.pid))["ours"]
    await ours.sink.close()
    name, values = "Redis, with its file on the disk", [cost.rate for cost in found]
    run.add(Figure(name=name, value=median(values), unit="ticks/s", samples=ROUNDS, rounds=values))


async def latency(run: Run, name: str, sink: Sink, *reader: str) -> None:
    """How old ticks are when another process has them; `reader` is the kind of bus and its address."""
    count = RATE * SECONDS
    some = [tick for tick in ticks(2000) if tick.depth_block is not None]
    records = b"".join(map(pack, some[:1000]))
    async with running(sys.executable, str(HERE / "bus_reader.py"), *reader, str(count), core=1) as process:
        await line_of(process)
        await asyncio.sleep(1)  # a ZeroMQ publisher must have heard of its subscriber
        sent, begun = 0, time.perf_counter()
        while sent < count:
            due = min(count, int((time.perf_counter() - begun) * RATE) + 1)
            if due > sent:
                start = sent % 500
                cut = records[start * SIZE : (start + due - sent) * SIZE]
                frame = Frame(sent + 1, len(cut) // SIZE, time.monotonic_ns(), cut)
                await sink.write([frame])
                sent += frame.count
            await asyncio.sleep(EVERY)
        ages = await line_of(process, patience=60)
    for which, share, goal in (("p50", 0.5, 1.0 if "redis" in reader else None), ("p99", 0.99, None)):
        run.add(Figure(name=f"{name}, {which}", value=high(ages, share), unit="ms", samples=len(ages), at_most=goal))


async def _all() -> None:
    run = Run(__file__)
    say(f"redis_bus.py: {ROUNDS} rounds of five writers, then {SECONDS} s at {RATE} ticks a second, twice")
    async with AsyncExitStack() as stack:
        folders = [Path(stack.enter_context(tempfile.TemporaryDirectory(dir=place))) for place in (MEMORY, DISK)]
        server, slow = [await stack.enter_async_context(redis_server(folder / "redis")) for folder in folders]
        await rates(run, server)
        await server.ask("FLUSHALL")
        await on_disk(run, slow)
        await slow.kill()
        pin(0)  # and the reader on the other core
        sink = RedisSink(url=server.url)
        await sink.open()
        await latency(run, "Redis, from one process to another at 10,000 ticks/s", sink, "redis", server.url)
        await sink.close()
        port = free_port()
        publisher = ZmqSink(port=port)
        await publisher.open()
        url = f"tcp://127.0.0.1:{port}"
        await latency(run, "ZeroMQ, from one process to another at 10,000 ticks/s", publisher, "zmq", url)
        await publisher.close()
    run.keep()


if __name__ == "__main__":
    asyncio.run(_all())
