"""One open socket of the simulated ticker: what it subscribed to, and what leaves for it."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final

import orjson
from aiohttp import WSMsgType, web

from tradewarden.simulator.packets import HEARTBEAT, Mode, frames, packet

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tradewarden.simulator.prices import Board, Quote
    from tradewarden.simulator.world import World

U32: Final = 0xFFFFFFFF
_DRIP_PIECES: Final = 4
_NO_LINGER: Final = struct.pack("ii", 1, 0)
_GONE: Final = (WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR)


def reset(transport: asyncio.BaseTransport | None) -> None:
    """Cut a TCP connection so that the other side gets a reset, not a polite end."""
    if transport is None:
        return
    line = transport.get_extra_info("socket")
    if line is not None and line.fileno() >= 0:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


class Kind(Enum):
    """Why a frame leaves."""

    TICKS = auto()
    HEARTBEAT = auto()
    PONG = auto()
    REPLY = auto()


class Stream:
    """Reads a client's wishes and sends it quotes, heartbeats and, on demand, nonsense."""

    def __init__(
        self,
        line: web.WebSocketResponse,
        transport: asyncio.Transport,
        *,
        world: World,
        board: Board,
        now: Callable[[], datetime],
        limit: int,
    ) -> None:
        self.modes: dict[int, Mode] = {}
        self._line = line
        self._transport = transport
        self._world = world
        self._board = board
        self._now = now
        self._limit = limit
        self._held = 0
        self._packets: list[bytes] = []
        self._outbox: asyncio.Queue[tuple[Kind, bytes | str]] = asyncio.Queue()
        self._waiting: Counter[Kind] = Counter()  # what has not left yet

    async def run(self) -> None:
        """Serve the client until it leaves."""
        async with asyncio.TaskGroup() as group:
            writer = group.create_task(self._write(), name="simulator: one socket's writer")
            await self._read()
            writer.cancel()

    def drop(self) -> None:
        """Cut the line with a TCP reset."""
        reset(self._transport)

    def send(self, message: bytes | str, kind: Kind = Kind.REPLY) -> None:
        """Something for this client, after everything before it."""
        self._waiting[kind] += 1
        self._outbox.put_nowait((kind, message))

    def beat(self) -> None:
        """A heartbeat, unless the last one still waits on a slow line."""
        if not self._waiting[Kind.HEARTBEAT]:
            self.send(HEARTBEAT, Kind.HEARTBEAT)

    def add(self, quote: Quote, mode: Mode) -> None:
        """A quote for the next frame."""
        self._packets.append(packet(quote, mode))

    def flush(self) -> None:
        """Everything added leaves in as few frames as possible; a slow line misses it, as Kite's slow clients do."""
        packets, self._packets = self._packets, []
        if not self._waiting[Kind.TICKS]:
            for frame in frames(packets):
                self.send(frame, Kind.TICKS)

    # Writing

    async def _write(self) -> None:
        while True:
            kind, message = await self._outbox.get()
            try:
                if self._world.socket != "blackhole":
                    await self._leave(kind, message)
            except ConnectionError:
                return  # the client is gone; the reader hears of it too
            self._waiting[kind] -= 1
            self._outbox.task_done()

    async def _leave(self, kind: Kind, message: bytes | str) -> None:
        match message:
            case bytes() if kind is Kind.PONG:
                await self._line.pong(message)
            case _ if self._world.drip_ms:
                await self._drip(message)
            case str():
                await self._line.send_str(message)
            case bytes():
                await self._line.send_bytes(message)

    async def _drip(self, message: bytes | str) -> None:
        """One frame in several pieces, spread over the time that the world gives it."""
        raw = _frame(message)
        size = -(-len(raw) // _DRIP_PIECES)
        for start in range(0, len(raw), size):
            await asyncio.sleep(self._world.drip_ms / 1000 / _DRIP_PIECES)
            if self._transport.is_closing():
                raise ConnectionResetError("the client left while a frame dripped")
            self._transport.write(raw[start : start + size])

    # Reading

    async def _read(self) -> None:
        while True:
            message = await self._line.receive()  # no deadline: Kite keeps a client that says nothing
            if self._world.socket == "blackhole" and message.type not in _GONE:
                if message.type is WSMsgType.CLOSE:
                    await asyncio.Event().wait()  # nobody answers; the client's own patience ends it
                continue
            match message.type:
                case WSMsgType.PING:
                    self.send(bytes(message.data), Kind.PONG)
                case WSMsgType.TEXT | WSMsgType.BINARY:
                    self._hear(message.data)
                case WSMsgType.CLOSE:
                    await self._line.close()
                    return
                case WSMsgType.CLOSING | WSMsgType.CLOSED | WSMsgType.ERROR:
                    return
                case _:
                    pass  # a pong that nobody asked for

    def _hear(self, text: str | bytes) -> None:
        try:
            wish = orjson.loads(text)
        except orjson.JSONDecodeError:
            self._complain("invalid JSON")
            return
        match wish:
            case {"a": "subscribe", "v": list(tokens)}:
                self._subscribe(_numbers(tokens))
            case {"a": "unsubscribe", "v": list(tokens)}:
                self._unsubscribe(_numbers(tokens))
            case {"a": "mode", "v": [("ltp" | "quote" | "full") as mode, list(tokens)]}:
                self._set_mode(Mode(mode), _numbers(tokens))
            case _:
                self._complain("invalid message")

    def _subscribe(self, tokens: list[int]) -> None:
        # Tokens asked for twice count twice toward the limit (forum 7069), but what ticks goes on ticking.
        refused = []
        for token in tokens:
            if token in self.modes:
                self._held += 1
            elif self._held < self._limit:
                self._held += 1
                self.modes[token] = Mode.QUOTE
            else:
                refused.append(token)
        if self._held > self._limit or refused:
            self._complain(f"{self._limit} instruments a connection are the limit; {len(refused)} were not subscribed")
        self._snapshot(tokens)

    def _unsubscribe(self, tokens: list[int]) -> None:
        for token in tokens:
            if self.modes.pop(token, None):
                self._held -= 1
        if not self.modes:
            self._held = 0

    def _set_mode(self, mode: Mode, tokens: list[int]) -> None:
        known = [token for token in tokens if token in self.modes]
        self.modes.update(dict.fromkeys(known, mode))
        self._snapshot(known)

    def _snapshot(self, tokens: list[int]) -> None:
        if self._world.ticks == "none":
            return
        when = self._now()
        silent = self._world.silent_tokens
        held = (token for token in dict.fromkeys(tokens) if token in self.modes and token not in silent)
        for frame in frames([packet(self._board.quote(token, when), self.modes[token]) for token in held]):
            self.send(frame)

    def _complain(self, text: str) -> None:
        self.send(orjson.dumps({"type": "error", "data": text}).decode())


def _numbers(tokens: list[Any]) -> list[int]:
    """The tokens that are numbers; Kite ignores the others without a word (forum 6277)."""
    return [token for token in tokens if type(token) is int and 0 < token <= U32]


def _frame(message: bytes | str) -> bytes:
    """A server's WebSocket frame: final, unmasked."""
    payload, opcode = (message.encode(), 0x81) if isinstance(message, str) else (message, 0x82)
    size = len(payload)
    if size < 126:  # noqa: PLR2004 - the three lengths of RFC 6455, section 5.2
        return struct.pack(">BB", opcode, size) + payload
    if size <= 0xFFFF:  # noqa: PLR2004
        return struct.pack(">BBH", opcode, 126, size) + payload
    return struct.pack(">BBQ", opcode, 127, size) + payload
