"""The days of sealed ticks; the daemon takes the old ones away as days pass, and a cleanup does it at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Self

from tradewarden.feed.names import Names
from tradewarden.feed.record import NANOSECONDS
from tradewarden.feed.sinks.parquet_files import FOLDER, IST, days, expire, first_kept, kept
from tradewarden.feed.sinks.retained import DAY_NS, Kept, Removed, Rule


class ParquetRetained:
    """The folder of one desk."""

    name = "parquet"

    def __init__(self, ticks: Path, *, keep_days: int) -> None:
        self._ticks, self._keep_days = ticks, keep_days

    @classmethod
    def of(cls, values: Mapping[str, Any], *, names: Names, state_dir: Path) -> Self:
        """From the settings' plain values."""
        del names
        return cls(state_dir / FOLDER, keep_days=values.get("keep_days") or 0)

    async def rules(self) -> list[Rule]:
        """So many days besides today."""
        return [Rule("ticks", self._keep_days or None, ("ticks",), "desk")]

    async def create(self) -> list[str]:
        """Folders come with their files."""
        return []

    async def stats(self) -> list[Kept]:
        """Bytes, and from when to when."""
        found, there = await asyncio.to_thread(lambda: (kept(self._ticks), days(self._ticks)))
        span = (_begin(there[0][0]), _begin(there[-1][0]) + DAY_NS) if there else (None, None)
        return [Kept("ticks", None, found.bytes, *span)]

    async def cleanup(self, now_ns: int) -> list[Removed]:
        """Take away the days that are over."""
        if not self._keep_days:
            return []
        today = (datetime.fromtimestamp(now_ns / NANOSECONDS, UTC) + IST).date()
        oldest = await asyncio.to_thread(first_kept, self._ticks, today, self._keep_days)
        gone = await asyncio.to_thread(expire, self._ticks, oldest)
        return [Removed(f"{day:%Y-%m-%d}") for day in gone]


def _begin(day: date) -> int:
    return int((datetime(day.year, day.month, day.day, tzinfo=UTC) - IST).timestamp()) * NANOSECONDS
