"""Redis: every tick in a stream, as the journal's frames; messages and the originals' JSON beside it where wanted.

An entry of `<broker>:frames` is one batch, and its ID is the number of its last tick. So the stream itself says how far
it has come, and Redis itself refuses what it has already. What is guaranteed, and how to read it: docs/sinks/redis.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tradewarden.feed import bus
from tradewarden.feed.names import Names
from tradewarden.feed.record import SIZE, Frame
from tradewarden.feed.redis_server import RedisServer
from tradewarden.feed.redis_wire import RefusedError
from tradewarden.feed.sinks.originals import Originals
from tradewarden.feed.sinks.sink import Batching, SinkMisfitError, SinkUnavailableError, Stored, Written

FIELD: Final = b"f"
SLACK_NS: Final = 60_000_000_000  # a clock may have been put back a little
REFUSED: Final = "equal or smaller than the target stream top item"


def stream_of(broker: str) -> str:
    """The stream, and the channel, of a broker's ticks."""
    return f"{broker}:frames"


class RedisSink:
    """One Redis server as a store of the latest ticks, for any number of readers."""

    name = "redis"

    def __init__(
        self,
        *,
        url: str,
        username: str | None = None,
        password: str | None = None,
        broker: str = "kite",
        keep_ticks: int = 1_000_000,
        publish: bool = False,
        originals: bool = False,
        names: Names | None = None,  # noqa: ARG002 - numbers travel, names are everybody's own
    ) -> None:
        self.batching = Batching()
        self._stream = stream_of(broker)
        self._writer = f"tradewarden:{self._stream}"
        self._server = RedisServer(url, username=username, password=password, name=self._writer)
        self._keep = keep_ticks
        self._publish = publish
        self._originals = Originals(broker, self._server) if originals else None
        self._top = 0  # the number of the last tick in the stream, as far as we know

    async def open(self) -> None:
        """Connect, end whoever still writes this stream in our name, and see how far it has come."""
        await self._server.open(self._stream)
        await self._be_alone()
        await self.position()
        if self._originals is not None:
            await self._originals.open()

    async def position(self) -> int | None:
        """The number of the last tick in the stream, which it remembers when all of its entries are gone."""
        self._top = _number(await self._look())
        return self._top

    async def write(self, frames: Sequence[Frame]) -> Written:
        """Append the frames, an entry for each 500 ticks or so; what the stream has already counts as had."""
        total = sum(frame.count for frame in frames)
        fresh = bus.after(frames, self._top)
        if len(fresh) < len(frames):
            await self._recognise(frames[0])
        if not fresh:
            return Written(total)
        if self._originals is not None:
            await self._originals.write(fresh)
        messages = {parcel[-1].last_seq: bus.message(parcel) for parcel in bus.parcels(fresh)}
        for last, answer in zip(messages, await self._server.ask_all(self._entries(messages)), strict=True):
            if isinstance(answer, RefusedError):
                raise self._refusal(answer)
            self._top = last
        if self._publish:
            await self._server.ask_all([("PUBLISH", self._stream, message) for message in messages.values()])
        return Written(total)

    async def tables(self) -> list[Stored]:
        """The stream's ticks and bytes, and the originals' where they are written."""
        told = [await self._stored(self._stream, await self._ticks())]
        for stream in self._originals.streams if self._originals is not None else ():
            length = await self._server.ask("XLEN", stream)
            told.append(await self._stored(stream, length))
        return told

    async def close(self) -> None:
        """Hang up."""
        await self._server.close()

    def _entries(self, messages: Mapping[int, bytes]) -> list[tuple[bytes | str | int, ...]]:
        # Trimmed by number, not by length: an entry has the ticks that came together, be it one or hundreds.
        return [
            ("XADD", self._stream, "MINID", "~", f"{max(0, last - self._keep)}-0", f"{last}-0", FIELD, message)
            for last, message in messages.items()
        ]

    def _refusal(self, answer: RefusedError) -> Exception:
        if REFUSED in str(answer):  # it has come further than we know: look again, and go on from there
            return SinkUnavailableError(f"{self._server.where}: somebody else writes the stream {self._stream}.")
        return self._server.trouble(answer, "XADD")

    async def _recognise(self, frame: Frame) -> None:
        """See that what the stream has under a frame's number is that frame, or at least what came after it.

        Raises SinkMisfitError when it has others.
        """
        entries = await self._server.ask("XRANGE", self._stream, f"{frame.first_seq}-0", "+", "COUNT", 1)
        for _, fields in entries:
            theirs = _frames_of(fields)
            if theirs is None or not _agree(theirs, frame):
                raise SinkMisfitError(
                    f"{self._server.where}: the stream {self._stream} has other ticks under number {frame.first_seq},"
                    " so it belongs to another journal: delete it, or set another sinks.redis.broker."
                )

    async def _look(self) -> Mapping[str, Any]:
        """What the server says of the stream; nothing when there is none yet."""
        (answer,) = await self._server.ask_all([("XINFO", "STREAM", self._stream)])
        if isinstance(answer, RefusedError):
            if "no such key" in str(answer):
                return {}
            raise self._server.trouble(answer, "XINFO")
        return {key.decode(): value for key, value in zip(answer[::2], answer[1::2], strict=True)}

    async def _be_alone(self) -> None:
        """End connections of ours that are still open: what they were sending must not come after what we will send.

        That is a process which was killed a moment ago, or a write that was given up. A user that may not do this
        writes without.
        """
        mine, clients = await self._server.ask_all([("CLIENT", "ID"), ("CLIENT", "LIST", "TYPE", "normal")])
        if isinstance(mine, RefusedError) or isinstance(clients, RefusedError):
            return
        for line in clients.decode(errors="replace").splitlines():
            client = dict(part.partition("=")[::2] for part in line.split(" "))
            if client.get("name") == self._writer and client.get("id") != str(mine):
                await self._server.ask_all([("CLIENT", "KILL", "ID", client["id"])])

    async def _ticks(self) -> int | None:
        info = await self._look()
        first = info.get("first-entry")
        oldest = _frames_of(first[1]) if first else []
        if oldest is None:
            return None
        return _number(info) - oldest[0].first_seq + 1 if oldest else 0

    async def _stored(self, name: str, rows: int | None) -> Stored:
        (size,) = await self._server.ask_all([("MEMORY", "USAGE", name)])
        return Stored(name, rows, size if isinstance(size, int) else None)


def _number(info: Mapping[str, Any]) -> int:
    return int(info["last-generated-id"].partition(b"-")[0]) if info else 0


def _frames_of(fields: Sequence[bytes]) -> list[Frame] | None:
    """The frames of an entry; none when it is not one of ours."""
    try:
        return bus.frames(dict(zip(fields[::2], fields[1::2], strict=True))[FIELD])
    except (KeyError, bus.BusError):
        return None


def _agree(theirs: Sequence[Frame], ours: Frame) -> bool:
    """Whether what they have from our first number on continues our journal: the same tick, or a later one."""
    for frame in bus.after(theirs, ours.first_seq - 1):
        if frame.first_seq == ours.first_seq:
            return frame.received_ns == ours.received_ns and frame.records[:SIZE] == ours.records[:SIZE]
        return frame.received_ns > ours.received_ns - SLACK_NS  # they let go of ours; their next was received later
    return True
