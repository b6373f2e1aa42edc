"""A Redis server as the desk needs it: one connection, no retries behind our back, and its refusals told apart."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from tradewarden.feed.redis_wire import Command, NotRedisError, RedisWire, RefusedError
from tradewarden.feed.sinks.sink import SinkMisfitError, SinkUnavailableError

PATIENCE: Final = 10.0  # seconds for one answer; a rewrite of the append-only file may hold the server up for some
PORT: Final = 6379
HOPS: Final = 5  # from node to node of a cluster, until one has the key

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
_CROWDED: Final = "max number of clients"


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
        self._tls = parts.scheme == "rediss"
        self._place = (parts.hostname or "localhost", parts.port or PORT)
        self._database = parts.path.strip("/") or "0"
        self._login = (*([username] if username else []), password or "") if username or password else None
        self._name = name
        self._patience = patience
        self._wire: RedisWire | None = None

    async def open(self, key: str | None = None) -> None:
        """A fresh connection, tried once; in a cluster, to the node that has this key.

        Raises SinkUnavailableError or SinkMisfitError.
        """
        host, port = self._place
        for _ in range(HOPS):
            await self._dial(host, port)
            if key is None:
                return
            (answer,) = await self.ask_all([("TYPE", key)])
            if not isinstance(answer, RefusedError) or answer.code != "MOVED":
                return  # whatever else it is, the first real command tells
            there, _, number = str(answer).rpartition(" ")[2].rpartition(":")
            host, port = there or host, int(number)
        raise SinkUnavailableError(f"{self.where} belongs to a cluster whose nodes do not agree on who has {key}.")

    async def _dial(self, host: str, port: int) -> None:
        await self.close()
        try:
            async with asyncio.timeout(self._patience):
                self._wire = await RedisWire.dial(host, port, tls=self._tls)
        except OSError as error:
            raise self.trouble(error, "connecting") from None
        await self._enter()
        await self.ask("PING")
        if self._name is not None:
            await self.ask_all([("CLIENT", "SETNAME", self._name)])  # a user that may not is a user all the same

    async def _enter(self) -> None:
        """Log in and choose the database."""
        if self._login is not None:
            (answer,) = await self.ask_all([("AUTH", *self._login)])
            if isinstance(answer, RefusedError):
                if answer.code == "ERR":  # whatever its words: it does not take this login
                    raise SinkMisfitError(f"{self.where} {_LASTING['WRONGPASS']} (connecting).")
                raise self.trouble(answer, "connecting")
        if self._database != "0":
            await self.ask("SELECT", self._database)

    async def ask(self, *command: bytes | str | int, patience: float | None = None) -> Any:
        """The answer to one command. Raises SinkUnavailableError or SinkMisfitError."""
        (answer,) = await self.ask_all([command], patience=patience)
        if isinstance(answer, RefusedError):
            raise self.trouble(answer, str(command[0]))
        return answer

    async def ask_all(self, commands: Sequence[Command], *, patience: float | None = None) -> list[Any]:
        """The answers to commands that are sent together; one that the server refused is the RefusedError itself."""
        wire = self._wire
        if wire is None or not wire.is_open:
            raise SinkUnavailableError(f"{self.where} is not connected.")
        try:
            async with asyncio.timeout(patience or self._patience):
                return await wire.ask(commands)
        except (NotRedisError, OSError) as error:
            raise self.trouble(error, str(commands[0][0])) from None

    async def close(self) -> None:
        """Hang up at once."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.hang_up()

    def trouble(self, error: Exception, doing: str) -> SinkUnavailableError | SinkMisfitError:
        """What an error means: the store is away, or somebody must act."""
        match error:
            case RefusedError():
                return self._refused(error, doing)
            case NotRedisError():
                return SinkMisfitError(f"{self.where} does not answer as Redis does: name the right port.")
            case TimeoutError():
                return SinkUnavailableError(f"{self.where} did not answer within {self._patience:g} s ({doing}).")
            case _:
                return SinkUnavailableError(f"{self.where} cannot be reached, or broke off: {_why(error)}.")

    def _refused(self, refusal: RefusedError, doing: str) -> SinkUnavailableError | SinkMisfitError:
        code, words = refusal.code, refusal.words[:200]
        if code in _PASSING:
            return SinkUnavailableError(f"{self.where} {_PASSING[code]}.")
        if code in _LASTING:
            detail = f"{doing}: {words}" if code == "NOPERM" else doing
            return SinkMisfitError(f"{self.where} {_LASTING[code]} ({detail}).")
        if _CROWDED in words:
            return SinkUnavailableError(f"{self.where} takes no more connections: {words}.")
        return SinkMisfitError(f"{self.where} refuses {doing}: {words}; tradewarden needs Redis 6.2 or newer.")


def _why(error: Exception) -> str:
    """The system's reason."""
    strerror = error.strerror if isinstance(error, OSError) else None
    return (strerror or str(error)).rstrip(".")[:200] or type(error).__name__
