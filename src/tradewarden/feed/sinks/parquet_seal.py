"""Seals what the journal has, in a process of its own that soon ends: `python -m tradewarden.feed.sinks.parquet_seal`.

It takes one JSON object on its standard input and says one a line on its output: each piece that is safe, or what was
in the way. It may be killed at any moment. A file is finished under another name, brought to the disk and then renamed;
its name comes from its first number; and the cursor moves when all files of a piece are there. So whoever begins again
at the cursor writes the same files over, and nothing is ever there twice.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tradewarden.feed import cursor
from tradewarden.feed.confine import step_back
from tradewarden.feed.names import Names
from tradewarden.feed.reader import Reader
from tradewarden.feed.record import SIZE, Frame
from tradewarden.feed.sinks.parquet_files import UNFINISHED, days, files, path_of, split_by_hour

NAME: Final = "parquet"  # of the sink and of its cursor
PIECE: Final = 1 << 18  # records at most in one piece, which bounds the memory: 64 MB of them and the columns
NICE: Final = 10


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be sealed: up to which number, and for how many seconds a new piece may be begun."""

    journal: Path
    ticks: Path
    names: Path
    until: int
    seconds: float


class BusyError(Exception):
    """Another process is sealing."""


def seal(order: Order) -> Iterator[dict[str, Any]]:
    """Seal piece after piece; tells each one once it is safe, and first of all where it begins."""
    ends = time.monotonic() + order.seconds
    with _alone(order.ticks):
        _clear(order.ticks)
        begin = where(order)
        yield {"position": begin}
        names = Names(order.names)
        reader = Reader(order.journal, after=begin)
        try:
            while reader.position < order.until and time.monotonic() < ends:
                frames = _up_to(order.until, reader.read(min(PIECE, order.until - reader.position)))
                begun = time.monotonic()
                written = [_finish(order.ticks, hour, part, names) for hour, part in split_by_hour(frames)]
                # Numbers without records are no reason to come back: up to `until` nothing more is ever written.
                is_done = not frames or reader.position >= order.until
                position = order.until if is_done else frames[-1].last_seq
                cursor.save(order.journal, NAME, position)
                yield {
                    "position": position,
                    "records": sum(frame.count for frame in frames),
                    "bytes": sum(path.stat().st_size for path in written),
                    "files": len(written),
                    "holes": [asdict(hole) for hole in reader.holes],
                    "seconds": round(time.monotonic() - begun, 3),
                }
                reader.holes.clear()
                if is_done:
                    break
        finally:
            reader.close()


def where(order: Order) -> int:
    """The last number that is sealed: the cursor tells, or the files do when there is none that can be read."""
    from tradewarden.feed.sinks.parquet_table import last_seq  # noqa: PLC0415 - told in `main` when it is missing

    kept = cursor.load(order.journal, NAME)
    if kept is not None:
        return kept
    found = max((last_seq(path) for _, day in days(order.ticks) for path in files(day)), default=0)
    cursor.save(order.journal, NAME, found)
    return found


def _up_to(until: int, frames: Sequence[Frame]) -> list[Frame]:
    """These frames without what lies behind this number."""
    kept = []
    for frame in frames:
        if frame.last_seq <= until:
            kept.append(frame)
        elif frame.first_seq <= until:
            count = until - frame.first_seq + 1
            kept.append(Frame(frame.first_seq, count, frame.received_ns, frame.records[: count * SIZE]))
    return kept


def _finish(ticks: Path, hour: int, frames: Sequence[Frame], names: Names) -> Path:
    """One file, whole and on the disk."""
    from tradewarden.feed.sinks.parquet_table import table, write  # noqa: PLC0415 - as above

    path = path_of(ticks, hour, frames[0].first_seq)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{path.name}{UNFINISHED}")
    try:
        write(table(frames, names), fresh)
        _sync(fresh)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    for folder in (path.parent, path.parent.parent, ticks):
        _sync(folder)
    return path


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _alone(ticks: Path) -> Iterator[None]:
    """One process seals at a time: a daemon that was killed may have left one behind, which will soon be done."""
    ticks.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(ticks / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _hold(descriptor)
        yield
    finally:
        os.close(descriptor)


def _hold(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BusyError("another process is sealing these ticks") from None


def _clear(ticks: Path) -> None:
    """Take away what a process that was killed had begun."""
    for _, day in days(ticks):
        for left in day.glob(f"hour=*/.*{UNFINISHED}"):
            with suppress(OSError):
                left.unlink()


def main() -> int:
    """Do what standard input asks; the exit status is 0 unless something was in the way, which is told."""
    asked = json.load(sys.stdin)
    signal.alarm(int(asked["deadline"]))  # whatever hangs, and even if nobody is left to end it
    step_back(NICE)
    paths = {name: Path(asked[name]) for name in ("journal", "ticks", "names")}
    order = Order(**paths, until=asked["until"], seconds=asked["seconds"])
    try:
        for told in seal(order):
            _say(told)
    except ModuleNotFoundError as missing:
        return _say(
            {"misfit": f"it needs the package {missing.name}: pip install 'tradewarden[parquet]', then restart."}
        )
    except BusyError as busy:
        return _say({"trouble": str(busy)})
    except OSError as trouble:
        place = trouble.filename or asked["ticks"]
        return _say({"trouble": f"{place}: {trouble.strerror or trouble}"})
    return 0


def _say(told: dict[str, Any]) -> int:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    return 1


if __name__ == "__main__":
    sys.exit(main())
