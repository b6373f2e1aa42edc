"""One attempt to reach a broker, and the WebSocket that comes of it: dropped in a moment, never silent for long."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

import aiohttp

from tradewarden.feed.tick import Mode

LATE = 0.1  # seconds: a timer later than this tells of our own loop, not of the broker


class Socket(aiohttp.ClientWebSocketResponse):
    """A WebSocket that can be dropped without a word: a close handshake would wait for a peer that may be dead."""

    def abort(self) -> None:
        """Drop it."""
        connection = self._response.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()
        self._response.close()


class Line:
    """What belongs to connection number `gen` from the first packet of the dial to the last of the stream."""

    def __init__(self, gen: int, *, is_further: bool = False) -> None:
        self.gen = gen
        self.is_further = is_further  # of the same number: the stream is open already
        self.socket: Socket | None = None
        self.patience: asyncio.Timeout | None = None  # of the attempt
        self.group: asyncio.TaskGroup | None = None  # owns what is sent beside the reading
        self.asking = asyncio.Lock()
        self.asked: Mapping[int, Mode] = {}  # what this connection was told to stream
        self.last_rx = 0.0
        self.mute = False
        self.silenced = False  # nobody wants to hear of it any more
        self.successor: Line | None = None  # dialled in its place, as if nothing had happened
        self._limit = 0.0
        self._pardoned = False
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, limit: float) -> None:
        """From now on, drop the connection when nothing comes for `limit` seconds."""
        self._limit = limit
        self.last_rx = asyncio.get_running_loop().time()
        self._look_at(self.last_rx + limit)

    def drop(self) -> None:
        """Let go of everything at once."""
        if self._timer is not None:
            self._timer.cancel()
        socket, self.socket = self.socket, None
        if socket is not None:
            socket.abort()
        elif self.patience is not None:
            with contextlib.suppress(RuntimeError):  # the attempt is over already
                self.patience.reschedule(asyncio.get_running_loop().time())

    def _look_at(self, when: float) -> None:
        # One timer, moved only when it fires: a frame costs one assignment and nothing else.
        self._timer = asyncio.get_running_loop().call_at(when, self._look, when)

    def _look(self, due: float) -> None:
        now, end = asyncio.get_running_loop().time(), self.last_rx + self._limit
        if now < end:
            self._pardoned = False
            self._look_at(end)
        elif now - due > LATE and not self._pardoned:
            self._pardoned = True  # our loop stood still: what came meanwhile waits in the kernel, so read it first
            self._look_at(now + LATE)
        else:
            self.mute = True
            self.drop()
