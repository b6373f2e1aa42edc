"""What it costs to keep every tick: the journal, beside SQLite with the same records.

Frames of packed records, the last prices of 128 instruments with depth, appended to a journal on this machine's disk;
without a sync the kernel's page cache has them, with one per frame the disk has. SQLite gets the same frames as one row
each, in a transaction of its own: in WAL mode, without syncs and with a full one. Writers take turns in rounds; ticks a
second of wall time, the ratio the median of the rounds' ratios. What packing a tick costs comes on top, as CPU time.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from result import Figure, Run, say

from tradewarden.feed.journal import Journal
from tradewarden.feed.reader import Reader
from tradewarden.feed.record import Frame, pack
from tradewarden.feed.tick import FullTick, Tick

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from ticks import frames, ticks

ROUNDS = 7
SLICE = 0.4  # seconds of one writer in one round
DISK = "/var/tmp"

Write = Callable[[Frame], None]


@contextmanager
def _journal(*, synced: bool) -> Iterator[Write]:
    with tempfile.TemporaryDirectory(dir=DISK) as place:
        journal = Journal(Path(place))

        def write(frame: Frame) -> None:
            journal.append(frame.records, frame.count, frame.received_ns)
            if synced:
                journal.sync()

        yield write
        if journal.failed or journal.lost_total:
            raise RuntimeError(f"the journal lost ticks: {journal.failed}")
        journal.close()


@contextmanager
def _sqlite(*, synced: bool) -> Iterator[Write]:
    with tempfile.TemporaryDirectory(dir=DISK) as place:
        base = sqlite3.connect(Path(place) / "ticks.db", isolation_level=None)
        base.execute("PRAGMA journal_mode = WAL")
        base.execute(f"PRAGMA synchronous = {'FULL' if synced else 'OFF'}")
        base.execute("CREATE TABLE frames (seq INTEGER PRIMARY KEY, count INT, received INT, records BLOB)")

        def write(frame: Frame) -> None:
            base.execute(
                "INSERT INTO frames (count, received, records) VALUES (?, ?, ?)",
                (frame.count, frame.received_ns, frame.records),
            )

        yield write
        base.close()


def _rate(write: Write, some: list[Frame]) -> float:
    """Millions of ticks a second."""
    written, begun = 0, time.perf_counter()
    while True:
        for frame in some:
            write(frame)
            written += frame.count
        took = time.perf_counter() - begun
        if took >= SLICE:
            return written / took / 1e6


def _compare(*, a_frame: int, synced: bool) -> tuple[list[float], list[float]]:
    some = frames(a_frame * 4, a_frame=a_frame)
    ours, theirs = [], []
    for _ in range(ROUNDS):
        with _journal(synced=synced) as write:
            ours.append(_rate(write, some))
        with _sqlite(synced=synced) as write:
            theirs.append(_rate(write, some))
    return ours, theirs


def _reading() -> list[float]:
    """Millions of ticks a second that a reader takes out of a journal again, in batches of a sink that is behind."""
    rates = []
    with tempfile.TemporaryDirectory(dir=DISK) as place:
        journal, some = Journal(Path(place)), frames(2000, a_frame=50)
        for _ in range(200):
            for frame in some:
                journal.append(frame.records, frame.count, frame.received_ns)
        journal.close()
        for _ in range(ROUNDS):
            reader, begun, found = Reader(Path(place), after=0), time.perf_counter(), 0
            while got := reader.read(5000):
                found += sum(frame.count for frame in got)
            rates.append(found / (time.perf_counter() - begun) / 1e6)
            reader.close()
    return rates


def _packing(some: list[Tick]) -> list[float]:
    """CPU nanoseconds to pack one tick."""
    costs = []
    for _ in range(ROUNDS):
        packed, begun = 0, time.process_time()
        while (took := time.process_time() - begun) < SLICE:
            b"".join(map(pack, some))
            packed += len(some)
        costs.append(took / packed * 1e9)
    return costs


def main() -> None:
    run = Run(__file__)
    say(f"journal.py: {ROUNDS} rounds of {SLICE} s for each writer")
    for name, a_frame, synced, goal in (
        ("500 ticks a frame, no sync", 500, False, 3.0),
        ("50 ticks a frame, no sync", 50, False, None),
        ("1 tick a frame, no sync", 1, False, None),
        ("500 ticks a frame, fdatasync after each", 500, True, 0.5),
        ("50 ticks a frame, fdatasync after each", 50, True, None),
    ):
        ours, theirs = _compare(a_frame=a_frame, synced=synced)
        run.add(
            Figure(
                name=f"journal, {name}",
                value=median(ours),
                unit="M ticks/s",
                samples=ROUNDS,
                at_least=goal,
                peer="SQLite, a row a frame",
                peer_value=median(theirs),
                ratio=median(own / peer for own, peer in zip(ours, theirs, strict=True)),
                rounds=ours,
            )
        )
    reading = _reading()
    run.add(
        Figure(
            name="journal, read again, 50 ticks a frame",
            value=median(reading),
            unit="M ticks/s",
            samples=ROUNDS,
            rounds=reading,
        )
    )
    made = ticks(4000)
    full = [tick for tick in made if isinstance(tick, FullTick)]
    for name, some in (
        ("a tick with depth", full),
        ("a tick without", [t for t in made if not isinstance(t, FullTick)]),
    ):
        costs = _packing(some)
        run.add(Figure(name=f"pack {name}", value=median(costs), unit="ns CPU", samples=ROUNDS, rounds=costs))
    run.keep()


if __name__ == "__main__":
    main()
