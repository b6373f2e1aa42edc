"""What may be said of the broker's token from outside: another program's error, and a person's goodbye."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Protocol

from aiohttp import web

from tradewarden.http.allowance import Allowance
from tradewarden.http.body import answer, fault, json_object, refuse, unknown
from tradewarden.http.problems import ProblemError, no_account, rate_limited
from tradewarden.http.visitors import Visitors, address, is_local
from tradewarden.machines.token_error import is_token_error
from tradewarden.orchestrator.account import LoggedOut
from tradewarden.orchestrator.accounts import UnknownAccountError
from tradewarden.orchestrator.clock import Clock

_TYPE, _MESSAGE = 80, 2000  # characters

_OUTCOMES: MappingProxyType[str, str] = MappingProxyType(
    {
        "taken": "The token counts as expired; the broker is asked once more.",
        "not_a_token_error": "This error does not speak of the access token. Nothing was changed.",
        "older": "A newer token is held. Read it, and try again. Nothing was changed.",
        "unknown": "No token of this generation was ever held here. Nothing was changed.",
        "known": "This token is known to be dead.",
        "no_token": "No token is held. Nothing was changed.",
        "contradicted": "The broker has just said that this token is good. Nothing was changed.",
    }
)


class Accounts(Protocol):
    """The tokens' keepers, as far as others may speak to them. Each verb raises UnknownAccountError."""

    def generation(self, account: str | None) -> int:
        """Of the held token; 0 when none is held."""
        ...

    def reported_dead(self, generation: int | None, account: str | None) -> str:
        """Another program saw the broker's token error."""
        ...

    async def end_session(self, account: str | None) -> LoggedOut:
        """Forget the token and kill it at the broker."""
        ...


class TokenDoor:
    """POST /api/auth/errors and POST /api/auth/logout, for an admin."""

    def __init__(self, accounts: Accounts, clock: Clock) -> None:
        self._accounts = accounts
        self._reports = Allowance(30, 60, clock)

    def routes(self, _visitors: Visitors) -> list[web.RouteDef]:
        """Its two paths."""

        def admitted(request: web.Request) -> None:
            if not is_local(request) and (wait := self._reports.take(address(request))):
                raise rate_limited(wait)

        async def errors(request: web.Request) -> web.Response:
            admitted(request)
            return self._report(await json_object(request))

        async def logout(request: web.Request) -> web.Response:
            admitted(request)
            body = await json_object(request)
            refuse(unknown(body, "account"))
            try:
                ended = await self._accounts.end_session(_account(body))
            except UnknownAccountError as trouble:
                raise no_account(trouble, "pointer", "/account") from None
            outcome = "logged_out" if ended.held else "no_token"
            return answer({"outcome": outcome, "killedAtBroker": ended.killed, "text": ended.text})

        return [web.post("/api/auth/errors", errors), web.post("/api/auth/logout", logout)]

    def _report(self, body: dict[str, Any]) -> web.Response:
        kind, message, generation = _error(body)
        account = _account(body)
        try:
            held = self._accounts.generation(account)
        except UnknownAccountError as trouble:
            raise no_account(trouble, "pointer", "/account") from None
        outcome = "not_a_token_error"
        if is_token_error(kind, message):
            outcome = self._accounts.reported_dead(generation, account)
            held = self._accounts.generation(account)
        return answer(
            {
                "outcome": outcome,
                "accepted": outcome == "taken",
                "generation": held,
                "text": _OUTCOMES[outcome],
            }
        )


def _error(body: dict[str, Any]) -> tuple[str, str, int | None]:
    """The type, the words and the generation of an error; raises the problem that lists every fault."""
    kind, message, generation = body.get("type"), body.get("message", ""), body.get("generation")
    faults = unknown(body, "type", "message", "generation", "account")
    if not isinstance(kind, str) or not 0 < len(kind) <= _TYPE:
        faults.append(fault("type", f"the broker's name of the error is expected, 1 to {_TYPE} characters"))
    if not isinstance(message, str) or len(message) > _MESSAGE:
        faults.append(fault("message", f"text of at most {_MESSAGE} characters is expected"))
    if generation is not None and (type(generation) is not int or generation < 1):
        faults.append(fault("generation", "a whole number above 0 is expected; leave it out for the present token"))
    refuse(faults)
    return str(kind), str(message), generation


def _account(body: dict[str, Any]) -> str | None:
    """Whose token is meant; nobody named means the feeding one."""
    account = body.get("account")
    if account is not None and not isinstance(account, str):
        raise ProblemError(422, "validation", errors=[fault("account", "the name of an account is expected")])
    return account
