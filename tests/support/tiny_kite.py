"""A Kite of our own on 127.0.0.1, small enough to misbehave in every way, and a listener that writes all down."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from tradewarden.feed.tick import Tick

OpenStream = Callable[..., Any]  # makes a KiteStream with what differs from the ordinary
CANARY = "canaryAccessTokenThatNobodyMaySee"
API_KEY = "canaryApiKey0001"


def ltp_frame(token: int = 408065, price: int = 141295) -> bytes:
    return struct.pack(">HHIi", 1, 8, token, price)


@dataclass
class TinyKite:
    """A ticker that does as the test says; the door is "open", an HTTP status, or "slow" (never answers)."""

    door: str | int = "open"
    heartbeats: float | None = 0.05  # seconds between them
    dials: list[dict[str, str]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    heard: list[Any] = field(default_factory=list)
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    most_sockets: int = 0
    transports: list[asyncio.Transport] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    first: bytes | None = field(default_factory=ltp_frame)  # what follows a subscribe

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.dials.append(dict(request.query))
        self.headers.append(request.headers)
        self.changed.set()
        if isinstance(self.door, int):
            return web.json_response({"status": "error"}, status=self.door)
        if self.door == "slow":
            await asyncio.sleep(3600)
        ws = web.WebSocketResponse(autoping=True, compress=False)
        await ws.prepare(request)
        assert isinstance(request.transport, asyncio.Transport)
        self.transports.append(request.transport)
        self.sockets.append(ws)
        self.most_sockets = max(self.most_sockets, len(self.sockets))
        async with asyncio.TaskGroup() as group:
            beat = group.create_task(self._beat(ws))
            try:
                async for message in ws:
                    if message.type is WSMsgType.TEXT:
                        self.heard.append(json.loads(message.data))
                        self.changed.set()
                        if self.first is not None and self.heard[-1]["a"] == "subscribe":
                            await ws.send_bytes(self.first)
            finally:
                beat.cancel()
                self.sockets.remove(ws)
                self.changed.set()
        return ws

    async def _beat(self, ws: web.WebSocketResponse) -> None:
        while True:
            await asyncio.sleep(self.heartbeats or 0.01)
            if self.heartbeats is not None:
                await ws.send_bytes(b"\x00")

    def reset(self) -> None:
        """A TCP reset on every open connection, as a failing router sends it."""
        for transport in self.transports:
            if not transport.is_closing():
                raw = transport.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                transport.abort()
        self.transports.clear()

    async def until(self, true: Callable[[], object]) -> None:
        await _until(self.changed, true)


async def _until(changed: asyncio.Event, true: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not true():
            changed.clear()
            await changed.wait()


class Listener:
    """Everything a stream tells, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.frames = 0
        self.changed = asyncio.Event()
        self.on_ticks: Callable[[list[Tick]], object] = lambda _ticks: None
        self.on_opened: Callable[[], object] = lambda: None

    def _note(self, *what: Any) -> None:
        self.told.append(what)
        self.changed.set()

    def opened(self, gen: int) -> None:
        self._note("opened", gen)
        self.on_opened()

    def frame(self, gen: int) -> None:
        self.frames += 1
        self.last_frame_gen = gen
        self.changed.set()

    def ticks(self, gen: int, ticks: list[Tick]) -> None:
        self._note("ticks", gen, ticks)
        self.on_ticks(ticks)

    def text(self, gen: int, message: Mapping[str, Any]) -> None:
        self._note("text", gen, message)

    def bad_frame(self, gen: int, kind: str) -> None:
        self._note("bad_frame", gen, kind)

    def refused(self, gen: int, status: int) -> None:
        self._note("refused", gen, status)

    def lost(self, gen: int, reason: str, detail: str) -> None:
        self._note("lost", gen, reason, detail)

    def of(self, *kinds: str) -> list[tuple[Any, ...]]:
        return [what for what in self.told if what[0] in kinds]

    async def until(self, true: Callable[[], object]) -> None:
        await _until(self.changed, true)

    async def until_told(self, kind: str, times: int = 1) -> tuple[Any, ...]:
        await self.until(lambda: len(self.of(kind)) >= times)
        return self.of(kind)[times - 1]


@asynccontextmanager
async def serve(handler: Callable[[web.Request], Any], **site: Any) -> AsyncIterator[int]:
    """An aiohttp server for any request; gives its port."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, **site).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
