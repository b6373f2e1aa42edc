"""The SQLite file's old ticks and bars; the sink lets them go as it writes, a cleanup when nothing is written."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from tradewarden.feed.names import Names
from tradewarden.feed.record import NANOSECONDS
from tradewarden.feed.sinks.retained import DAY_NS, Kept, Removed, Rule
from tradewarden.feed.sinks.sink import SinkUnavailableError
from tradewarden.feed.sinks.sqlite_tables import DELETE_TICKS

FILE: Final = "ticks.db"  # in the state directory
TICKS_DAYS: Final = 5
BARS_DAYS: Final = 400
SLICE: Final = 20_000  # rows of one transaction: the sink waits that long at most
_DELETE_SOME_BARS: Final = (
    "DELETE FROM bars WHERE (instrument, minute) IN (SELECT instrument, minute FROM bars"
    " WHERE instrument IN (SELECT instrument FROM quotes) AND minute < ? LIMIT ?)"
)
PATIENCE: Final = 10.0  # seconds for the sink's own transaction

T = TypeVar("T")


class SqliteRetained:
    """One file."""

    name = "sqlite"

    def __init__(self, path: Path, *, ticks: bool, ticks_days: int = TICKS_DAYS, bars_days: int = BARS_DAYS) -> None:
        self._path, self._ticks = path, ticks
        self._ticks_days, self._bars_days = ticks_days, bars_days

    @classmethod
    def of(cls, values: Mapping[str, Any], *, names: Names, state_dir: Path) -> Self:
        """From the settings' plain values."""
        del names
        return cls(
            values.get("path") or state_dir / FILE,
            ticks=bool(values.get("ticks")),
            ticks_days=values.get("ticks_days", TICKS_DAYS),
            bars_days=values.get("bars_days", BARS_DAYS),
        )

    async def rules(self) -> list[Rule]:
        """Bars for a year, ticks for a week if they are kept at all, the newest quotes for ever."""
        ticks = [Rule("ticks", self._ticks_days, ("ticks",), "store")] if self._ticks else []
        return [*ticks, Rule("bars", self._bars_days, ("bars",), "store"), Rule("newest", None, ("quotes",), "store")]

    async def create(self) -> list[str]:
        """The sink makes the file."""
        return []

    async def stats(self) -> list[Kept]:
        """Rows, bytes, and from when to when."""
        return await self._read(self._stats)

    async def cleanup(self, now_ns: int) -> list[Removed]:
        """What the sink would let go with its next batches.

        The newest quote counts too, since a clock that runs ahead must empty no file.
        """
        newest_ns = await self._read(lambda db: db.execute("SELECT max(received_ns) FROM quotes").fetchone()[0])
        now_ns = min(now_ns, newest_ns or now_ns)
        old = {
            "ticks": (DELETE_TICKS, (SLICE, now_ns - self._ticks_days * DAY_NS)),
            "bars": (_DELETE_SOME_BARS, ((now_ns - self._bars_days * DAY_NS) // NANOSECONDS, SLICE)),
        }
        return [Removed(table, rows) for table, what in old.items() if (rows := await self._delete(*what))]

    async def _delete(self, statement: str, values: tuple[int, int]) -> int:
        def delete(db: sqlite3.Connection) -> int:
            with db:
                return db.execute(statement, values).rowcount

        rows = 0
        while gone := await self._read(delete):
            rows += gone
        return rows

    def _stats(self, db: sqlite3.Connection) -> list[Kept]:
        def row(question: str) -> tuple[Any, ...]:
            found: tuple[Any, ...] = db.execute(question).fetchone()
            return found

        first, last = row("SELECT min(seq), max(seq) FROM ticks")  # a count would read them all
        span = row("SELECT received_ns FROM ticks WHERE seq = (SELECT min(seq) FROM ticks)") if first else (None,)
        newest = row("SELECT received_ns FROM ticks WHERE seq = (SELECT max(seq) FROM ticks)") if first else (None,)
        bars, oldest, latest = row("SELECT count(*), min(minute), max(minute) FROM bars")
        return [
            Kept("ticks", last - first + 1 if first else 0, None, span[0], newest[0]),
            Kept("bars", bars, None, *((oldest * NANOSECONDS, latest * NANOSECONDS) if bars else (None, None))),
            Kept("quotes", row("SELECT count(*) FROM quotes")[0]),
            Kept(self._path.name, None, self._path.stat().st_size),
        ]

    async def _read(self, deed: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.to_thread(self._in_thread, deed)

    def _in_thread(self, deed: Callable[[sqlite3.Connection], T]) -> T:
        try:
            uri = f"{self._path.absolute().as_uri()}?mode=rw"  # never makes one
            with closing(sqlite3.connect(uri, uri=True, timeout=PATIENCE)) as db:
                return deed(db)
        except (sqlite3.Error, OSError) as trouble:
            raise SinkUnavailableError(f"{self._path}: {trouble}.") from None
