"""MariaDB under the contract of sinks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from servers.mariadb import PASSWORD, USER, Mariadb, mariadb
from sink_contract import BEGAN, Factory, Traits
from tradewarden.feed.names import Names
from tradewarden.feed.record import Frame, pack
from tradewarden.feed.sinks.mysql import MysqlSink
from tradewarden.feed.sinks.sink import Sink
from tradewarden.feed.tick import LtpTick

UNLUCKY = 1313  # a price that the tables of the test refuse


class MysqlStore:
    """One database of the server of this run."""

    def __init__(self, server: Mariadb, database: str, names: Names) -> None:
        self._server, self._database, self._names = server, database, names

    def sink(self, password: str = PASSWORD) -> Sink:
        return MysqlSink(
            names=self._names,
            host=self._server.host,
            port=self._server.port,
            user=USER,
            password=password,
            database=self._database,
        )

    def misfit(self) -> tuple[Sink, str]:
        return self.sink("wrong"), "sinks.mysql.password"

    async def kept(self) -> list[int]:
        tables = await self._server.ask("SHOW TABLES LIKE 'ticks'", database=self._database)
        if not tables:
            return []
        return [seq for (seq,) in await self._server.ask("SELECT seq FROM ticks", database=self._database)]

    async def marked(self) -> list[int]:
        found = await self._server.ask("SELECT seq FROM ticks WHERE marks <> 0", database=self._database)
        return [seq for (seq,) in found]

    async def kill(self) -> None:
        self._server.kill()

    async def revive(self) -> None:
        self._server.ensure_running()


def refused(first: int) -> Frame:
    prices = (100, UNLUCKY, 100)
    return Frame(first, 3, BEGAN * 1_000_000_000, b"".join(pack(LtpTick(256265, price)) for price in prices))


@asynccontextmanager
async def store(_directory: Path, names: Names) -> AsyncIterator[MysqlStore]:
    server = mariadb()
    database = await server.new_database()
    made = MysqlStore(server, database, names)
    sink = made.sink()
    await sink.open()
    await sink.close()
    await server.ask(f"ALTER TABLE ticks ADD CONSTRAINT unlucky CHECK (last_price <> {UNLUCKY})", database=database)
    yield made


FACTORY = Factory("mysql", Traits(refuses=refused), store)
