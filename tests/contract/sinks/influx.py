"""InfluxDB 1.x under the contract of sinks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from servers.influxdb import Influxdb, influxdb
from sink_contract import BEGAN, Factory, Traits
from tradewarden.feed.names import Names
from tradewarden.feed.record import HAS_LTP, RECORD, Frame, Kind, pack
from tradewarden.feed.sinks.influx import InfluxSink
from tradewarden.feed.sinks.sink import Sink
from tradewarden.feed.tick import LtpTick

BEGAN_NS = BEGAN * 1_000_000_000


class InfluxStore:
    """One database of the server of this run; it keeps for ever, since the made-up ticks have a fixed date."""

    def __init__(self, server: Influxdb, database: str, names: Names) -> None:
        self._server, self._database, self._names = server, database, names

    def sink(self, database: str = "") -> Sink:
        return InfluxSink(
            names=self._names,
            url=self._server.url,
            database=database or self._database,
            high_frequency_days=0,
            default_days=0,
            long_term_days=0,
        )

    def misfit(self) -> tuple[Sink, str]:
        return self.sink("nowhere"), "CREATE DATABASE"

    async def kept(self) -> list[int]:
        policies = await self._server.ask(f'SHOW RETENTION POLICIES ON "{self._database}"')
        if len(policies[0]["values"]) == 1:
            return []  # only the one that a new database has
        return await self._numbers("")

    async def marked(self) -> list[int]:
        return await self._numbers("WHERE marks <> 0")

    async def kill(self) -> None:
        self._server.kill()

    async def revive(self) -> None:
        self._server.ensure_running()

    async def _numbers(self, where: str) -> list[int]:
        series = await self._server.ask(f"SELECT seq FROM high_frequency.ticks {where}", self._database)
        return [seq for _, seq in series[0]["values"]] if series else []


def refused(first: int) -> Frame:
    """The second one is an odds record, for whose last price the test's database has another type."""
    ltp = pack(LtpTick(256265, 100))
    odds = RECORD.pack(Kind.ODDS, 2, 0, HAS_LTP, 0, 256265, 0, 0, 100, *[0] * 12, bytes(120))
    return Frame(first, 3, BEGAN_NS, ltp + odds + ltp)


@asynccontextmanager
async def store(_directory: Path, names: Names) -> AsyncIterator[InfluxStore]:
    server = influxdb()
    database = await server.new_database()
    made = InfluxStore(server, database, names)
    sink = made.sink()
    await sink.open()
    await sink.close()
    assert await server.write(database, "high_frequency", f'odds last_price="text" {BEGAN_NS}') == 204
    yield made


FACTORY = Factory("influx", Traits(refuses=refused), store)
