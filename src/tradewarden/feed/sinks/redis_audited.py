"""Redis read back: the frames of the stream, number by number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tradewarden.feed import bus
from tradewarden.feed.record import Frame
from tradewarden.feed.redis_server import RedisServer
from tradewarden.feed.sinks.audited import fingerprints
from tradewarden.feed.sinks.redis import FIELD, stream_of
from tradewarden.machines.audit import Fingerprint


class RedisAudited:
    """The stream of one broker."""

    portion = 5000
    newest_only = False
    in_time = True
    note: str | None = None

    def __init__(
        self,
        *,
        url: str,
        username: str | None = None,
        password: str | None = None,
        broker: str = "kite",
        **_others: Any,
    ) -> None:
        self._stream = stream_of(broker)
        self._server = RedisServer(url, username=username, password=password, name="tradewarden:validate")

    async def open(self) -> None:
        """Connect."""
        await self._server.open()

    async def position(self) -> int:
        """The number of the last tick in the stream."""
        newest = await self._server.ask("XREVRANGE", self._stream, "+", "-", "COUNT", 1)
        return int(newest[0][0].partition(b"-")[0]) if newest else 0

    async def kept_from(self) -> int:
        """The number of the first tick of the oldest entry."""
        oldest = await self._server.ask("XRANGE", self._stream, "-", "+", "COUNT", 1)
        frames = _frames(oldest)
        return frames[0].first_seq if frames else 0

    async def held(self, frames: Sequence[Frame]) -> list[tuple[int, Fingerprint]]:
        """The ticks under these numbers; an entry's ID is the number of its last tick."""
        first, last = frames[0].first_seq, frames[-1].last_seq
        # The last one may be within an entry whose ID is larger.
        entries = await self._server.ask("XRANGE", self._stream, f"{first}-0", f"{last}-0")
        entries += await self._server.ask("XRANGE", self._stream, f"({last}-0", "+", "COUNT", 1)
        told = fingerprints(_frames(entries))
        return [(seq, each) for seq, each in told if first <= seq <= last]

    async def close(self) -> None:
        """Hang up."""
        await self._server.close()


def _frames(entries: Sequence[Any]) -> list[Frame]:
    """The frames of these entries; one that is not ours has none."""
    found: list[Frame] = []
    for _, fields in entries:
        data = dict(zip(fields[::2], fields[1::2], strict=True)).get(FIELD)
        if data is not None:
            try:
                found += bus.frames(data)
            except bus.BusError:
                continue  # its numbers will be missing, which is what is to be told
    return found
