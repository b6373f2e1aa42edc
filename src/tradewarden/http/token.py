"""What may be said of the broker's token from outside: another program's error, and a person's goodbye."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Protocol

from aiohttp import web

from tradewarden.http.allowance import Allowance
from tradewarden.http.body import answer, taken
from tradewarden.http.member import Member
from tradewarden.http.problems import no_account, rate_limited
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


@dataclass(frozen=True, slots=True)
class BrokerError:
    """An error of the broker, as another program got it."""

    type: Annotated[str, Member(f"the broker's name of the error is expected, 1 to {_TYPE} characters", 1, _TYPE)]
    message: Annotated[str, Member(f"text of at most {_MESSAGE} characters is expected", None, _MESSAGE)] = ""
    generation: Annotated[
        int | None, Member("a whole number above 0 is expected; leave it out for the present token", 1)
    ] = None
    account: Annotated[str | None, Member("the name of an account is expected; none is the feeding one")] = None


@dataclass(frozen=True, slots=True)
class Logout:
    """Whose token is given up."""

    account: Annotated[str | None, Member("the name of an account is expected; none is the feeding one")] = None


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
            return self._report(await taken(request, BrokerError))

        async def logout(request: web.Request) -> web.Response:
            admitted(request)
            account = (await taken(request, Logout)).account
            try:
                ended = await self._accounts.end_session(account)
            except UnknownAccountError as trouble:
                raise no_account(trouble, "pointer", "/account") from None
            outcome = "logged_out" if ended.held else "no_token"
            return answer({"outcome": outcome, "killedAtBroker": ended.killed, "text": ended.text})

        return [web.post("/api/auth/errors", errors), web.post("/api/auth/logout", logout)]

    def _report(self, error: BrokerError) -> web.Response:
        try:
            held = self._accounts.generation(error.account)
        except UnknownAccountError as trouble:
            raise no_account(trouble, "pointer", "/account") from None
        outcome = "not_a_token_error"
        if is_token_error(error.type, error.message):
            outcome = self._accounts.reported_dead(error.generation, error.account)
            held = self._accounts.generation(error.account)
        return answer(
            {
                "outcome": outcome,
                "accepted": outcome == "taken",
                "generation": held,
                "text": _OUTCOMES[outcome],
            }
        )
