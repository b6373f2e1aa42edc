"""The broker's address, looked up where a slow DNS can delay nobody."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

Answer = list[tuple[Any, ...]]
Lookup = Callable[[str, int, int, int], Answer]
_Query = tuple[str, int, int]


def _system(host: str, port: int, family: int, kind: int) -> Answer:
    return socket.getaddrinfo(host, port, family, kind, flags=socket.AI_ADDRCONFIG)


class Resolver(AbstractResolver):
    """Asks the host's own resolver in a thread that nobody waits for, and keeps the last good answer.

    A look-up cannot be cancelled and may hang for half a minute. In the loop's own pool it would hold up the daemon's
    exit; here it is left behind. When there is an earlier answer, a slow or failed look-up is not waited for.
    """

    def __init__(self, patience: float = 1.0, lookup: Lookup = _system) -> None:
        self._patience = patience
        self._lookup = lookup
        self._known: dict[_Query, Answer] = {}
        self._asked: dict[_Query, asyncio.Future[Answer | OSError]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a host; the caller's deadline holds when there has never been an answer."""
        query = (host, port, int(family))
        known = self._known.get(query)
        try:
            async with asyncio.timeout(self._patience if known else None):
                answer = await asyncio.shield(self._ask(query))
        except TimeoutError:
            answer = TimeoutError("no answer from the DNS")
        if isinstance(answer, OSError):
            if known is None:
                raise answer
            answer = known
        return [_result(host, *found) for found in answer]

    async def close(self) -> None:
        """Nothing to close: a look-up under way ends by itself."""

    def _ask(self, query: _Query) -> asyncio.Future[Answer | OSError]:
        """The look-up under way for this host, or a new one: never two threads for one question."""
        asked = self._asked.get(query)
        if asked is None or asked.done():
            loop = asyncio.get_running_loop()
            asked = self._asked[query] = loop.create_future()
            try:
                threading.Thread(target=self._work, args=(loop, query, asked), name="dns", daemon=True).start()
            except RuntimeError:  # the host's limit of threads is an outage like any other, no fault of ours
                asked.set_result(OSError("the host gives us no thread to look it up in"))
        return asked

    def _work(self, loop: asyncio.AbstractEventLoop, query: _Query, asked: asyncio.Future[Answer | OSError]) -> None:
        answer: Answer | OSError
        try:
            answer = self._lookup(*query, socket.SOCK_STREAM)
        except OSError as error:
            answer = error
        except UnicodeError:
            answer = OSError("this is no host name")
        try:
            loop.call_soon_threadsafe(self._settle, query, asked, answer)
        except RuntimeError:
            return  # the loop closed while we asked: nobody is left to tell

    def _settle(self, query: _Query, asked: asyncio.Future[Answer | OSError], answer: Answer | OSError) -> None:
        if not isinstance(answer, OSError):
            self._known[query] = answer
        if not asked.done():
            asked.set_result(answer)


def _result(host: str, family: int, _kind: int, protocol: int, _name: str, address: tuple[Any, ...]) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=str(address[0]),
        port=int(address[1]),
        family=family,
        proto=protocol,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
