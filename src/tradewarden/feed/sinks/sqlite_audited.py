"""The SQLite store read back: single ticks where it keeps them, else the latest quote of each instrument."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from tradewarden.feed.record import Frame
from tradewarden.feed.sinks.audited import fingerprints
from tradewarden.feed.sinks.sink import SinkMisfitError, SinkUnavailableError
from tradewarden.machines.audit import Fingerprint


class SqliteAudited:
    """The file, opened to read only."""

    portion = 10_000
    in_time = True

    def __init__(self, *, state_dir: Path, path: Path | None = None, ticks: bool = False, **_others: Any) -> None:
        self._path = path or state_dir / "ticks.db"
        self._ticks = ticks
        self.newest_only = not ticks
        self.note = None if ticks else "it keeps no single ticks (sinks.sqlite.ticks), only the latest quotes"
        self._quotes: dict[int, tuple[int, Fingerprint]] = {}  # by number of the record

    async def open(self) -> None:
        """See that the file is there, and read the quotes where they are all there is."""
        await asyncio.to_thread(self._look)

    async def position(self) -> int:
        """The cursor that was committed with the rows."""
        return await asyncio.to_thread(self._one, "SELECT seq FROM cursor")

    async def kept_from(self) -> int:
        """The oldest tick, where it lets go of them by age."""
        return await asyncio.to_thread(self._one, "SELECT coalesce(min(seq), 0) FROM ticks") if self._ticks else 0

    async def held(self, frames: Sequence[Frame]) -> list[tuple[int, Fingerprint]]:
        """The ticks with these numbers; without single ticks those that stand in `quotes`."""
        if self._ticks:
            first, last = frames[0].first_seq, frames[-1].last_seq
            return await asyncio.to_thread(self._between, first, last)
        return [self._quotes[seq] for seq, _ in fingerprints(frames) if seq in self._quotes]

    async def close(self) -> None:
        """Nothing is held open."""

    def _look(self) -> None:
        if not self._path.exists():
            raise SinkUnavailableError(f"{self._path} is not there yet.")
        if not self._ticks:
            rows = self._all("SELECT seq, instrument, received_ns, last_price, volume FROM quotes")
            self._quotes = {seq: (seq, Fingerprint(*told)) for seq, *told in rows}

    def _between(self, first: int, last: int) -> list[tuple[int, Fingerprint]]:
        rows = self._all(
            "SELECT seq, instrument, received_ns, last_price, volume FROM ticks WHERE seq BETWEEN ? AND ?", first, last
        )
        return [(seq, Fingerprint(instrument, at, price, volume)) for seq, instrument, at, price, volume in rows]

    def _one(self, question: str) -> int:
        return int(self._all(question)[0][0])

    def _all(self, question: str, *values: int) -> list[Any]:
        try:
            with closing(sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)) as db:
                return db.execute(question, values).fetchall()
        except sqlite3.OperationalError as trouble:
            raise SinkUnavailableError(f"{self._path}: {trouble}.") from None
        except sqlite3.Error as trouble:
            raise SinkMisfitError(f"{self._path}: {trouble}.") from None
