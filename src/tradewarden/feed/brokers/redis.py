"""The stream that another desk keeps in Redis, read entry by entry as they are added."""

from __future__ import annotations

from typing import Any, Final

from tradewarden.feed.redis_server import RedisServer
from tradewarden.feed.redis_wire import RefusedError
from tradewarden.feed.sinks.redis import FIELD, stream_of
from tradewarden.feed.sinks.sink import SinkMisfitError

AT_ONCE: Final = 100  # entries
BREATH_MS: Final = 1000  # how long the server holds an answer back while there is nothing new
MUTE: Final = 5.0  # seconds after which a server that should have answered is taken for dead


class RedisSource:
    """One stream of one server. Without a position it begins with the entry that comes next."""

    def __init__(
        self, url: str, *, broker: str = "kite", username: str | None = None, password: str | None = None
    ) -> None:
        self._stream = stream_of(broker)
        self._server = RedisServer(url, username=username, password=password)
        self._last = "$"  # the ID behind which it reads

    async def open(self, position: int | None) -> int | None:
        """Connect and find the place; a stream that was begun anew is read from its beginning."""
        await self._server.open(self._stream)
        (answer,) = await self._server.ask_all([("XINFO", "STREAM", self._stream)])
        if isinstance(answer, RefusedError) and "no such key" not in str(answer):
            raise self._server.trouble(answer, "XINFO")
        top = 0 if isinstance(answer, RefusedError) else _last_number(answer)
        if position is None:
            self._last = f"{top}-0"
            return None
        self._last = f"{position}-0" if position <= top else "0-0"
        return position if position <= top else None

    async def read(self) -> list[bytes]:
        """The next entries, at once or as soon as there are some; none after a second."""
        answer = await self._server.ask(
            "XREAD", "COUNT", AT_ONCE, "BLOCK", BREATH_MS, "STREAMS", self._stream, self._last, patience=MUTE
        )
        if not answer:
            return []
        entries = answer[0][1]
        self._last = entries[-1][0].decode()
        return [self._message(entry, fields) for entry, fields in entries]

    async def close(self) -> None:
        """Hang up."""
        await self._server.close()

    def _message(self, entry: bytes, fields: list[bytes]) -> bytes:
        found = dict(zip(fields[::2], fields[1::2], strict=True)).get(FIELD)
        if found is None:
            raise SinkMisfitError(
                f"{self._server.where}: entry {entry.decode()} of {self._stream} is not ours: name a desk's stream."
            )
        return found


def _last_number(answer: list[Any]) -> int:
    info: dict[bytes, bytes] = dict(zip(answer[::2], answer[1::2], strict=True))
    return int(info[b"last-generated-id"].partition(b"-")[0])
