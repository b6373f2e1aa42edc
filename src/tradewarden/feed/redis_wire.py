"""A connection that speaks Redis' own protocol: commands out, answers back, and nothing of what a client adds.

redis-py's connection would do it too; importing it takes 22 MB of the daemon's memory for commands that nobody gives.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from typing import Any, Final, Self

import hiredis

CHUNK: Final = 1 << 16  # bytes that are read at once
_NOT_YET: Final = object()

Command = tuple[bytes | str | int, ...]


class RefusedError(Exception):
    """The server's refusal of one command, in its own words."""

    @property
    def code(self) -> str:
        """The first word, which says the kind: NOAUTH, MOVED, ERR."""
        return str(self).partition(" ")[0]

    @property
    def words(self) -> str:
        """The rest, which says it to people."""
        return str(self).partition(" ")[2] or str(self)


class NotRedisError(Exception):
    """Whoever answers there does not speak this protocol."""


class RedisWire:
    """One connection; whatever goes wrong on it, it is hung up, so that no answer is taken for another's."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._answers = hiredis.Reader(protocolError=NotRedisError, replyError=RefusedError, notEnoughData=_NOT_YET)
        self.is_open = True

    @classmethod
    async def dial(cls, host: str, port: int, *, tls: bool) -> Self:
        """Connect; with TLS the server's certificate is checked. Raises OSError."""
        context = ssl.create_default_context() if tls else None
        return cls(*await asyncio.open_connection(host, port, ssl=context))

    async def ask(self, commands: Sequence[Command]) -> list[Any]:
        """The answers to commands that are sent together; a refused one's is its RefusedError.

        Raises OSError and NotRedisError.
        """
        try:
            self._writer.write(b"".join([_packed(command) for command in commands]))
            await self._writer.drain()
            return [await self._answer() for _ in commands]
        except BaseException:
            self.hang_up()
            raise

    def hang_up(self) -> None:
        """At once: what is still on its way out is dropped, so that it cannot come after what follows."""
        self.is_open = False
        self._writer.transport.abort()

    async def _answer(self) -> Any:
        while (answer := self._answers.gets()) is _NOT_YET:
            some = await self._reader.read(CHUNK)
            if not some:
                raise ConnectionResetError(None, "the server hung up")
            self._answers.feed(some)
        return answer


def _packed(command: Command) -> bytes:
    packed: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]  # its types know of commands of one word
    return packed
