"""NATS JetStream read back: the messages of the stream, each with the journal's frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tradewarden.feed import bus
from tradewarden.feed.record import Frame
from tradewarden.feed.sinks.audited import fingerprints
from tradewarden.feed.sinks.nats import NatsSink
from tradewarden.machines.audit import Fingerprint


class NatsAudited:
    """The stream of one broker, read message by message in the order of its own numbers."""

    portion = 5000
    newest_only = False
    in_time = True
    note: str | None = None

    def __init__(self, *, state_dir: Any, **values: Any) -> None:  # noqa: ARG002 - names play no part here
        self._sink = NatsSink(**values)
        self._next = 1  # the stream's own number of the message that is read next
        self._last = 0
        self._read: list[tuple[int, Fingerprint]] = []  # what was read and not asked for yet

    async def open(self) -> None:
        """Connect."""
        await self._sink.open()
        self._next, self._last = await self._sink.messages()

    async def position(self) -> int:
        """The number of the last tick in the stream."""
        return await self._sink.position() or 0

    async def kept_from(self) -> int:
        """The first tick of the oldest message."""
        frames = await self._frames(self._next)
        return frames[0].first_seq if frames else 0

    async def held(self, frames: Sequence[Frame]) -> list[tuple[int, Fingerprint]]:
        """The ticks with these numbers; asked for in ascending order, as an audit does."""
        first, last = frames[0].first_seq, frames[-1].last_seq
        while self._next <= self._last and (not self._read or self._read[-1][0] <= last):
            self._read += fingerprints(await self._frames(self._next))
            self._next += 1
        wanted = [each for each in self._read if first <= each[0] <= last]
        self._read = [each for each in self._read if each[0] > last]
        return wanted

    async def close(self) -> None:
        """Hang up."""
        await self._sink.close()

    async def _frames(self, number: int) -> list[Frame]:
        data = await self._sink.message(number)
        try:
            return bus.frames(data)
        except bus.BusError:
            return []  # its numbers will be missing, which is what is to be told
