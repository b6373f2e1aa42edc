"""Lets old ticks go from MariaDB or MySQL, day by day, in slices so small that the writer never waits for one.

The days are found in the table `days`, which the writer keeps; the rows by their primary key, instrument by instrument.
So no index on time is needed, and no partition, whose removal would stop the writer for a moment.
"""
# ruff: noqa: S608 - numbers are written by %d, names quoted: mysql_text.py

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, Self

from tradewarden.feed.names import Names
from tradewarden.feed.record import NANOSECONDS
from tradewarden.feed.sinks.mysql import MysqlSink
from tradewarden.feed.sinks.mysql_server import Server
from tradewarden.feed.sinks.mysql_tables import ensure
from tradewarden.feed.sinks.retained import Kept, Removed, Rule, day_begin

SLICE: Final = 2000  # rows of one transaction: some twenty milliseconds
PAUSE: Final = 0.01  # seconds between two of them, for everybody else


class MysqlRetained:
    """The ticks of one database."""

    name = "mysql"

    def __init__(self, sink: MysqlSink) -> None:
        self._sink, self._server = sink, sink.server
        self._named = sink.text.name

    @classmethod
    def of(cls, values: Mapping[str, Any], *, names: Names, state_dir: Path) -> Self:
        """From the settings' plain values."""
        del state_dir
        return cls(MysqlSink(**values, names=names))

    async def rules(self) -> list[Rule]:
        """Ticks for so many days; the newest of everything for ever."""
        newest = ("quotes", "depth", "instruments")
        return [
            Rule("ticks", self._sink.keep_days or None, ("ticks",), "desk"),
            Rule("newest", None, newest, "desk"),
        ]

    async def create(self) -> list[str]:
        """Nothing but the tables has to be there."""
        async with self._connected() as server, server.translated():
            await ensure(server, self._sink.table_prefix)
        return []

    async def stats(self) -> list[Kept]:
        """Rows and bytes of each table, and from when to when the ticks are."""
        async with self._connected() as server:
            async with server.translated():
                ((first, last),) = await server.ask(f"SELECT MIN(`day`), MAX(`day`) FROM {self._named['days']}")
            tables = await self._sink.tables()
        return [
            Kept(table.name, table.rows, table.bytes, _begin(first), _begin(last))
            if table.name == "ticks" and first is not None
            else Kept(table.name, table.rows, table.bytes)
            for table in tables
        ]

    async def cleanup(self, now_ns: int) -> list[Removed]:
        """Delete the ticks of the days that are over, slice by slice."""
        days = self._sink.keep_days
        if not days:
            return []
        async with self._connected() as server:
            async with server.translated():
                before = await self._oldest_day(now_ns, days)
                keep_from = await self._first_kept(before)
                instruments = await server.ask(f"SELECT `instrument` FROM {self._named['instruments']}")
                await server.ask("COMMIT")
            if keep_from is None:
                return []
            rows = 0
            for (instrument,) in instruments:
                rows += await self._delete(int(instrument), keep_from)
            async with server.translated():
                await server.do(f"DELETE FROM {self._named['days']} WHERE `day` < '{before}'")
                await server.ask("COMMIT")
        return [Removed("ticks", rows)]

    async def _oldest_day(self, now_ns: int, days: int) -> str:
        """The first day that stays; the newest one counts, too, since a clock that runs ahead must empty no table."""
        ((newest,),) = await self._server.ask(f"SELECT MAX(`day`) FROM {self._named['days']}")
        today = now_ns if newest is None else min(now_ns, _begin(newest))
        return f"{datetime.fromtimestamp(day_begin(today, days) // NANOSECONDS, UTC):%Y-%m-%d}"

    async def _first_kept(self, before: str) -> int | None:
        """The lowest number that stays; None when nothing is old enough."""
        days = self._named["days"]
        ((oldest, last),) = await self._server.ask(f"SELECT MIN(`day`) < '{before}', MAX(`last_seq`) FROM {days}")
        if not oldest:
            return None
        ((first,),) = await self._server.ask(f"SELECT MIN(`first_seq`) FROM {days} WHERE `day` >= '{before}'")
        return int(last) + 1 if first is None else int(first)

    async def _delete(self, instrument: int, keep_from: int) -> int:
        rows = 0
        while True:
            async with self._server.translated():
                gone = await self._server.do(
                    f"DELETE FROM {self._named['ticks']} WHERE `instrument` = {instrument:d} AND `seq` < {keep_from:d}"
                    f" ORDER BY `instrument`, `seq` LIMIT {SLICE:d}"
                )
                await self._server.ask("COMMIT")
            rows += gone
            if gone < SLICE:
                return rows
            await asyncio.sleep(PAUSE)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Server]:
        async with self._server.translated():
            await self._server.connect()
        try:
            yield self._server
        finally:
            await self._server.close()


def _begin(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * NANOSECONDS
