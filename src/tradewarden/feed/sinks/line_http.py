"""The way to a server that takes lines over HTTP: deadlines, and what its answers mean."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import aiohttp
import orjson

from tradewarden.feed.sinks.sink import SinkMisfitError, SinkUnavailableError

DEADLINE: Final = 25.0  # seconds for all of one write
MOST_WORDS: Final = 300  # characters of an answer that are told


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def is_good(self) -> bool:
        """Whether it did what was asked."""
        return self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def words(self) -> str:
        """The server's reason, as a person reads it."""
        told = self.json()
        if isinstance(told, dict):
            told = told.get("error") or told.get("message") or self.body.decode(errors="replace")
        else:
            told = self.body.decode(errors="replace")
        return str(told).strip()[:MOST_WORDS] or f"status {self.status}"

    def json(self) -> Any:
        """The body parsed; None when it is no JSON."""
        try:
            return orjson.loads(self.body)
        except ValueError:
            return None


class LineHttp:
    """One user's connection to one server."""

    def __init__(self, url: str, *, username: str | None, password: str | None, kind: str) -> None:
        self.told = f"{kind} at {url}"
        self._url = url.rstrip("/")
        login = None if username is None else aiohttp.encode_basic_auth(username, password or "", encoding="utf-8")
        self._headers = {} if login is None else {"Authorization": login}
        self._session: aiohttp.ClientSession | None = None
        self.connections = 0  # that were made so far: a new one may lead to a server that was restarted

    async def open(self) -> None:
        """Forget the old connection; the next question makes a new one."""
        await self.close()
        traces = aiohttp.TraceConfig()
        traces.on_connection_create_end.append(self._connected)
        self._session = aiohttp.ClientSession(
            headers=self._headers, timeout=aiohttp.ClientTimeout(total=DEADLINE), trace_configs=[traces]
        )

    async def close(self) -> None:
        """Let go of the connection; never raises."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def get(self, path: str, **query: str) -> Answer:
        """One GET. Raises the two errors of sinks when there is no proper answer."""
        return await self._ask("GET", path, query, None)

    async def post(self, path: str, body: bytes | dict[str, str], **query: str) -> Answer:
        """One POST: lines, or a form. As `get` otherwise."""
        return await self._ask("POST", path, query, body)

    async def _connected(self, *_about: object) -> None:
        self.connections += 1

    async def _ask(self, method: str, path: str, query: dict[str, str], body: bytes | dict[str, str] | None) -> Answer:
        if self._session is None:
            raise SinkUnavailableError(f"{self.told}: there is no connection; it has to be opened first.")
        async with (
            self.translated(),
            self._session.request(method, self._url + path, params=query, data=body) as answer,
        ):
            told = Answer(answer.status, await answer.read(), answer.headers)
        is_query = path == "/query"  # whose answer says what exactly is forbidden, or went wrong
        if told.status == HTTPStatus.UNAUTHORIZED or (told.status == HTTPStatus.FORBIDDEN and not is_query):
            raise SinkMisfitError(
                f"{self.told} refuses the user: {told.words}; set sinks.influx.username and sinks.influx.password."
            )
        if told.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            raise SinkMisfitError(f"{self.told} takes no larger body: {told.words}; raise its max-body-size.")
        if told.status == HTTPStatus.TOO_MANY_REQUESTS or (
            told.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not is_query
        ):
            raise SinkUnavailableError(f"{self.told} cannot take it now: {told.words}.")
        return told

    @asynccontextmanager
    async def translated(self, deadline: float = DEADLINE) -> AsyncIterator[None]:
        """Under a deadline, and every trouble of the network in the words of sinks."""
        try:
            async with asyncio.timeout(deadline):
                yield
        except TimeoutError:
            raise SinkUnavailableError(f"{self.told} gave no answer within {deadline:.0f} s.") from None
        except (aiohttp.ClientError, OSError) as error:
            raise SinkUnavailableError(f"{self.told}: {error or type(error).__name__}.") from None
