"""Where sealed ticks lie: `date=YYYY-MM-DD/hour=HH/<first seq>.parquet` below `ticks` in the state directory.

Date and hour are those of the receipt in India Standard Time, for every segment: that zone never changes its clocks, so
no hour is missing or doubled, and a desk that watches several exchanges finds one moment in one folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

from tradewarden.feed.record import NANOSECONDS, Frame

FOLDER: Final = "ticks"  # in the state directory
SUFFIX: Final = ".parquet"
UNFINISHED: Final = ".tmp"
IST: Final = timedelta(hours=5, minutes=30)
HOUR_NS: Final = 3600 * NANOSECONDS

_IST_NS: Final = int(IST.total_seconds()) * NANOSECONDS


class Kept(NamedTuple):
    """What lies there altogether."""

    files: int
    bytes: int
    days: int
    oldest: date | None


def split_by_hour(frames: Iterable[Frame]) -> Iterator[tuple[int, list[Frame]]]:
    """The frames by the hour of their receipt, counted since 1970 in IST.

    When the clock is set back, an hour comes twice: the numbers of a file always lie behind those of the one before.
    """
    for hour, part in groupby(frames, lambda frame: (frame.received_ns + _IST_NS) // HOUR_NS):
        yield hour, list(part)


def path_of(ticks: Path, hour: int, first_seq: int) -> Path:
    """The file of this hour that begins with this number."""
    begin = datetime.fromtimestamp(hour * 3600, UTC)  # the wall clock in IST, which is what `hour` counts
    return ticks / f"date={begin:%Y-%m-%d}" / f"hour={begin:%H}" / f"{first_seq:020d}{SUFFIX}"


def days(ticks: Path) -> list[tuple[date, Path]]:
    """The days there are, oldest first."""
    return sorted(_days(ticks))


def files(day: Path) -> list[Path]:
    """The finished files of a day, hour by hour, in the order of their numbers."""
    return sorted(day.glob(f"hour=*/*{SUFFIX}"))


def kept(ticks: Path) -> Kept:
    """How much there is."""
    there = days(ticks)
    sizes = [size for _, day in there for path in files(day) if (size := _size(path)) is not None]
    return Kept(len(sizes), sum(sizes), len(there), there[0][0] if there else None)


def expire(ticks: Path, oldest: date) -> list[date]:
    """Take away the days before this one; which have gone. What cannot be taken away is tried again another time."""
    gone = []
    for day, path in days(ticks):
        if day >= oldest:
            break
        for file in path.glob("hour=*/*"):
            with suppress(OSError):
                file.unlink()
        with suppress(OSError):
            for hour in path.iterdir():
                hour.rmdir()
            path.rmdir()
            gone.append(day)
    return gone


def first_kept(ticks: Path, today: date, keep_days: int) -> date:
    """The first day that stays when so many are kept besides today.

    The newest day that is there counts too, since a clock that runs ahead must empty no folder.
    """
    there = days(ticks)
    return min([today, *(day for day, _ in there[-1:])]) - timedelta(days=keep_days)


def _days(ticks: Path) -> Iterator[tuple[date, Path]]:
    try:
        names = os.listdir(ticks)  # noqa: PTH208 - names are all that is needed
    except FileNotFoundError:
        return
    for name in names:
        with suppress(ValueError):
            if name.startswith("date="):
                yield date.fromisoformat(name[5:]), ticks / name


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # it has just expired
        return None
