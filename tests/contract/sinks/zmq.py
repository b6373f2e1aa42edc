"""ZeroMQ, as a store of the contract: what it has is what reached its subscriber."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import zmq
import zmq.asyncio

from servers.process import free_port
from sink_contract import Factory, Traits
from tradewarden.feed import bus
from tradewarden.feed.names import Names
from tradewarden.feed.record import Row, rows
from tradewarden.feed.sinks.sink import Sink
from tradewarden.feed.sinks.zmq import ZmqSink

PATIENCE = 5.0


class PatientSink(ZmqSink):
    """Waits until the test's subscriber is there, and until it has everything, since nobody else will."""

    linger = 10_000

    async def open(self) -> None:
        await super().open()
        async with asyncio.timeout(PATIENCE):
            while not self.wanted("kite_frames"):  # noqa: ASYNC110 - a socket has no event for it
                await asyncio.sleep(0.005)


class ZmqStore:
    def __init__(self, context: zmq.asyncio.Context, names: Names) -> None:
        self._names, self._port = names, free_port()
        self._subscriber = context.socket(zmq.SUB)
        self._subscriber.setsockopt(zmq.RECONNECT_IVL, 5)
        self._subscriber.subscribe(b"kite_frames")
        self._subscriber.connect(f"tcp://127.0.0.1:{self._port}")
        self._other = context.socket(zmq.PUB)
        self._taken = self._other.bind_to_random_port("tcp://127.0.0.1")

    def sink(self) -> Sink:
        return PatientSink(port=self._port, names=self._names)

    def misfit(self) -> tuple[Sink, str]:
        return ZmqSink(port=self._taken, names=self._names), "in use"

    async def kept(self) -> list[int]:
        return [row.seq for row in await self._rows()]

    async def marked(self) -> list[int]:
        return [row.seq for row in await self._rows() if row.marks]

    async def kill(self) -> None:
        """There is no server."""

    async def revive(self) -> None:
        """There is no server."""

    def close(self) -> None:
        self._subscriber.close(linger=0)
        self._other.close(linger=0)

    async def _rows(self) -> list[Row]:
        found: list[Row] = []
        while await self._subscriber.poll(1000):
            parts: list[Any] = await self._subscriber.recv_multipart()
            found += rows(bus.frames(parts[1]))
        return found


@asynccontextmanager
async def store(_folder: Path, names: Names) -> AsyncIterator[ZmqStore]:
    context = zmq.asyncio.Context()
    made = ZmqStore(context, names)
    try:
        yield made
    finally:
        made.close()
        context.term()


FACTORY = Factory("zmq", Traits(keeps=False, killable=False), store)
