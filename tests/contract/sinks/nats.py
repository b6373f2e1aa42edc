"""NATS JetStream, as a store of the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats
from nats.js.errors import NotFoundError

from servers.nats import NatsProcess, nats_server
from sink_contract import Factory, Traits
from tradewarden.feed import bus
from tradewarden.feed.names import Names
from tradewarden.feed.record import Row, rows
from tradewarden.feed.sinks.nats import NatsSink
from tradewarden.feed.sinks.sink import Sink

LOGIN = ("--user", "desk", "--pass", "open sesame")


class NatsStore:
    def __init__(self, server: NatsProcess, names: Names) -> None:
        self._server, self._names = server, names
        self.kill, self.revive = server.kill, server.start

    def sink(self) -> Sink:
        return NatsSink(url=self._server.url, username="desk", password="open sesame", names=self._names)

    def misfit(self) -> tuple[Sink, str]:
        return NatsSink(url=self._server.url, username="desk", password="not this one", names=self._names), "password"

    async def kept(self) -> list[int]:
        return [row.seq for row in await self._rows()]

    async def marked(self) -> list[int]:
        return [row.seq for row in await self._rows() if row.marks]

    async def _rows(self) -> list[Row]:
        client = await nats.connect(self._server.url, user="desk", password="open sesame", allow_reconnect=False)
        try:
            stream = client.jetstream()
            state = (await stream.stream_info("kite_frames")).state
            some = [
                await stream.get_msg("kite_frames", seq=n) for n in range(max(1, state.first_seq), state.last_seq + 1)
            ]
        except NotFoundError:
            return []
        finally:
            await client.close()
        return [row for message in some for row in rows(bus.frames(message.data or b""))]


@asynccontextmanager
async def store(folder: Path, names: Names) -> AsyncIterator[NatsStore]:
    async with nats_server(folder / "nats", *LOGIN) as server:
        yield NatsStore(server, names)


FACTORY = Factory("nats", Traits(), store)
