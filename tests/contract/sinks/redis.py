"""Redis, as a store of the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from servers.redis import RedisProcess, redis_server
from sink_contract import Factory, Traits
from tradewarden.feed import bus
from tradewarden.feed.names import Names
from tradewarden.feed.record import Row, rows
from tradewarden.feed.sinks.redis import FIELD, RedisSink
from tradewarden.feed.sinks.sink import Sink


class RedisStore:
    def __init__(self, server: RedisProcess, names: Names) -> None:
        self._server, self._names = server, names
        self.kill, self.revive = server.kill, server.start

    def sink(self) -> Sink:
        return RedisSink(url=self._server.url, names=self._names)

    def misfit(self) -> tuple[Sink, str]:
        return RedisSink(url=self._server.url, password="not this one", names=self._names), "password"

    async def kept(self) -> list[int]:
        return [row.seq for row in await self._rows()]

    async def marked(self) -> list[int]:
        return [row.seq for row in await self._rows() if row.marks]

    async def _rows(self) -> list[Row]:
        entries: list[tuple[bytes, list[Any]]] = await self._server.ask("XRANGE", "kite:frames", "-", "+")
        return [row for _, fields in entries for row in rows(bus.frames(dict(fields)[FIELD]))]


@asynccontextmanager
async def store(folder: Path, names: Names) -> AsyncIterator[RedisStore]:
    async with redis_server(folder / "redis") as server:
        yield RedisStore(server, names)


FACTORY = Factory("redis", Traits(), store)
