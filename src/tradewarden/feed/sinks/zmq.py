"""ZeroMQ: ticks to whoever listens at this moment. It keeps nothing, waits for nobody, and says what it had to drop.

A message has two parts, the topic and the data. Frames are the journal's own, on one topic; with `json_ticks` each tick
is a message too, with the topics and the ports of the integrated startup system. See docs/sinks/zmq.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson
import zmq

from tradewarden.feed import bus
from tradewarden.feed.names import Names
from tradewarden.feed.plain import depth, told
from tradewarden.feed.record import DepthLayout, Frame, Row, rows
from tradewarden.feed.sinks.sink import Batching, SinkMisfitError, SinkUnavailableError, Stored, Written

BREATH: Final = 200  # messages between two breaths of the loop
SUBSCRIBED: Final = 1  # the first byte of what a socket hears when somebody asks for a topic


class ZmqSink:
    """A publisher: frames on `port`; with `json_ticks` a message for each tick and order book on ports of their own."""

    name = "zmq"
    linger = 100  # milliseconds

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 5555,
        broker: str = "kite",
        json_ticks: bool = False,
        tick_port: int = 5558,
        depth_port: int = 5560,
        high_water: int = 1000,
        names: Names | None = None,
    ) -> None:
        self.batching = Batching()
        self.dropped = 0  # how often somebody fell too far behind; the messages it missed then, only its reader knows
        self._host, self._high_water, self._names = host, high_water, names
        self._frames, self._tick, self._depth = f"{broker}_frames", f"{broker}_tick", f"{broker}_depth"
        self._ports = {self._frames: port}
        if json_ticks:
            self._ports |= {self._tick: tick_port, self._depth: depth_port}
        self._context: zmq.Context[Any] | None = None
        self._sockets: dict[str, zmq.Socket[Any]] = {}
        self._wanted: dict[str, set[bytes]] = {}

    async def open(self) -> None:
        """Listen for subscribers on every port."""
        await self.close()
        self._context = zmq.Context()
        for topic, port in self._ports.items():
            self._sockets[topic] = self._listen(self._context, port)
            self._wanted[topic] = set()

    async def position(self) -> int | None:
        """Nobody knows: it keeps nothing."""
        return None

    async def write(self, frames: Sequence[Frame]) -> Written:
        """Send to those who listen; who is too slow misses messages, and nobody waits for anybody."""
        if not self._sockets:
            raise SinkUnavailableError("the ZeroMQ publisher is not open.")
        for sent, (topic, data) in enumerate(self._messages(frames), 1):
            self._send(self._sockets[topic], topic, data)
            if sent % BREATH == 0:
                await asyncio.sleep(0)
        return Written(sum(frame.count for frame in frames))

    async def tables(self) -> list[Stored]:
        """The topics; none of them holds anything."""
        return [Stored(topic, None, None) for topic in self._ports]

    async def close(self) -> None:
        """Stop listening; what has not left after a tenth of a second is dropped."""
        sockets, self._sockets = self._sockets, {}
        for socket in sockets.values():
            socket.close(linger=self.linger)
        context, self._context = self._context, None
        if context is not None:
            context.term()

    def wanted(self, topic: str) -> bool:
        """Whether anybody listens to this topic now."""
        socket, prefixes = self._sockets[topic], self._wanted[topic]
        while socket.poll(0, zmq.POLLIN):
            news: bytes = socket.recv(zmq.NOBLOCK)
            if news[:1] == bytes([SUBSCRIBED]):
                prefixes.add(news[1:])
            else:
                prefixes.discard(news[1:])
        return any(topic.encode().startswith(prefix) for prefix in prefixes)

    def _listen(self, context: zmq.Context[Any], port: int) -> zmq.Socket[Any]:
        socket: zmq.Socket[Any] = context.socket(zmq.XPUB)  # as PUB, and it hears who subscribes
        socket.set_hwm(self._high_water)
        socket.setsockopt(zmq.HEARTBEAT_IVL, 2000)  # a subscriber that vanished without a word takes no memory for long
        socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 6000)
        address = f"tcp://{self._host}:{port}"
        try:
            socket.bind(address)
        except zmq.ZMQError as error:
            socket.close(linger=0)
            raise SinkMisfitError(
                f"cannot publish at {address}: {error.strerror}; stop the program that does, or set another"
                " host or port under sinks.zmq."
            ) from None
        return socket

    def _messages(self, frames: Sequence[Frame]) -> Iterator[tuple[str, bytes]]:
        """What there is to say, where anybody listens."""
        if self.wanted(self._frames):
            for parcel in bus.parcels(frames):
                yield self._frames, bus.message(parcel)
        ticks, depths = (topic in self._ports and self.wanted(topic) for topic in (self._tick, self._depth))
        if not ticks and not depths:
            return
        for row in rows(frames):
            plain = told(row, self._names)
            book = plain.pop("depth", None)
            if ticks:
                yield self._tick, orjson.dumps(plain)
            if depths and book is not None:
                yield self._depth, orjson.dumps(_book(row, plain))

    def _send(self, socket: zmq.Socket[Any], topic: str, data: bytes) -> None:
        """One message without waiting. A subscriber whose queue is full misses it, and what follows until it has room.

        ZeroMQ tells the first of these and leaves the subscriber out until then, so stalls are counted, not messages.
        """
        parts = [topic.encode(), data]
        socket.setsockopt(zmq.XPUB_NODROP, 1)
        try:
            socket.send_multipart(parts, zmq.NOBLOCK)
        except zmq.Again:
            self.dropped += 1
            socket.setsockopt(zmq.XPUB_NODROP, 0)
            socket.send_multipart(parts, zmq.NOBLOCK)


def _book(row: Row, plain: dict[str, Any]) -> dict[str, Any]:
    """A tick's order book as a message of its own."""
    kept = {
        name: plain[name] for name in ("seq", "instrument", "symbol", "received_at", "exchange_at") if name in plain
    }
    return kept | (depth(row) if row.depth_layout == DepthLayout.KITE else {})
