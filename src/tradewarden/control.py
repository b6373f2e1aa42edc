"""The command line's way to a running daemon: its Unix socket, where the same user or root is trusted; or a URL."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

PATIENCE = 5.0  # seconds for one answer; a login waits for the broker and may take longer


class UnreachableError(Exception):
    """No daemon answers; the text says where it was looked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the daemon."""

    status: int
    headers: dict[str, str]
    body: Any


class Control:
    """One command's connection to the daemon."""

    def __init__(self, *, url: str | None = None, socket: Path | None = None) -> None:
        self._where = url or (str(socket) if socket else "http://127.0.0.1:8700")
        self._base = url.rstrip("/") if url else "http://127.0.0.1:8700"
        self._socket = None if url else socket
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.UnixConnector(path=str(self._socket)) if self._socket else aiohttp.TCPConnector()
        self._session = aiohttp.ClientSession(connector=connector)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str, *, patience: float = PATIENCE, **query: str) -> Answer:
        """One GET; JSON is parsed, redirects are not followed. Raises UnreachableError."""
        return await self._ask("GET", path, patience, params=query)

    async def post(self, path: str, body: dict[str, Any], *, patience: float = PATIENCE) -> Answer:
        """One POST of a JSON object; as `get` otherwise."""
        return await self._ask("POST", path, patience, json=body)

    async def delete(self, path: str, *, patience: float = PATIENCE) -> Answer:
        """One DELETE; as `get` otherwise."""
        return await self._ask("DELETE", path, patience)

    async def _ask(self, method: str, path: str, patience: float, **what: Any) -> Answer:
        if self._session is None:
            raise RuntimeError("use `async with Control(...)`")
        headers = {"Accept": "application/json"}
        try:
            async with (
                asyncio.timeout(patience),
                self._session.request(
                    method, self._base + path, allow_redirects=False, headers=headers, **what
                ) as answer,
            ):
                is_json = "json" in answer.content_type
                body = await answer.json(content_type=None) if is_json else await answer.text()
                return Answer(answer.status, dict(answer.headers), body)
        except (aiohttp.ClientError, TimeoutError, OSError) as trouble:
            reason = str(trouble) or type(trouble).__name__
            raise UnreachableError(f"no tradewarden answers at {self._where} ({reason}); is it running?") from trouble
