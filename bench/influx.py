"""What InfluxDB takes: the sink beside cryptofeed's writer and the official client of 1.x, on the same server.

Debian's InfluxDB 1.6 on this machine's disk. The sink's figures are for whole batches as it writes them, its position
included: 24 fields of a tick with the best bid and offer. cryptofeed's TradeInflux gets bursts of 500 trades of four
fields and posts each by itself; the official client gets points of 24 fields, 5,000 at once. They take turns in rounds;
points a second of wall time, the ratio the median of the rounds' ratios. Bars, which the others do not make, are
measured by themselves. Charts are asked as a person would: a day of one instrument by the minute, a month by the hour.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from process import HERE, ask, cpu_seconds, line_of, running
from result import Figure, Run, say
from rounds import Turn, Writer, compare, take_turns

from tradewarden.feed.names import Names
from tradewarden.feed.record import Frame
from tradewarden.feed.sinks.influx import InfluxSink
from tradewarden.feed.sinks.influx_database import InfluxDatabase

sys.path.insert(0, str(HERE.parent / "tests" / "support"))

from servers.influxdb import Influxdb
from ticks import frames

ROUNDS = 5
BATCHES = {500: 30, 5000: 6}
CRYPTOFEED = (1000, 500)
OFFICIAL = (10_000, 5000)
STORED = 200_000
SETTLED = 60.0  # seconds for the server to put it into its files
RECORDERS = HERE.parent / ".venv-bench" / "recorders" / "bin" / "python"
DISK = "/var/tmp"
MINUTE = 60_000_000_000
SESSION, MONTH = 375, 21  # minutes of a day, days of a month


class Desk:
    """The sink with ticks that never end."""

    def __init__(self, url: str, database: str) -> None:
        self.sink = InfluxSink(names=Names(Path("no dump")), url=url, database=database, bars=False)
        self._made = frames(5000)
        self._next = 1
        self._began = time.time_ns() - 6 * 3600 * 1_000_000_000

    def batch(self, count: int, every_ns: int = 1_000_000) -> list[Frame]:
        """So many fresh ticks, 50 a frame."""
        some = []
        for frame in self._made[: count // 50]:
            received = self._began + self._next * every_ns
            some.append(Frame(self._next, frame.count, received, frame.records))
            self._next += frame.count
        return some

    def span(self) -> tuple[int, int]:
        """From when to when its ticks are, in nanoseconds."""
        return self._began, self._began + self._next * 1_000_000

    async def turn(self, batch: int) -> Turn:
        """Whole batches as the runner hands them over."""
        made = [self.batch(batch) for _ in range(BATCHES[batch])]
        begun, cpu = time.perf_counter(), time.process_time()
        for some in made:
            await self.sink.write(some)
        return Turn(batch * len(made), time.perf_counter() - begun, time.process_time() - cpu)


async def writers(run: Run, server: Influxdb) -> None:
    """Ours, cryptofeed's, and the official client's."""
    await server.ask("CREATE DATABASE peers")
    desk = Desk(server.url, await server.new_database())
    await desk.sink.open()
    async with running(str(RECORDERS), str(HERE / "peer_influx.py"), server.url) as process:
        await line_of(process)

        async def peer(who: str, points: int, batch: int) -> Turn:
            wall, cpu = await ask(process, [who, points, batch])
            return Turn(points, wall, cpu)

        ours, large, crypto, official = measured = [
            *(Writer(f"batches of {batch:,}", lambda batch=batch: desk.turn(batch)) for batch in BATCHES),
            Writer("cryptofeed TradeInflux", lambda: peer("cryptofeed", *CRYPTOFEED)),
            Writer("influxdb 5.3.2", lambda: peer("official", *OFFICIAL)),
        ]
        await take_turns(measured, ROUNDS, server.pid)
    compare(run, "InfluxDB", ours, crypto, 20.0)
    compare(run, "InfluxDB", large, official, 2.0)
    run.add(Figure(name="InfluxDB, CPU of the sink", value=median(large.own), unit="µs a tick", samples=ROUNDS))
    await desk.sink.close()


async def size(run: Run, server: Influxdb, place: Path) -> None:
    """Bytes a tick on the disk, once the server has put it into its files, and what bars add and cost."""
    database = await server.new_database()
    desk = Desk(server.url, database)
    await desk.sink.open()
    for _ in range(STORED // 5000):
        await desk.sink.write(desk.batch(5000))
    if not isinstance(desk.sink.database, InfluxDatabase):
        raise TypeError("this is no InfluxDB")
    begun = cpu_seconds(server.pid)
    await desk.sink.database.make_bars(*desk.span())
    bars = cpu_seconds(server.pid) - begun
    await desk.sink.close()
    log = place / "wal" / database / "high_frequency"
    until = time.monotonic() + SETTLED
    while _bytes(log) > 10_000:  # it moves what is cold from there into its files
        if time.monotonic() > until:
            raise RuntimeError(f"after {SETTLED} s there are still {_bytes(log)} bytes in InfluxDB's log")
        await asyncio.sleep(0.5)
    raw = _bytes(place / "data" / database / "high_frequency")
    run.add(Figure(name="InfluxDB, a tick on the disk", value=raw / STORED, unit="bytes", samples=STORED))
    run.add(Figure(name="InfluxDB, CPU of the server for bars", value=bars / STORED * 1e6, unit="µs a tick", samples=1))


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


async def charts(run: Run, server: Influxdb) -> None:
    """A month of one instrument as the sink keeps it, and what a person asks of it."""
    database = await server.new_database()
    desk = Desk(server.url, database)
    await desk.sink.open()
    chance, now = random.Random(3), time.time_ns()
    begin = now - now % MINUTE - MONTH * 24 * 60 * MINUTE
    for day in range(MONTH):
        seconds, minutes = [], []
        for second in range(SESSION * 60):
            price, at = 150_000 + chance.randrange(2000), begin + day * 24 * 60 * MINUTE + second * (MINUTE // 60)
            bar = f"open={price}e-2,high={price + 9}e-2,low={price - 9}e-2,close={price}e-2,ticks=3i,volume={second}i"
            seconds.append(f"bars_1s,instrument=408065 {bar} {at}")
            if second % 60 == 0:
                minutes.append(f"bars_1m,instrument=408065 {bar} {at}")
        await desk.sink.post("\n".join(seconds), "default")
        await desk.sink.post("\n".join(minutes), "long_term")
    await desk.sink.close()
    last = begin + (MONTH - 1) * 24 * 60 * MINUTE
    what = "first(open), max(high), min(low), last(close) FROM"
    for name, source, since, width in (
        ("a day of one instrument by the minute", '"default".bars_1s', last, "1m"),
        ("a month of one instrument by the hour", "long_term.bars_1m", begin, "1h"),
    ):
        question = (
            f"SELECT {what} {source} WHERE instrument='408065' AND time >= {since} GROUP BY time({width}) fill(none)"
        )
        took = []
        for _ in range(11):
            begun = time.perf_counter()
            answer = await server.ask(question, database)
            took.append((time.perf_counter() - begun) * 1e3)
        if len(answer[0]["values"]) < SESSION // 60 * MONTH:
            raise RuntimeError(f"{name}: only {len(answer[0]['values'])} bars")
        run.add(
            Figure(name=f"InfluxDB, chart: {name}", value=median(took), unit="ms", samples=len(took), at_most=100.0)
        )


async def measure(run: Run) -> None:
    with tempfile.TemporaryDirectory(dir=DISK) as folder:
        usual, quick = Path(folder) / "usual", Path(folder) / "quick"
        for place in (usual, quick):
            place.mkdir()
        server = Influxdb(usual)
        server.start()
        try:
            await writers(run, server)
            await charts(run, server)
        finally:
            server.kill()
        server = Influxdb(quick, DATA_CACHE_SNAPSHOT_WRITE_COLD_DURATION="3s")
        server.start()
        try:
            await size(run, server, quick)
        finally:
            server.kill()


def main() -> None:
    run = Run(__file__)
    say(f"influx.py: {ROUNDS} rounds, a minute")
    asyncio.run(measure(run))
    run.keep()


if __name__ == "__main__":
    main()
