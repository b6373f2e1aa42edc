"""Ticks in MariaDB or MySQL: every record once, the newest quote and depth of each instrument, and how far it got.

Rows and position are committed together, so a kill at any moment leaves both or neither: docs/sinks/mysql.md.
"""
# ruff: noqa: S608 - numbers are written by %d, text in hexadecimal, names quoted: mysql_text.py

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from tradewarden.feed.names import Name, Names
from tradewarden.feed.record import NANOSECONDS, Frame, Row, rows
from tradewarden.feed.sinks.mysql_driver import MySQLError
from tradewarden.feed.sinks.mysql_server import Server
from tradewarden.feed.sinks.mysql_tables import all_names, ensure
from tradewarden.feed.sinks.mysql_text import Text, newest_depths, newest_quotes, text
from tradewarden.feed.sinks.mysql_trouble import ROW, code_of, words_of
from tradewarden.feed.sinks.sink import Batching, SetAside, SinkMisfitError, Stored, Written

NOT_TOGETHER: Final = frozenset({1064, 8130})  # how TiDB and some proxies refuse several statements in one text
MOST_REFUSED: Final = 20  # records of one batch; more is no matter of single records

Statement = Callable[[Sequence[Row]], str]


class MysqlSink:
    """Keeps the journal in tables of one database."""

    name = "mysql"

    def __init__(
        self,
        *,
        names: Names,
        host: str = "127.0.0.1",
        port: int = 3306,
        user: str = "tradewarden",
        password: str | None = None,
        database: str = "tradewarden",
        table_prefix: str = "",
        tls: bool = False,
        depth: bool = True,
        keep_days: int = 0,
        batch: int = 50,
        seconds: float = 1.0,
    ) -> None:
        self.batching = Batching(records=batch, seconds=seconds, records_behind=max(batch, 500))
        self.keep_days = keep_days
        self.server = Server(host=host, port=port, user=user, password=password, database=database, tls=tls)
        self.text = Text(table_prefix, depth=depth)
        self._names, self.table_prefix = names, table_prefix
        self._told: dict[int, Name] = {}

    async def open(self) -> None:
        """Connect; make what is missing. Raises the two errors of sinks."""
        self._told.clear()
        self._names.refresh()
        async with self.server.translated():
            await self.server.connect()
            await ensure(self.server, self.table_prefix)

    async def position(self) -> int | None:
        """The number of the last record whose rows are committed."""
        async with self.server.translated():
            found = await self.server.ask(f"SELECT `seq` FROM {self.text.name['pos']} WHERE `sink`={text(self.name)}")
        return int(found[0][0]) if found else 0

    async def write(self, frames: Sequence[Frame]) -> Written:
        """All of it in one transaction, the position included."""
        if not frames:
            return Written(0)
        some = list(rows(frames))
        named = self._new_names(some)
        ending = [self.text.days(_days(frames)), self.text.position(self.name, frames[-1].last_seq), "COMMIT"]
        if named:
            ending.insert(0, self.text.instruments(named))
        async with self.server.translated():
            try:
                await self.server.ask(";".join([*self._statements(some), *ending]))  # one way there, one way back
                refused: list[SetAside] = []
            except MySQLError as error:
                if code_of(error) not in ROW | NOT_TOGETHER:
                    raise
                refused = await self._apart(some, ending)
        self._told.update(named)
        return Written(len(some) - len({aside.seq for aside in refused}), tuple(refused))

    async def tables(self) -> list[Stored]:
        """Rows (the server's estimate) and bytes of each table."""
        async with self.server.translated():
            found = await self.server.ask(
                "SELECT table_name, table_rows, data_length + index_length FROM information_schema.tables"
                f" WHERE table_schema={text(self.server.database)} AND table_name IN ({all_names(self.table_prefix)})"
            )
        return sorted((Stored(str(name), count, size) for name, count, size in found), key=lambda stored: stored.name)

    async def close(self) -> None:
        """Say goodbye to the server; never raises."""
        await self.server.close()

    def _statements(self, some: Sequence[Row]) -> list[str]:
        """What puts these records into the tables."""
        quotes, depths = newest_quotes(some), newest_depths(some)
        statements = [self.text.ticks(some)]
        if quotes:
            statements.append(self.text.quotes(quotes))
        if depths:
            statements.append(self.text.depth(depths))
        return statements

    async def _apart(self, some: Sequence[Row], ending: Sequence[str]) -> list[SetAside]:
        """The same, statement by statement: for a server that takes no other way, and to find what it refuses."""
        await self.server.ask("ROLLBACK")
        refused: list[SetAside] = []
        await self._put(self.text.ticks, some, refused)
        gone = {aside.seq for aside in refused}
        kept = [row for row in some if row.seq not in gone]
        await self._put(self.text.quotes, newest_quotes(kept), refused)
        await self._put(self.text.depth, newest_depths(kept), refused)
        for statement in ending:
            await self.server.ask(statement)
        return refused

    async def _put(self, statement: Statement, some: Sequence[Row], refused: list[SetAside]) -> None:
        """Insert these rows; of those that the server refuses for good, find each one and go on without it."""
        if not some:
            return
        try:
            await self.server.ask(statement(some))
        except MySQLError as error:
            if code_of(error) not in ROW:
                raise
            if len(some) > 1:
                half = len(some) // 2
                await self._put(statement, some[:half], refused)
                await self._put(statement, some[half:], refused)
                return
            if len(refused) >= MOST_REFUSED:
                raise SinkMisfitError(
                    f"{self.server.told} refuses record after record: {words_of(error)}; nothing of this batch is "
                    f"written. Look for a constraint or a trigger on the tables of {self.server.database!r}."
                ) from None
            refused.append(SetAside(some[0].seq, words_of(error)))

    def _new_names(self, some: Iterable[Row]) -> list[tuple[int, Name]]:
        """Instruments that this connection has not told the server of, or that are called differently now."""
        named = ((number, self._names.of(number)) for number in {row.instrument for row in some})
        return [(number, name) for number, name in named if self._told.get(number) != name]


def _days(frames: Iterable[Frame]) -> list[tuple[str, int, int]]:
    """Each UTC day of these frames with its first and last number; no market in India trades through that midnight."""
    found: dict[str, tuple[int, int]] = {}
    for frame in frames:
        day = f"{datetime.fromtimestamp(frame.received_ns // NANOSECONDS, UTC):%Y-%m-%d}"
        first, last = found.get(day, (frame.first_seq, frame.last_seq))
        found[day] = (min(first, frame.first_seq), max(last, frame.last_seq))
    return [(day, first, last) for day, (first, last) in found.items()]
