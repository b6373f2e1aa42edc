"""A Redis server as the desk needs it: one connection, no retries behind our back, and its refusals told apart."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from redis.asyncio import Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    InvalidResponse,
    MovedError,
    RedisError,
    ResponseError,
)
from redis.exceptions import TimeoutError as TimedOut

from tradewarden.feed.sinks.sink import SinkMisfitError, SinkUnavailableError

PATIENCE: Final = 10.0  # seconds for one answer; a rewrite of the append-only file may hold the server up for some
PORT: Final = 6379
HOPS: Final = 5  # from node to node of a cluster, until one has the key

Command = tuple[bytes | str | int, ...]

# What the server says first, and whether a person must act; every other refusal is a fault of ours or of its version.
_PASSING: Final = {
    "LOADING": "is still reading its files",
    "MASTERDOWN": "is a replica that has lost its primary",
    "CLUSTERDOWN": "belongs to a cluster that is down",
    "TRYAGAIN": "is moving this key to another node",
    "ASK": "is moving this key to another node",
    "MOVED": "has given this key to another node of its cluster",
    "BUSY": "is busy with somebody's script",
    "READONLY": "is a replica and takes no writes: wait for the failover to end, or name the primary",
    "NOREPLICAS": "has too few replicas to take writes",
    "MISCONF": "takes no writes, as it cannot save to its disk: make room there, see its log",
}
_LASTING: Final = {
    "NOAUTH": "asks for a password: set it in the settings",
    "WRONGPASS": "refuses the login; correct user or password in the settings",
    "NOPERM": "does not let this user do that: allow it in the server's ACL",
    "OOM": "is full and takes nothing more: raise its maxmemory, or keep fewer ticks",
    "WRONGTYPE": "has something else under this name: choose another, or delete the key",
    "DENIED": "is in protected mode: give it a password, or let it listen on loopback only",
    "CROSSSLOT": "is a cluster, which keeps these keys on several nodes: give the name in braces, as in {kite}",
}
_LASTING_KINDS: Final = (AuthenticationError, AuthorizationError, InvalidResponse, ResponseError)


class RedisServer:
    """One server, by its address; `ask` and `ask_all` raise the two errors of a store."""

    def __init__(
        self,
        url: str,
        *,
        username: str | None = None,
        password: str | None = None,
        name: str | None = None,
        patience: float = PATIENCE,
    ) -> None:
        parts = urlsplit(url)
        self.where = f"Redis at {parts.hostname}:{parts.port or PORT}"
        self._kind = SSLConnection if parts.scheme == "rediss" else Connection
        self._place: dict[str, Any] = {
            "host": parts.hostname or "localhost",
            "port": parts.port or PORT,
            "db": parts.path.strip("/") or 0,
            "username": username,
            "password": password,
        }
        self._name = name
        self._patience = patience
        self._connection: Connection | None = None

    async def open(self, key: str | None = None) -> None:
        """A fresh connection, tried once; in a cluster, to the node that has this key.

        Raises SinkUnavailableError or SinkMisfitError.
        """
        place = self._place
        for _ in range(HOPS):
            await self._dial(place)
            if key is None:
                return
            (answer,) = await self.ask_all([("TYPE", key)])
            if not isinstance(answer, MovedError):  # whatever else it is, the first real command tells
                return
            place = place | {"host": answer.host or place["host"], "port": answer.port}
        raise SinkUnavailableError(f"{self.where} belongs to a cluster whose nodes do not agree on who has {key}.")

    async def _dial(self, place: dict[str, Any]) -> None:
        await self.close()
        self._connection = self._kind(
            **place,
            socket_timeout=None,  # every answer has our own deadline
            socket_connect_timeout=self._patience,
            # A command that is sent again by the library might be carried out twice: who tries again is decided above.
            retry=Retry(NoBackoff(), 0),
            driver_info=None,
            protocol=2,
        )
        try:
            async with asyncio.timeout(self._patience):
                await self._connection.connect()  # type: ignore[no-untyped-call]
        except (RedisError, OSError) as error:
            raise self.trouble(error, "connecting") from None
        await self.ask("PING")
        if self._name is not None:
            await self.ask_all([("CLIENT", "SETNAME", self._name)])  # a user that may not is a user all the same

    async def ask(self, *command: bytes | str | int, patience: float | None = None) -> Any:
        """The answer to one command. Raises SinkUnavailableError or SinkMisfitError."""
        (answer,) = await self.ask_all([command], patience=patience)
        if isinstance(answer, ResponseError):
            raise self.trouble(answer, str(command[0]))
        return answer

    async def ask_all(self, commands: Sequence[Command], *, patience: float | None = None) -> list[Any]:
        """The answers to commands that are sent together; one that the server refused is the ResponseError itself."""
        connection = self._connection
        if connection is None or not connection.is_connected:
            raise SinkUnavailableError(f"{self.where} is not connected.")
        answers: list[Any] = []
        try:
            async with asyncio.timeout(patience or self._patience):
                await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
                for _ in commands:
                    try:
                        answers.append(await connection.read_response())
                    except ResponseError as refusal:
                        answers.append(refusal)
        except (RedisError, OSError) as error:
            raise self.trouble(error, str(commands[0][0])) from None
        return answers

    async def close(self) -> None:
        """Hang up at once; what is still on its way out is dropped, so that it cannot come after what follows."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        writer = connection._writer  # noqa: SLF001 - there is no public way to hang up without sending the rest
        if writer is not None:
            writer.transport.abort()
        with contextlib.suppress(RedisError, OSError):
            await connection.disconnect(nowait=True)

    def trouble(self, error: Exception, doing: str) -> SinkUnavailableError | SinkMisfitError:
        """What an error means: the store is away, or somebody must act."""
        text = str(error)
        word = getattr(error, "status_code", None) or text.partition(" ")[0]
        if word in _PASSING:
            return SinkUnavailableError(f"{self.where} {_PASSING[word]}.")
        if word in _LASTING:
            detail = f"{doing}: {text[:200]}" if word == "NOPERM" else doing
            return SinkMisfitError(f"{self.where} {_LASTING[word]} ({detail}).")
        if isinstance(error, TimeoutError | TimedOut):
            return SinkUnavailableError(f"{self.where} did not answer within {self._patience:g} s ({doing}).")
        if isinstance(error, _LASTING_KINDS):
            return SinkMisfitError(f"{self.where} {self._refusal(error, doing)}.")
        return SinkUnavailableError(f"{self.where} cannot be reached, or broke off: {_why(error)}.")

    @staticmethod
    def _refusal(error: Exception, doing: str) -> str:
        match error:
            case AuthenticationError() | AuthorizationError():
                return f"{_LASTING['WRONGPASS']} ({doing})"
            case InvalidResponse():
                return "does not answer as Redis does: name the right port"
            case _:
                return f"refuses {doing}: {str(error)[:200]}; tradewarden needs Redis 6.2 or newer"


def _why(error: Exception) -> str:
    """The system's reason; redis-py wraps it, and its text repeats the address."""
    cause = error.__cause__ or error.__context__
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(error).rstrip(".")[:200] or type(error).__name__
