"""A desk with people, served for real: its ledger, its doors, and browsers that sign in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from pictures import ADMIN, Desk, serving
from tradewarden.http.app import Part
from tradewarden.http.audit import AuditDoor
from tradewarden.http.people import PeopleDoor
from tradewarden.http.session import SessionDoor
from tradewarden.http.sign_in import SignIn
from tradewarden.http.tokens import TokensDoor
from tradewarden.machines.role import Role
from tradewarden.orchestrator.clock import IST, SystemClock
from tradewarden.orchestrator.ledger import Ledger
from tradewarden.orchestrator.membership import Membership

PASSWORDS = {name: f"{name} likes violet umbrellas" for name in ("boss", "asha", "ravi", "vera")}
ROLES = {"boss": Role.ADMIN, "asha": Role.TRADER, "ravi": Role.TRADER, "vera": Role.VIEWER}

_LEDGERS: dict[tuple[str, ...], bytes] = {}


class HandClock(SystemClock):
    """A clock that is set by hand, both faces of it."""

    def __init__(self) -> None:
        self.wall, self.mono = datetime(2026, 11, 23, 10, 0, tzinfo=IST), 10**15

    def now(self) -> datetime:
        return self.wall

    def mono_ns(self) -> int:
        return self.mono

    def goes_on(self, **span: float) -> None:
        self.wall += timedelta(**span)
        self.mono += round(timedelta(**span).total_seconds() * 1e9)


@dataclass
class Staffed:
    """The desk, its people, and whoever visits it."""

    desk: Desk
    members: Membership
    clock: HandClock
    stack: AsyncExitStack
    url: str
    tokens: dict[str, str] = field(default_factory=dict)

    async def browser(self, **headers: str) -> aiohttp.ClientSession:
        """Somebody's browser: it keeps cookies and has no token."""
        jar = aiohttp.CookieJar(unsafe=True)
        return await self.stack.enter_async_context(aiohttp.ClientSession(self.url, cookie_jar=jar, headers=headers))

    async def signed_in(self, name: str) -> aiohttp.ClientSession:
        """A browser in which this person has just signed in; it sends the session's own token with everything."""
        browser = await self.browser()
        async with browser.post("/api/session", json={"name": name, "password": PASSWORDS[name]}) as answer:
            assert answer.status == 201, await answer.text()
            browser.headers["X-CSRF-Token"] = (await answer.json())["csrf"]
        return browser

    async def program(self, token: str = ADMIN) -> aiohttp.ClientSession:
        """A program with a token."""
        return await self.browser(Authorization=f"Bearer {token}")

    def cookie(self, browser: aiohttp.ClientSession) -> str:
        """What the browser would send."""
        return browser.cookie_jar.filter_cookies(URL(self.url))["tradewarden"].value


@asynccontextmanager
async def staffed(
    state: Path, people: Sequence[str] = tuple(ROLES), parts: Sequence[Part] = (), **settings: Any
) -> AsyncIterator[Staffed]:
    """The people named, with their passwords, and a desk that serves them."""
    clock, ledger = HandClock(), state / "ledger.db"
    state.mkdir(exist_ok=True)
    if not ledger.exists():
        if tuple(people) not in _LEDGERS:
            _LEDGERS[tuple(people)] = await _made(ledger, people)
        ledger.write_bytes(_LEDGERS[tuple(people)])
    members = Membership(ledger, now=clock.now)
    url = settings.get("public_url", "http://127.0.0.1:8700")
    doors = [
        SessionDoor(members, SignIn("0.1.0"), clock, public_url=url),
        PeopleDoor(members, public_url=url),
        TokensDoor(members),
        AuditDoor(members.audit),
        *parts,
    ]
    async with (
        serving(parts=doors, members=members, record=members.audit, **settings) as desk,
        AsyncExitStack() as stack,
    ):
        yield Staffed(desk, members, clock, stack, desk.url)
    members.close()


async def _made(ledger: Path, people: Sequence[str]) -> bytes:
    """The ledger of these people; made once, since each of its whole writes waits for the disk."""
    Ledger(ledger).close()
    members = Membership(ledger, now=HandClock().now)
    for name in people:
        members.people.add(name, ROLES[name], by="test")
        members.people.own(name, await members.passwords.sealed(PASSWORDS[name]))
    members.close()
    return ledger.read_bytes()


async def told(browser: aiohttp.ClientSession, method: str, path: str, **more: Any) -> tuple[int, Any]:
    """One request: the status and the JSON."""
    async with browser.request(method, path, **more) as answer:
        return answer.status, await answer.json(content_type=None)
