"""What a stored tick weighs, and how long a question about a day of them takes.

A made-up market (bench/market.py: 128 instruments, full ticks, five levels of depth) is sealed as the daemon does it, a
piece of 250,000 records at a time: sorted, delta-packed, zstd. Then the two questions of a chart are asked about the
fifth busiest instrument, one tick in 27, first of 5 million ticks, then of a day of 40 million: bars of 100 ticks, and
the volume at each price. The 40 million are the 5 million eight times over with other numbers and times. The questions
are asked in one process that is set up as `tradewarden query` does it (two threads, 512 MB); the value is the best of
the rounds after the first, since neighbours only ever add, and a process from its start stands on a line of its own.
It takes 2 GB of disk in the temporary folder.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from market import Market
from result import Figure, Run, say

from tradewarden.feed import cursor
from tradewarden.feed.names import Names
from tradewarden.feed.query import Question, Ticks
from tradewarden.feed.record import NANOSECONDS, SIZE, Frame
from tradewarden.feed.sinks.parquet_files import kept, path_of, split_by_hour
from tradewarden.feed.sinks.parquet_table import table, write

OPENING = 1_795_405_500  # 2026-11-23 09:15 IST
HOURS = 6.25  # of a trading day
PIECE = 250_000
PIECES = 20  # made: 5 million ticks
OVER = 8  # 40 million
DAY = "2026-11-23"
INSTRUMENT = 1004 << 8 | 2  # the fifth busiest
ROUNDS = 15
QUESTIONS = {
    "bars of 100 ticks": f"FROM tick_bars({INSTRUMENT}, '{DAY}')",
    "volume profile": f"FROM volume_profile({INSTRUMENT}, '{DAY}')",
}


class Store:
    """Sealed ticks in a folder."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.ticks = 0
        self.cpu = 0.0  # seconds of sealing
        self._names = Names(place / "instruments.json")

    def seal(self, frames: list[Frame]) -> None:
        """One piece more."""
        begun = time.process_time()
        for hour, part in split_by_hour(frames):
            path = path_of(self.place / "ticks", hour, part[0].first_seq)
            path.parent.mkdir(parents=True, exist_ok=True)
            write(table(part, self._names), path)
        self.cpu += time.process_time() - begun
        self.ticks += sum(frame.count for frame in frames)
        cursor.save(self.place / "journal", "parquet", self.ticks)

    def question(self, sql: str) -> Question:
        """As the command line asks it."""
        return Question(
            sql=sql,
            ticks=self.place / "ticks",
            journal=self.place / "journal",
            names=self.place / "instruments.json",
            rows=1000,
            bytes=1 << 20,
            seconds=120,
            memory_mb=512,
            threads=2,
        )

    def asked(self, sql: str) -> tuple[list[float], int]:
        """How many milliseconds the answer takes, round by round, and how many rows it has."""
        took = []
        with Ticks(self.question(sql)) as ticks:
            for _ in range(ROUNDS + 1):
                begun = time.perf_counter()
                rows = ticks._db.sql(sql).to_arrow_table().num_rows  # noqa: SLF001 - the answer without its way into JSON
                took.append((time.perf_counter() - begun) * 1e3)
        return took[1:], rows

    def asked_by_a_process(self, sql: str) -> float:
        """Milliseconds from the command to its answer, the process's start included."""
        told = {name: str(value) if isinstance(value, Path) else value for name, value in _fields(self.question(sql))}
        begun = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "tradewarden.feed.query"],
            input=json.dumps(told).encode(),
            check=True,
            capture_output=True,
        )
        return (time.perf_counter() - begun) * 1e3


def _fields(question: Question) -> Iterator[tuple[str, Any]]:
    return ((name, getattr(question, name)) for name in question.__dataclass_fields__)


def _pieces() -> list[list[Frame]]:
    market, rate = Market(seed=5), PIECE * PIECES * OVER / (HOURS * 3600)
    made = []
    for nth in range(PIECES):
        begin = OPENING * NANOSECONDS + int(nth * PIECE / rate * NANOSECONDS)
        made.append(list(market.frames(PIECE, 1 + nth * PIECE, begin, rate)))
        say(f"  {(nth + 1) * PIECE:,} ticks made")
    return made


def _later(frames: list[Frame], times: int) -> list[Frame]:
    """The same ticks with the numbers and times of a later stretch of the day."""
    ticks = times * PIECE * PIECES
    time_ns = int(ticks / (PIECE * PIECES * OVER) * HOURS * 3600 * NANOSECONDS)
    return [Frame(frame.first_seq + ticks, frame.count, frame.received_ns + time_ns, frame.records) for frame in frames]


def _weight(run: Run, store: Store) -> None:
    held = kept(store.place / "ticks")
    run.add(
        Figure(
            name="bytes a tick in Parquet, five-level depth",
            value=held.bytes / store.ticks,
            unit="bytes",
            samples=store.ticks,
            at_most=60.0,
            peer="a record of the journal",
            peer_value=float(SIZE),
            ratio=SIZE * store.ticks / held.bytes,
        )
    )
    run.add(Figure(name="sealing a tick", value=store.cpu / store.ticks * 1e6, unit="µs CPU", samples=store.ticks))


def _questions(run: Run, store: Store, ticks: str, at_most: float | None = None) -> None:
    for name, sql in QUESTIONS.items():
        took, rows = store.asked(sql)
        run.add(
            Figure(
                name=f"{name} over {ticks} ticks",
                value=min(took),
                unit="ms",
                samples=ROUNDS,
                at_most=at_most,
                rounds=took,
                note=f"{rows:,} rows",
            )
        )
    cold = [store.asked_by_a_process(QUESTIONS["volume profile"]) for _ in range(3)]
    run.add(
        Figure(
            name=f"volume profile over {ticks} ticks, a process of its own from its start",
            value=min(cold),
            unit="ms",
            samples=len(cold),
            rounds=cold,
        )
    )


def main() -> None:
    run = Run(__file__)
    say(f"query.py: {PIECE * PIECES:,} ticks are made, then sealed {OVER} times over: five minutes")
    with tempfile.TemporaryDirectory(prefix="tradewarden-query-") as folder:
        place = Path(folder)
        (place / "journal").mkdir()
        store = Store(place)
        pieces = _pieces()
        for piece in pieces:
            store.seal(piece)
        _weight(run, store)
        _questions(run, store, "5 million", at_most=100.0)
        for times in range(1, OVER):
            for piece in pieces:
                store.seal(_later(piece, times))
            say(f"  {store.ticks:,} ticks sealed")
        del pieces
        _questions(run, store, "40 million")
        run.add(Figure(name="a day of 40 million ticks", value=kept(place / "ticks").bytes / 1e9, unit="GB", samples=1))
    run.keep()


if __name__ == "__main__":
    main()
