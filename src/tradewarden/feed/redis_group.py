"""A share of a stream in Redis: a group of readers on any machines, each entry to one of them until it is written.

An entry is done when its reader says so, which is after the commit. One whose reader died is handed to another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from tradewarden.feed import bus
from tradewarden.feed.record import Frame
from tradewarden.feed.redis_server import RedisServer
from tradewarden.feed.redis_wire import RefusedError
from tradewarden.feed.sinks.redis import FIELD, stream_of
from tradewarden.feed.sinks.sink import SinkUnavailableError

AT_ONCE: Final = 20  # entries, of up to 500 ticks each
BREATH_MS: Final = 1000
IDLE_MS: Final = 30_000  # after which an entry's reader is taken for dead
LOOKS: Final = 3  # for the entries of the dead, in the time after which they are

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Share:
    """Entries that are this reader's to write; `frames` is what they hold."""

    ids: tuple[str, ...]
    frames: tuple[Frame, ...]


class RedisGroup:
    """One reader of a group: first what it had in hand when it was last seen, then what the dead left, then the new."""

    def __init__(
        self,
        url: str,
        *,
        group: str,
        consumer: str,
        broker: str = "kite",
        username: str | None = None,
        password: str | None = None,
        idle_ms: int = IDLE_MS,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.unreadable = 0  # entries that were none of ours
        self.missed = 0  # ticks that left the stream before anybody of the group had read them
        self.claimed = 0  # entries that others had left
        self._stream, self._group, self._consumer = stream_of(broker), group, consumer
        self._idle_ms, self._seconds = idle_ms, seconds
        self._server = RedisServer(url, username=username, password=password, name=f"tradewarden:{group}:{consumer}")
        self._own: str | None = "0"  # behind which ID our own unfinished entries are read; none when all are
        self._look_at = 0.0

    async def open(self) -> None:
        """Connect, and make the group where there is none: it begins with the oldest entry."""
        await self._server.open(self._stream)
        (made,) = await self._server.ask_all([("XGROUP", "CREATE", self._stream, self._group, "0", "MKSTREAM")])
        if isinstance(made, RefusedError) and "BUSYGROUP" not in str(made):
            raise self._server.trouble(made, "XGROUP")
        self._own, self._look_at = "0", 0.0

    async def read(self) -> Share:
        """What to write next; nothing when a second brought nothing."""
        if self._own is not None:
            found = await self._entries(self._own)
            self._own = found[-1][0].decode() if found else None
            if found:
                return await self._share(found)
        if self._seconds() >= self._look_at:
            left = await self._claim()
            if left:
                return await self._share(left)
            self._look_at = self._seconds() + self._idle_ms / 1000 / LOOKS
            await self._count_missed()
        return await self._share(await self._entries(">"))

    async def done(self, share: Share) -> None:
        """These are committed: nobody needs to write them again."""
        if share.ids:
            await self._server.ask("XACK", self._stream, self._group, *share.ids)

    async def close(self) -> None:
        """Hang up; what is in hand stays ours until it has been idle for too long."""
        await self._server.close()

    async def _entries(self, behind: str) -> list[Any]:
        reading = ("XREADGROUP", "GROUP", self._group, self._consumer, "COUNT", AT_ONCE, "BLOCK", BREATH_MS)
        answer = await self._ask(*reading, "STREAMS", self._stream, behind)
        return list(answer[0][1]) if answer else []

    async def _claim(self) -> list[Any]:
        claiming = ("XAUTOCLAIM", self._stream, self._group, self._consumer, self._idle_ms, "0-0", "COUNT", AT_ONCE)
        answer = await self._ask(*claiming)
        self.claimed += len(answer[1])
        return list(answer[1])

    async def _ask(self, *command: bytes | str | int) -> Any:
        (answer,) = await self._server.ask_all([command])
        if not isinstance(answer, RefusedError):
            return answer
        if str(answer).startswith(("NOGROUP", "UNBLOCKED")):
            raise SinkUnavailableError(f"{self._server.where}: somebody took the stream {self._stream} away.")
        raise self._server.trouble(answer, str(command[0]))

    async def _share(self, entries: Sequence[Any]) -> Share:
        """What these hold. An entry that nobody can read is done at once: it would come back for ever."""
        ids: list[str] = []
        frames: list[Frame] = []
        for entry, fields in entries:
            ids.append(entry.decode())
            if fields is None:  # it has left the stream meanwhile
                continue
            try:
                frames += bus.frames(dict(zip(fields[::2], fields[1::2], strict=True))[FIELD])
            except (KeyError, bus.BusError) as fault:
                self.unreadable += 1
                log.warning("fleet.unreadable", stream=self._stream, entry=ids[-1], why=str(fault))
        share = Share(tuple(ids), tuple(frames))
        if ids and not frames:
            await self.done(share)
        return share

    async def _count_missed(self) -> None:
        """Whether the stream let go of entries that the group has not been given."""
        info = _pairs(await self._ask("XINFO", "STREAM", self._stream))
        groups = [_pairs(group) for group in await self._ask("XINFO", "GROUPS", self._stream)]
        given = next(group["last-delivered-id"] for group in groups if group["name"].decode() == self._group)
        first = info.get("first-entry")
        if not first:
            return
        oldest = await self._share_of(first)
        missed = 0 if oldest is None else oldest.first_seq - 1 - int(given.partition(b"-")[0])
        if missed > 0 and given != b"0-0":
            self.missed += missed
            log.warning("fleet.missed", stream=self._stream, ticks=missed, before=oldest and oldest.first_seq)

    @staticmethod
    async def _share_of(entry: Any) -> Frame | None:
        try:
            return bus.frames(dict(zip(entry[1][::2], entry[1][1::2], strict=True))[FIELD])[0]
        except (KeyError, IndexError, bus.BusError):
            return None


def _pairs(answer: Sequence[Any]) -> dict[str, Any]:
    return {key.decode(): value for key, value in zip(answer[::2], answer[1::2], strict=True)}
