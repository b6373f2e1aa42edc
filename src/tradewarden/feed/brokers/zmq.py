"""What another desk publishes over ZeroMQ, from the moment on at which this one listens."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import zmq
import zmq.asyncio
from zmq.utils.monitor import recv_monitor_message

from tradewarden.feed.sinks.sink import SinkMisfitError, SinkUnavailableError

DIAL: Final = 10.0  # seconds
BREATH_MS: Final = 1000
BEAT_MS, DEAD_MS = 1000, 5000  # ZeroMQ's own heartbeats, and how long one may be missing
PARTS: Final = 2
_UP: Final = zmq.Event.HANDSHAKE_SUCCEEDED
_DOWN: Final = frozenset({zmq.Event.DISCONNECTED, zmq.Event.CLOSED, zmq.Event.MONITOR_STOPPED})


class ZmqSource:
    """One publisher's frames. Nothing is kept anywhere, so what was sent before is gone."""

    def __init__(self, url: str, *, broker: str = "kite") -> None:
        self._url, self._topic = url, f"{broker}_frames".encode()
        self._context: zmq.asyncio.Context | None = None
        self._socket: zmq.asyncio.Socket | None = None
        self._monitor: zmq.asyncio.Socket | None = None
        self._poller = zmq.asyncio.Poller()

    async def open(self, position: int | None) -> int | None:
        """Connect and subscribe; there is a publisher when its handshake is through."""
        await self.close()
        self._context = zmq.asyncio.Context()
        socket = self._socket = self._context.socket(zmq.SUB)
        socket.setsockopt(zmq.HEARTBEAT_IVL, BEAT_MS)
        socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, DEAD_MS)
        socket.subscribe(self._topic)
        self._monitor = socket.get_monitor_socket(zmq.Event.HANDSHAKE_SUCCEEDED | zmq.Event.DISCONNECTED)
        self._poller = zmq.asyncio.Poller()
        for each in (socket, self._monitor):
            self._poller.register(each, zmq.POLLIN)
        try:
            socket.connect(self._url)
        except zmq.ZMQError as error:
            raise SinkMisfitError(f"{self._url} is no address of a ZeroMQ publisher: {error.strerror}.") from None
        try:
            async with asyncio.timeout(DIAL):
                while await self._news() is not _UP:
                    pass
        except TimeoutError:
            raise SinkUnavailableError(f"no ZeroMQ publisher answers at {self._url} within {DIAL:g} s.") from None
        return position  # a publisher has no past: what was sent meanwhile is missed, and counted

    async def read(self) -> list[bytes]:
        """The next message; none after a second, as long as the publisher is there."""
        if self._socket is None or self._monitor is None:
            raise SinkUnavailableError(f"the ZeroMQ publisher at {self._url} is not connected.")
        ready: dict[Any, int] = dict(await self._poller.poll(BREATH_MS))
        if self._monitor in ready and await self._news() in _DOWN:
            raise SinkUnavailableError(f"the ZeroMQ publisher at {self._url} went away.")
        if self._socket not in ready:
            return []
        parts = await self._socket.recv_multipart()
        return [parts[1]] if len(parts) == PARTS else []

    async def close(self) -> None:
        """Hang up."""
        monitor, self._monitor, self._socket = self._monitor, None, None
        if monitor is not None:
            monitor.close(linger=0)
        context, self._context = self._context, None
        if context is not None:
            context.destroy(linger=0)

    async def _news(self) -> zmq.Event | None:
        """The next thing that happened to the connection."""
        if self._monitor is None:
            return None
        told = await recv_monitor_message(self._monitor)
        return zmq.Event(told["event"])
