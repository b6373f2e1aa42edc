"""How much of the stream Redis keeps: so many ticks, let go by their number as the sink writes, none by its age."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Self

from tradewarden.feed import bus
from tradewarden.feed.names import Names
from tradewarden.feed.record import Frame
from tradewarden.feed.redis_server import RedisServer
from tradewarden.feed.sinks.redis import FIELD, stream_of
from tradewarden.feed.sinks.retained import Kept, Removed, Rule

URL: Final = "redis://127.0.0.1:6379/0"
TICKS: Final = 1_000_000


class RedisRetained:
    """The stream of one broker."""

    name = "redis"

    def __init__(self, server: RedisServer, stream: str, *, keep_ticks: int) -> None:
        self._server, self._stream, self._keep = server, stream, keep_ticks

    @classmethod
    def of(cls, values: Mapping[str, Any], *, names: Names, state_dir: Path) -> Self:
        """From the settings' plain values."""
        del names, state_dir
        username, password = values.get("username"), values.get("password")
        server = RedisServer(values.get("url") or URL, username=username, password=password)
        return cls(server, stream_of(values.get("broker") or "kite"), keep_ticks=values.get("keep_ticks") or TICKS)

    async def rules(self) -> list[Rule]:
        """So many ticks, however old."""
        return [Rule(self._stream, None, ("frames",), "store", ticks=self._keep)]

    async def create(self) -> list[str]:
        """The stream comes with its first entry."""
        return []

    async def stats(self) -> list[Kept]:
        """Ticks, bytes, and from when to when."""
        async with self._connected() as server:
            first = _frames(await server.ask("XRANGE", self._stream, "-", "+", "COUNT", 1))
            last = _frames(await server.ask("XREVRANGE", self._stream, "+", "-", "COUNT", 1))
            if not first or not last:
                return [Kept(self._stream, 0)]
            size = await server.ask("MEMORY", "USAGE", self._stream)
        count = last[-1].last_seq - first[0].first_seq + 1
        return [Kept(self._stream, count, size, first[0].received_ns, last[-1].received_ns)]

    async def cleanup(self, now_ns: int) -> list[Removed]:
        """Each entry that is written lets the oldest go."""
        del now_ns
        return []

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[RedisServer]:
        try:
            await self._server.open(self._stream)
            yield self._server
        finally:
            await self._server.close()


def _frames(entries: list[Any]) -> list[Frame]:
    """The frames of the one entry; none when there is no entry, or when it is not ours."""
    for _, fields in entries:
        try:
            return bus.frames(dict(zip(fields[::2], fields[1::2], strict=True)).get(FIELD, b""))
        except bus.BusError:
            return []
    return []
