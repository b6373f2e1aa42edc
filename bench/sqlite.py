"""What SQLite takes: the sink with every tick beside vnpy's database, each in its own file on the same disk.

The sink's figures are for whole batches as the runner hands them over: ticks with depth, newest quotes, bars, names and
the cursor in one transaction; as it is shipped (WAL, a sync at each checkpoint, the journal behind it), and with a sync
at each commit, as vnpy does it. That is `save_tick_data` of vnpy_sqlite in an environment of its own, ticks with five
levels. They take turns in rounds; ticks a second of wall time, the ratio the median of the rounds' ratios.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from process import HERE, ask, line_of, running
from result import Figure, Run, say
from rounds import Turn, Writer, alone, compare

from tradewarden.feed.names import Names
from tradewarden.feed.record import Frame
from tradewarden.feed.sinks.sqlite import SqliteSink

sys.path.insert(0, str(HERE.parent / "tests" / "support"))

from ticks import frames

ROUNDS = 5
BATCHES = {500: 40, 5000: 8}
VNPY = {1: 50, 500: 3}
RECORDERS = HERE.parent / ".venv-bench" / "recorders" / "bin" / "python"
DISK = "/var/tmp"


class Desk:
    """The sink with ticks that never end."""

    def __init__(self, path: Path, *, ticks: bool = True) -> None:
        self.path = path
        self.sink = SqliteSink(path=path, names=Names(Path("no dump")), ticks=ticks, ticks_days=3650, bars_days=3650)
        self._made = frames(5000)
        self._next = 1

    def _batch(self, count: int) -> list[Frame]:
        """So many fresh ticks, 50 a frame."""
        some = []
        for frame in self._made[: max(1, count // 50)]:
            taken = min(count, frame.count)
            records = frame.records[: taken * (len(frame.records) // frame.count)]
            some.append(Frame(self._next, taken, frame.received_ns, records))
            self._next += taken
        return some

    async def turn(self, batch: int, *, full: bool = False) -> Turn:
        """Whole batches, one after the other."""
        made = [self._batch(batch) for _ in range(BATCHES[batch])]
        level = "FULL" if full else "NORMAL"
        await self.sink._in_thread(lambda: self.sink._file.execute(f"PRAGMA synchronous = {level}"))  # noqa: SLF001
        begun, cpu = time.perf_counter(), time.process_time()
        for some in made:
            await self.sink.write(some)
        return Turn(
            sum(frame.count for some in made for frame in some), time.perf_counter() - begun, time.process_time() - cpu
        )


async def writers(run: Run, place: Path) -> None:
    """Ours, and vnpy's."""
    desk, lean = Desk(place / "all.db"), Desk(place / "bars.db", ticks=False)
    await desk.sink.open()
    await lean.sink.open()
    peer = (str(RECORDERS), str(HERE / "peer_vnpy.py"), "sqlite", "0", "-", "-")
    async with running(*peer, env={"TMPDIR": DISK}) as process:
        await line_of(process)

        async def vnpy(batch: int) -> Turn:
            wall, cpu = await ask(process, [batch, VNPY[batch]])
            return Turn(batch * VNPY[batch], wall, cpu)

        full = Writer("batches of 500, a sync each", lambda: desk.turn(500, full=True))
        ours, large = (Writer(f"batches of {batch:,}", lambda batch=batch: desk.turn(batch)) for batch in BATCHES)
        bars = Writer("batches of 500, quotes and bars only", lambda: lean.turn(500))
        slow = Writer("vnpy_sqlite, one tick at a time", lambda: vnpy(1))
        many = Writer("vnpy_sqlite, 500 at once", lambda: vnpy(500))
        for nth in range(ROUNDS + 1):
            for writer in (full, ours, large, bars, slow, many):
                turn = await writer.write()
                if nth:  # the round before them warms everybody up
                    writer.rates.append(turn.count / turn.wall)
                    writer.costs.append(turn.cpu / turn.count * 1e6)
    compare(run, "SQLite", ours, many, 15.0)
    compare(run, "SQLite", full, many, None)
    for writer in (large, bars):
        alone(run, "SQLite", writer)
    alone(run, "SQLite", slow, "as its recorder gets them when the market is quiet")
    rows = next(table.rows for table in await desk.sink.tables() if table.name == "ticks") or 1
    await desk.sink.close()
    await lean.sink.close()
    size = desk.path.stat().st_size / rows
    run.add(Figure(name="SQLite, a tick with its depth", value=size, unit="bytes", samples=rows))


async def measure(run: Run) -> None:
    with tempfile.TemporaryDirectory(dir=DISK) as place:
        await writers(run, Path(place))


def main() -> None:
    run = Run(__file__)
    say(f"sqlite.py: {ROUNDS} rounds, a minute")
    asyncio.run(measure(run))
    run.keep()


if __name__ == "__main__":
    main()
