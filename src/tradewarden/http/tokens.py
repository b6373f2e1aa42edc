"""API tokens over HTTP: each person's own, and all of them for an admin."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any, Final

from aiohttp import web

from tradewarden.http.body import Nothing, answer, fault, refuse, taken
from tradewarden.http.gate import told_of
from tradewarden.http.member import Member
from tradewarden.http.moments import iso, iso_or_none
from tradewarden.http.people import refusals
from tradewarden.http.problems import ProblemError
from tradewarden.http.visitors import Visitors, who
from tradewarden.machines.role import Person, Role, Scope
from tradewarden.orchestrator.api_tokens import DAYS, MOST_DAYS, ApiTokens, Token
from tradewarden.orchestrator.membership import Membership
from tradewarden.orchestrator.people import PeopleError, User

_LONGEST_ID: Final = 18  # digits
_USELESS: Final = {Scope.RUN: (Role.VIEWER,), Scope.VERIFY: (Role.VIEWER, Role.TRADER)}


@dataclass(frozen=True)
class NewToken:
    """A token that is to be."""

    name: Annotated[str, Member("a name of 1 to 64 characters is expected", 1, 64, "nightly")]
    scopes: Annotated[list[Scope], Member(f"a list is expected, known are {', '.join(Scope)}", 1, 4, ["read"])]
    days: Annotated[int, Member(f"for how long: 1 to {MOST_DAYS} days", 1, MOST_DAYS)] = DAYS
    user: Annotated[str | None, Member("whose it is to be, for an admin", 1, 32, "asha")] = None


class TokensDoor:
    """/api/tokens."""

    def __init__(self, members: Membership) -> None:
        self._people, self._tokens = members.people, members.tokens

    def routes(self, _visitors: Visitors) -> list[web.RouteDef]:
        """The list, a new one, and the end of one."""
        return [
            web.get("/api/tokens", self._list),
            web.post("/api/tokens", self._make),
            web.delete("/api/tokens/{id}", self._drop),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        person = who(request)
        return answer({"tokens": [token_document(token) for token in seen(self._tokens, person)]})

    async def _make(self, request: web.Request) -> web.Response:
        person, wanted = who(request), await taken(request, NewToken)
        if person.scopes is not None:  # or one that is found out could make itself last
            raise ProblemError(403, "forbidden", detail="a token makes no tokens: sign in, or use the command line")
        owner = wanted.user or person.name
        if not owner:
            refuse([fault("user", "say whose it is to be")])
        if person.role is not Role.ADMIN and owner != person.name:
            raise ProblemError(403, "forbidden", detail="you make tokens for yourself only")
        told_of(request, target=f"{owner}: {wanted.name}", detail=" ".join(sorted(wanted.scopes)))
        with refusals():
            refuse_useless(self._people.named(owner), wanted.scopes)
            secret, token = self._tokens.make(owner, wanted.name, wanted.scopes, days=wanted.days)
        return answer(token_document(token) | {"token": secret}, 201)

    async def _drop(self, request: web.Request) -> web.Response:
        await taken(request, Nothing)
        number = request.match_info["id"]
        for token in seen(self._tokens, who(request)):
            if str(token.id) == number[:_LONGEST_ID]:
                told_of(request, target=f"{token.user}: {token.name}")
                self._tokens.drop(token.id)
                return answer({"dropped": token_document(token)})
        detail = f"no token of yours has the number {number[:_LONGEST_ID]!r}; `tradewarden token list` lists them"
        raise ProblemError(404, "unknown-token", detail=detail)


def refuse_useless(owner: User, scopes: Collection[Scope]) -> None:
    """Raises PeopleError for a scope that gives this person nothing."""
    if useless := [scope for scope in sorted(scopes) if owner.role in _USELESS.get(scope, ())]:
        raise PeopleError(
            f"the scope {useless[0]} is of no use to {owner.name}, who is a {owner.role}: leave it out, or give"
            f" another role with `tradewarden user role {owner.name}`"
        )


def seen(tokens: ApiTokens, person: Person) -> list[Token]:
    """The tokens that are this person's business."""
    return tokens.of(None if person.role is Role.ADMIN else person.name)


def token_document(token: Token) -> dict[str, Any]:
    """One token as programs read it, without the secret."""
    return {
        "id": token.id,
        "user": token.user,
        "name": token.name,
        "scopes": sorted(token.scopes),
        "created": iso(token.created),
        "ends": iso(token.ends),
        "used": iso_or_none(token.used),
    }
