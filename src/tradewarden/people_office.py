"""Where a command looks after the desk's people: at the daemon that runs, else in the ledger itself."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from tradewarden.control import Control, ForbiddenError, UnreachableError, is_problem, told

Document = dict[str, Any]
_BY = "command line"


class OfficeError(Exception):
    """This cannot be done; the text says why and what to do."""


class Office(Protocol):
    """Whoever holds the people: each answer is the document that the API gives."""

    async def users(self) -> list[Document]:
        """Everybody."""
        ...

    async def add(self, name: str, role: str) -> Document:
        """Somebody new, with a one-time password."""
        ...

    async def change(self, name: str, **what: Any) -> Document:
        """Another role, enabled or not, a password, or a new one-time one (oneTime)."""
        ...

    async def tokens(self) -> list[Document]:
        """All API tokens."""
        ...

    async def make(self, user: str, name: str, scopes: Sequence[str], days: int) -> Document:
        """A new one, with its secret."""
        ...

    async def drop(self, number: int) -> Document:
        """The end of one."""
        ...

    async def entries(self, *, by: str | None, refused: bool, limit: int) -> list[Document]:
        """The record, newest first."""
        ...


@asynccontextmanager
async def office(control: Control, state: Path | None) -> AsyncIterator[Office]:
    """The daemon, or the ledger in this directory while none runs. Raises OfficeError.

    No directory: the daemon was named, and nothing else is meant.
    """
    async with control:
        try:
            await control.get("/api/session")
        except ForbiddenError as closed:
            raise OfficeError(str(closed)) from None
        except UnreachableError as nobody:
            if state is None:
                raise OfficeError(str(nobody)) from None
        else:
            try:
                yield _Daemon(control)
            except UnreachableError as gone:
                raise OfficeError(str(gone)) from None
            return
    async with _in_ledger(state) as found:
        yield found


class _Daemon:
    def __init__(self, control: Control) -> None:
        self._control = control

    async def users(self) -> list[Document]:
        return _list(await self._ask("GET", "/api/users"), "users")

    async def add(self, name: str, role: str) -> Document:
        return await self._ask("POST", "/api/users", {"name": name, "role": role})

    async def change(self, name: str, **what: Any) -> Document:
        return await self._ask("PATCH", f"/api/users/{quote(name, safe='')}", what)

    async def tokens(self) -> list[Document]:
        return _list(await self._ask("GET", "/api/tokens"), "tokens")

    async def make(self, user: str, name: str, scopes: Sequence[str], days: int) -> Document:
        return await self._ask("POST", "/api/tokens", {"user": user, "name": name, "scopes": scopes, "days": days})

    async def drop(self, number: int) -> Document:
        dropped: Document = (await self._ask("DELETE", f"/api/tokens/{number}"))["dropped"]
        return dropped

    async def entries(self, *, by: str | None, refused: bool, limit: int) -> list[Document]:
        wanted = {"limit": str(limit)} | ({"by": by} if by else {}) | ({"refused": "true"} if refused else {})
        return _list(await self._ask("GET", f"/api/audit?{urlencode(wanted)}"), "entries")

    async def _ask(self, method: str, path: str, body: Document | None = None) -> Document:
        answer = await self._control.ask(method, path, body)
        if is_problem(answer.body):
            raise OfficeError(told(answer.body))
        found: Document = answer.body
        return found


def _list(body: Document, key: str) -> list[Document]:
    found: list[Document] = body[key]
    return found


@asynccontextmanager
async def _in_ledger(state: Path | None) -> AsyncIterator[Office]:
    from tradewarden.orchestrator.clock import SystemClock  # noqa: PLC0415 - only without a daemon
    from tradewarden.orchestrator.ledger import Ledger, LedgerError  # noqa: PLC0415
    from tradewarden.orchestrator.membership import Membership  # noqa: PLC0415
    from tradewarden.orchestrator.people import PeopleError  # noqa: PLC0415
    from tradewarden.orchestrator.statedir import (  # noqa: PLC0415
        StateDirectoryError,
        StateDirectoryTakenError,
        claim,
    )
    from tradewarden.people_ledger import LedgerOffice  # noqa: PLC0415

    state = state or Path()
    _refuse_anothers(state)
    try:
        with claim(state):
            Ledger(state / "ledger.db").close()
            members = Membership(state / "ledger.db", now=SystemClock().now)
            try:
                yield LedgerOffice(members, by=_BY)
            finally:
                members.close()
    except StateDirectoryTakenError as taken:
        raise OfficeError(f"{taken} It does not answer this command: see `tradewarden status`.") from None
    except (StateDirectoryError, LedgerError, PeopleError) as trouble:
        raise OfficeError(str(trouble)) from None


def _refuse_anothers(state: Path) -> None:
    """A ledger that root has made is one that the daemon's own user cannot open."""
    try:
        owner = state.stat().st_uid
    except OSError:
        return
    if owner != os.geteuid():
        raise OfficeError(f"{state} belongs to user {owner}: start the daemon, or try as that user.")
