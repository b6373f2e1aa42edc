"""The login's two doors, out to the broker and back, and the question whether the token is good."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, Any

from aiohttp import web

from tradewarden.http import original
from tradewarden.http.allowance import Allowance
from tradewarden.http.body import answer, asked, taken
from tradewarden.http.member import Member
from tradewarden.http.moments import iso, iso_or_none
from tradewarden.http.pages import Note, Pages
from tradewarden.http.ports import Login, Outcome, Verified, Verifier
from tradewarden.http.problems import ProblemError, no_account, rate_limited, stopping
from tradewarden.http.visitors import address, is_local
from tradewarden.machines.account import FEEDING
from tradewarden.machines.report import Severity
from tradewarden.orchestrator.accounts import UnknownAccountError
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.login import LoginNotPossibleError
from tradewarden.orchestrator.login import Outcome as Ended

LOGIN_PATHS = (
    "/login",
    "/api/auth/login",
    "/compat/api/auth/login",
)  # ours, the original's, the original's under /compat
_EXCHANGE = 25.0  # seconds for the broker to turn a request token into a session; the machine gives up after 15
_PROBE = 20.0  # seconds for a verdict

# How each end of a login is told.
_ENDS: MappingProxyType[str, Note] = MappingProxyType(
    {
        "logged_in": Note(
            200,
            Severity.OK,
            "✓",
            "Logged in",
            "The feed connects by itself while the market needs it. This page goes on to the desk; you may close it.",
            retry=False,
            onward=True,
        ),
        "cancelled": Note(
            200,
            Severity.WARNING,
            "!",
            "The login was not completed",
            "Try again when you are ready.",
        ),
        "unknown_state": Note(
            400,
            Severity.WARNING,
            "!",
            "This login link is not known any more",
            "Each link works once, for ten minutes. If the desk below is logged in, all is well.",
        ),
        "refused": Note(
            403,
            Severity.CRITICAL,
            "✕",
            "Login was refused",
            "Nothing was changed. Try again: Kite takes each login once, and only for a few minutes.",
        ),
        "other_account": Note(
            403,
            Severity.CRITICAL,
            "✕",
            "That is another account",
            "Nothing was changed. Log out of Kite in this browser, then log in with the desk's own account.",
        ),
        "configuration": Note(
            503,
            Severity.CRITICAL,
            "✕",
            "Kite refuses our api key or secret",
            "Check kite.api_key and kite.api_secret in the configuration, then log in again.",
        ),
        "unreachable": Note(
            504, Severity.WARNING, "!", "Kite did not answer", "Nothing was changed. Try again in a moment."
        ),
    }
)
TOO_LATE = Ended("unreachable", None, "The answer took too long.")
_IMPOSSIBLE = Note(
    503, Severity.CRITICAL, "✕", "No login possible", "Set them, restart tradewarden, then try again.", retry=False
)


@dataclass(frozen=True, slots=True)
class LoginQuery:
    """Who is to be logged in."""

    account: Annotated[str | None, Member("the name of a further account; none is the feeding one")] = None


@dataclass(frozen=True, slots=True)
class Verify:
    """Whose token the question is about."""

    account: Annotated[str | None, Member("the name of an account is expected; none is the feeding one")] = None


class Auth:
    """Login and verification over HTTP."""

    def __init__(
        self,
        login: Login,
        verifier: Verifier,
        pages: Pages,
        clock: Clock,
        *,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._login = login
        self._verifier = verifier
        self._pages = pages
        self._is_stopping = is_stopping
        self._logins = Allowance(5, 60, clock)
        self._callbacks = Allowance(5, 60, clock)
        self._verifies = Allowance(1, 10, clock)

    def routes(self) -> list[web.RouteDef]:
        """A HEAD, as link previews send it, must neither begin a login nor use one up."""
        verify = "/api/system/health/auth/verify"
        return [
            *(web.get(path, self.begin, allow_head=False) for path in LOGIN_PATHS),
            web.get("/auth/callback", self.callback, allow_head=False),
            web.post(verify, self.verify),
            web.post(f"/compat{verify}", self.verify),
        ]

    async def begin(self, request: web.Request) -> web.Response:
        """Off to the broker's login page, or a page that says why that is not possible."""
        _refuse_what_is_no_visit(request)
        self._admit(request, self._logins)
        try:
            url = self._login.begin(address(request), asked(request, LoginQuery).account)
        except UnknownAccountError as trouble:
            raise no_account(trouble, "parameter", "account") from None
        except LoginNotPossibleError as trouble:
            if _is_program(request):
                return answer({"outcome": "not_possible", "user_id": None, "text": str(trouble)}, _IMPOSSIBLE.status)
            return self._pages.note(_IMPOSSIBLE, str(trouble))
        return web.Response(status=302, headers={"Location": url, "Cache-Control": "no-store"})

    async def callback(self, request: web.Request) -> web.Response:
        """Back from the broker: a plain page, or one JSON object for a program, that says what happened."""
        self._admit(request, self._callbacks)
        query = {key: request.query.getall(key)[0] for key in request.query}
        try:
            async with asyncio.timeout(_EXCHANGE):
                outcome = await self._login.finish(query)
        except TimeoutError:
            outcome = TOO_LATE
        if _is_program(request):
            body = {"outcome": outcome.kind, "user_id": outcome.user_id, "text": outcome.text}
            return answer(body, _ENDS.get(outcome.kind, _ENDS["refused"]).status)
        return self._pages.note(*_told(outcome), account=outcome.account)

    def _admit(self, request: web.Request, allowance: Allowance) -> None:
        if self._is_stopping():
            raise stopping()
        if not is_local(request) and (wait := allowance.take(address(request))):
            raise rate_limited(wait)

    async def verify(self, request: web.Request) -> web.Response:
        """POST …/auth/verify: ask the broker now."""
        account = (await taken(request, Verify)).account
        self._admit(request, self._verifies)
        try:
            async with asyncio.timeout(_PROBE):
                verified = await self._verifier.verify(account)
        except UnknownAccountError as trouble:
            raise no_account(trouble, "pointer", "/account") from None
        except TimeoutError:
            raise ProblemError(504, "broker-unreachable") from None
        return _verdict(verified)


def _refuse_what_is_no_visit(request: web.Request) -> None:
    """Only a person's own visit begins a login: not an image, a frame or a script of whatever page is open."""
    headers = request.headers
    if (
        headers.get("Sec-Fetch-Dest", "document") != "document"
        or headers.get("Sec-Fetch-Mode", "navigate") != "navigate"
    ):
        raise ProblemError(403, "csrf")


def _is_program(request: web.Request) -> bool:
    """Whether JSON was asked for, as `tradewarden login` does; a browser asks for pages."""
    return request.headers.get("Accept", "").startswith("application/json")


def _told(outcome: Outcome) -> tuple[Note, str]:
    note = _ENDS.get(outcome.kind, _ENDS["refused"])
    if outcome.kind == "logged_in" and outcome.user_id is not None:
        note = replace(note, title=f"Logged in as {outcome.user_id}")
    same = outcome.text.rstrip(".") == note.title
    if outcome.account not in (None, FEEDING):
        note = _of_further(note, outcome.kind, str(outcome.account))
    return note, "" if same else outcome.text


def _of_further(note: Note, kind: str, account: str) -> Note:
    """The same of an account that feeds nothing: its own name, and no word of the feed."""
    then = {
        "logged_in": "Whoever uses this account has the fresh token. This page goes on to the desk; you may close it.",
        "other_account": f"Nothing was changed. Log out of Kite in this browser, then log in as {account}.",
        "configuration": f"Check accounts.{account}.api_key and accounts.{account}.api_secret, then log in again.",
    }
    return replace(note, title=f"{note.title}: {account}", then=then.get(kind, note.then))


_ERRORS: MappingProxyType[str, str | None] = MappingProxyType(
    {
        "valid": None,
        "rejected": "token rejected by broker",
        "other_account": "the token belongs to another account",
        "none": "no token is held: log in first",
    }
)


def _verdict(verified: Verified) -> web.Response:
    if verified.verdict == "unreachable":
        raise ProblemError(502, "broker-unreachable")
    if verified.verdict == "pending":
        body: dict[str, Any] = {"verdict": "pending", "startedAt": iso(verified.started_at)}
        return answer(body, 202, {"Location": "/api/system/health/auth"})
    return answer(
        {
            "verdict": verified.verdict,
            "checkedAt": iso(verified.checked_at),
            "expiresAt": iso_or_none(verified.expires_at),
            "is_valid": verified.verdict == "valid",
            "error": _ERRORS[verified.verdict],
            "state": original.auth_state(verified.state),
        },
    )
