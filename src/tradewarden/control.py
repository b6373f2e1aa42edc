"""The command line's way to a running daemon: its Unix socket, where the same user or root is trusted; or a URL."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from tradewarden.orchestrator.statedir import control_socket, find_socket, kept_admin_token
from tradewarden.settings import Settings

OK = 200
PATIENCE = 5.0  # seconds for one answer; a login waits for the broker and may take longer

_ADMISSION = (
    "a token is needed, and the right one: give it as TRADEWARDEN_HTTP__ADMIN_TOKEN or as http.admin_token of the file "
    "of --config; a daemon that was given none keeps its own in the file admin_token of its state directory"
)
_FAILURES = (ValueError, aiohttp.ClientError, TimeoutError, OSError)


class UnreachableError(Exception):
    """No daemon answers; the text says where it was looked for."""


class RefusedError(UnreachableError):
    """The daemon says no; the text says why."""


class ForbiddenError(UnreachableError):
    """A daemon may well be there, but its socket is closed to this user."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the daemon."""

    status: int
    headers: dict[str, str]
    body: Any


class Control:
    """One command's connection to the daemon."""

    def __init__(self, *, url: str | None = None, socket: Path | None = None, token: str | None = None) -> None:
        self._where = url or (str(socket) if socket else "http://127.0.0.1:8700")
        self._base = url.rstrip("/") if url else "http://127.0.0.1:8700"
        self._socket = None if url else socket
        self._token = token
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The way to the daemon of these settings: its control socket, else its port with the admin token."""
        url, socket = door(settings)
        if socket is not None:
            return cls(socket=socket)
        own = settings.http.admin_token
        return cls(url=url, token=own.get_secret_value() if own else kept_admin_token(settings.state_dir))

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
        """One GET; JSON is parsed, redirects are not followed. Raises UnreachableError, also of strangers."""
        return await self._ask("GET", path, patience, params=query)

    async def document(self, path: str, key: str, **query: str) -> dict[str, Any]:
        """The desk's document that has this key. Raises RefusedError, or UnreachableError, also of strangers."""
        answer = await self._ask("GET", path, PATIENCE, params=query)
        if isinstance(answer.body, dict) and key in answer.body:
            return answer.body
        if is_problem(answer.body):
            raise RefusedError(f"the tradewarden at {self._where} answers {answer.status}: {told(answer.body)}")
        raise self._stranger(answer.status)

    async def post(self, path: str, body: dict[str, Any], *, patience: float = PATIENCE) -> Answer:
        """One POST of a JSON object; as `get` otherwise."""
        return await self._ask("POST", path, patience, json=body)

    async def delete(self, path: str, *, patience: float = PATIENCE) -> Answer:
        """One DELETE; as `get` otherwise."""
        return await self._ask("DELETE", path, patience)

    async def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        """Any other request; as `get` otherwise."""
        return await self._ask(method, path, PATIENCE, **({} if body is None else {"json": body}))

    async def lines(self, path: str, query: Sequence[tuple[str, str]], *, patience: float) -> AsyncIterator[bytes]:
        """The lines of an answer, as they come; it ends when nothing comes for so long. Raises as `document` does."""
        if self._session is None:
            raise RuntimeError("use `async with Control(...)`")
        limits = aiohttp.ClientTimeout(total=None, sock_connect=PATIENCE, sock_read=patience)
        try:
            async with self._session.get(
                self._base + path, params=query, headers=self._headers(), allow_redirects=False, timeout=limits
            ) as answer:
                if answer.status != OK:
                    body = await answer.json(content_type=None)
                    if not is_problem(body):
                        raise self._stranger(answer.status)
                    raise RefusedError(f"the tradewarden at {self._where} answers {answer.status}: {told(body)}")
                async for line in answer.content:
                    yield line
        except _FAILURES as trouble:
            raise self._failure(trouble) from trouble

    async def _ask(self, method: str, path: str, patience: float, **what: Any) -> Answer:
        if self._session is None:
            raise RuntimeError("use `async with Control(...)`")
        try:
            async with (
                asyncio.timeout(patience),
                self._session.request(
                    method, self._base + path, allow_redirects=False, headers=self._headers(), **what
                ) as answer,
            ):
                is_json = "json" in answer.content_type
                body = await answer.json(content_type=None) if is_json else None
                if not isinstance(body, dict) and "Location" not in answer.headers:
                    raise self._stranger(answer.status)
                return Answer(answer.status, dict(answer.headers), body)
        except _FAILURES as trouble:
            raise self._failure(trouble) from trouble

    def _headers(self) -> dict[str, str]:
        token = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        return {"Accept": "application/json"} | token

    def _failure(self, trouble: Exception) -> UnreachableError:
        """What a person is told of a question that brought no answer."""
        match trouble:
            case PermissionError():
                return ForbiddenError(f"{self._where} belongs to another user: try again as that user or with sudo.")
            case ValueError():  # not the JSON, the text or the HTTP that it says it is
                return self._stranger(None)
            case _:
                return UnreachableError(f"no tradewarden answers at {self._where} ({_reason(trouble)}); is it running?")

    def _stranger(self, status: int | None) -> UnreachableError:
        how = "" if status is None else f" (status {status})"
        return UnreachableError(f"{self._where} answers{how}, but is no tradewarden.")


def _reason(trouble: Exception) -> str:
    """Why nobody answered, without the words of the library that noticed."""
    match trouble:
        case TimeoutError():
            return "no answer in time"
        case aiohttp.ClientConnectorError(os_error=OSError(errno=int(number))) if number > 0:
            return os.strerror(number)
        case aiohttp.ClientConnectorError(os_error=cause):
            return cause.strerror or str(cause)
        case _:
            return str(trouble) or type(trouble).__name__


def door(settings: Settings) -> tuple[str | None, Path | None]:
    """Where the daemon of these settings is asked: a URL, or a socket."""
    socket = find_socket(settings.state_dir) or control_socket(settings.state_dir)
    if socket is not None:
        return None, socket
    host = f"[{settings.http.host}]" if ":" in settings.http.host else settings.http.host
    return f"http://{host}:{settings.http.port}", None


def is_problem(body: object) -> bool:
    """Whether this is the daemon's own way of saying no."""
    return isinstance(body, dict) and str(body.get("type", "")).startswith("/problems/")


def told(body: dict[str, Any]) -> str:
    """What an answer says to a person."""
    errors = body.get("errors")  # a stranger may say anything
    listed = errors if isinstance(errors, list) else []
    faults = [_fault(fault) for fault in listed if isinstance(fault, dict)]
    if body.get("type") == "/problems/not-logged-in":
        return _ADMISSION
    if body.get("type") == "/problems/forbidden":  # somebody is known, and may not: the detail says why
        why = str(body.get("detail") or "")
        return _ADMISSION if not why or why.startswith("this token is not") else why
    return "; ".join(faults) or str(body.get("text") or body.get("detail") or body.get("title") or "nothing more")


def _fault(fault: dict[str, Any]) -> str:
    """What is wrong with a request, and with which of its parameters."""
    of = "" if "parameter" not in fault else f"{fault['parameter']}: "
    return f"{of}{fault.get('detail')}"
