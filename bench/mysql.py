"""What MariaDB takes: the sink beside one row at a time and beside vnpy's database, on the same server.

A MariaDB of Debian with a 512 MB buffer pool, every commit on its disk. The sink's figures are for whole batches as it
writes them: ticks with depth, newest quotes and depths, names, days and position in one transaction. One row at a time
is one INSERT a tick with autocommit over the same driver, and nothing else. vnpy's is `save_tick_data` of vnpy_mysql
in an environment of its own, ticks with five levels. They take turns in rounds; ticks a second of wall time, the ratio
the median of the rounds' ratios.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from process import HERE, ask, line_of, running
from result import Figure, Run, high, say
from rounds import Turn, Writer, alone, compare, take_turns

from tradewarden.feed.names import Names
from tradewarden.feed.record import Frame, rows
from tradewarden.feed.sinks.mysql import MysqlSink
from tradewarden.feed.sinks.mysql_retained import MysqlRetained
from tradewarden.feed.sinks.retained import DAY_NS

sys.path.insert(0, str(HERE.parent / "tests" / "support"))

from servers.mariadb import PASSWORD, USER, Mariadb
from ticks import frames

ROUNDS = 5
BATCHES = {50: 100, 500: 30, 5000: 6}
ONE_BY_ONE = 1000
VNPY = {1: 100, 500: 4}
OLD = 200_000  # ticks that a cleanup deletes
RECORDERS = HERE.parent / ".venv-bench" / "recorders" / "bin" / "python"
DISK = "/var/tmp"
SERVER = (
    "--innodb-buffer-pool-size=512M",
    "--innodb-log-file-size=512M",
    "--innodb-flush-method=fsync",
    "--innodb-flush-log-at-trx-commit=1",
)


class Desk:
    """The sink with ticks that never end."""

    def __init__(self, server: Mariadb, database: str, *, depth: bool = True) -> None:
        self.sink = MysqlSink(
            names=Names(Path("no dump")),
            host=server.host,
            port=server.port,
            user=USER,
            password=PASSWORD,
            database=database,
            depth=depth,
        )
        self._made = frames(5000)
        self._next = 1

    def batch(self, count: int, *, days_ago: int = 0) -> list[Frame]:
        """So many fresh ticks, 50 a frame."""
        some = []
        for frame in self._made[: max(1, count // 50)]:
            taken = min(count, frame.count)
            records = frame.records[: taken * (len(frame.records) // frame.count)]
            some.append(Frame(self._next, taken, frame.received_ns - days_ago * DAY_NS, records))
            self._next += taken
        return some

    async def turn(self, batch: int) -> Turn:
        """Whole batches as the runner hands them over."""
        made = [self.batch(batch) for _ in range(BATCHES[batch])]
        begun, cpu = time.perf_counter(), time.process_time()
        for some in made:
            await self.sink.write(some)
        return Turn(batch * len(made), time.perf_counter() - begun, time.process_time() - cpu)

    async def one_by_one(self) -> Turn:
        """The same, an INSERT each; the rows of each kind are the sink's."""
        statements = [self.sink.text.ticks([row]) for row in rows(self.batch(ONE_BY_ONE))]
        await self.sink.server.ask("SET autocommit=1")
        begun, cpu = time.perf_counter(), time.process_time()
        for statement in statements:
            await self.sink.server.ask(statement)
        turn = Turn(len(statements), time.perf_counter() - begun, time.process_time() - cpu)
        await self.sink.server.ask("SET autocommit=0")
        return turn


async def writers(run: Run, server: Mariadb) -> None:
    """Ours, one by one, and vnpy's."""
    desk = Desk(server, await server.new_database())
    await desk.sink.open()
    await server.ask("CREATE DATABASE vnpy")
    peer = (str(RECORDERS), str(HERE / "peer_vnpy.py"), "mysql", str(server.port), USER, PASSWORD)
    async with running(*peer) as process:
        await line_of(process)

        async def vnpy(batch: int) -> Turn:
            wall, cpu = await ask(process, [batch, VNPY[batch]])
            return Turn(batch * VNPY[batch], wall, cpu)

        fifty, ours, large, single, slow, many = measured = [
            *(Writer(f"batches of {batch:,}", lambda batch=batch: desk.turn(batch)) for batch in BATCHES),
            Writer("one INSERT a tick", desk.one_by_one),
            Writer("vnpy_mysql, one tick at a time", lambda: vnpy(1)),
            Writer("vnpy_mysql, 500 at once", lambda: vnpy(500)),
        ]
        await take_turns(measured, ROUNDS, server.pid)
    compare(run, "MariaDB", ours, single, 10.0)
    compare(run, "MariaDB", ours, many, 10.0)
    for writer in (fifty, large):
        alone(run, "MariaDB", writer)
    alone(run, "MariaDB", slow, "as its recorder gets them when the market is quiet")
    await desk.sink.close()


async def sizes(run: Run, server: Mariadb) -> None:
    """Bytes a tick on the disk."""
    for depth in (True, False):
        database = await server.new_database()
        desk = Desk(server, database, depth=depth)
        await desk.sink.open()
        for _ in range(40):
            await desk.sink.write(desk.batch(5000))
        await desk.sink.close()
        await server.ask("ANALYZE TABLE ticks", database=database)
        ((size,),) = await server.ask(
            "SELECT data_length + index_length FROM information_schema.tables"
            f" WHERE table_schema='{database}' AND table_name='ticks'"
        )
        name = "with" if depth else "without"
        run.add(
            Figure(name=f"MariaDB, a tick {name} its depth", value=int(size) / 200_000, unit="bytes", samples=200_000)
        )


async def cleanup(run: Run, server: Mariadb) -> None:
    """Old days go while new ticks come."""
    database = await server.new_database()
    desk = Desk(server, database)
    await desk.sink.open()
    for _ in range(OLD // 5000):
        await desk.sink.write(desk.batch(5000, days_ago=9))
    quiet = await _latencies(desk, asyncio.ensure_future(asyncio.sleep(2)))
    other = Desk(server, database).sink
    other.keep_days = 1
    begun = time.perf_counter()
    deleting = asyncio.ensure_future(MysqlRetained(other).cleanup(frames(1)[0].received_ns))
    busy = await _latencies(desk, deleting)
    took = time.perf_counter() - begun
    await desk.sink.close()
    run.add(Figure(name="MariaDB, a cleanup deletes", value=OLD / took, unit="ticks/s", samples=OLD))
    run.add(Figure(name="MariaDB, commit of 50 ticks, p99", value=high(quiet) * 1e3, unit="ms", samples=len(quiet)))
    run.add(
        Figure(
            name="MariaDB, commit of 50 ticks during a cleanup, p99",
            value=high(busy) * 1e3,
            unit="ms",
            samples=len(busy),
            at_most=250.0,
        )
    )


async def _latencies(desk: Desk, until: asyncio.Future[object]) -> list[float]:
    """Seconds of each commit, twenty batches of 50 a second."""
    found = []
    while not until.done():
        some, begun = desk.batch(50), time.perf_counter()
        await desk.sink.write(some)
        found.append(time.perf_counter() - begun)
        await asyncio.sleep(0.05)
    await until
    return found


async def measure(run: Run) -> None:
    with tempfile.TemporaryDirectory(dir=DISK) as place:
        server = Mariadb(Path(place), *SERVER)
        server.start()
        try:
            await writers(run, server)
            await sizes(run, server)
            await cleanup(run, server)
        finally:
            server.kill()


def main() -> None:
    run = Run(__file__)
    say(f"mysql.py: {ROUNDS} rounds, a minute")
    asyncio.run(measure(run))
    run.keep()


if __name__ == "__main__":
    main()
