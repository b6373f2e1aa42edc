"""ZeroMQ listened to: it keeps nothing, so what comes within a few seconds is compared."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import zmq
import zmq.asyncio

from tradewarden.feed import bus
from tradewarden.feed.record import Frame
from tradewarden.feed.sinks.audited import fingerprints
from tradewarden.feed.sinks.sink import SinkUnavailableError
from tradewarden.machines.audit import Fingerprint

SECONDS: Final = 5.0  # of listening


class ZmqAudited:
    """The frames' topic of one publisher."""

    portion = 5000
    newest_only = False
    in_time = True

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 5555,
        broker: str = "kite",
        seconds: float = SECONDS,
        **_others: Any,
    ) -> None:
        self._address, self._topic, self._seconds = f"tcp://{host}:{port}", f"{broker}_frames".encode(), seconds
        self.note: str | None = f"it keeps nothing: {seconds:g} s were listened to"
        self._heard: list[tuple[int, Fingerprint]] = []

    async def open(self) -> None:
        """Listen for a few seconds. Raises SinkUnavailableError when nothing is heard."""
        context = zmq.asyncio.Context()
        socket = context.socket(zmq.SUB)
        try:
            socket.set_hwm(0)
            socket.connect(self._address)
            socket.subscribe(self._topic)
            await self._listen(socket)
        finally:
            socket.close(linger=0)
            context.term()
        if not self._heard:
            raise SinkUnavailableError(
                f"nothing came from {self._address} in {self._seconds:g} s: do ticks flow, and is the publisher there?"
            )

    async def _listen(self, socket: zmq.asyncio.Socket) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                while True:
                    _, data = await socket.recv_multipart()
                    try:
                        self._heard += fingerprints(bus.frames(data))
                    except bus.BusError:
                        continue  # its numbers will be missing, which is what is to be told
        except TimeoutError:
            return

    async def position(self) -> int:
        """The last number that was heard."""
        return max(seq for seq, _ in self._heard)

    async def kept_from(self) -> int:
        """The first number that was heard."""
        return min(seq for seq, _ in self._heard)

    async def held(self, frames: Sequence[Frame]) -> list[tuple[int, Fingerprint]]:
        """What was heard of these."""
        first, last = frames[0].first_seq, frames[-1].last_seq
        return [(seq, each) for seq, each in self._heard if first <= seq <= last]

    async def close(self) -> None:
        """Nothing is held open."""
