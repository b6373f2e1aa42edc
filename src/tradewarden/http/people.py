"""The desk's people over HTTP, for an admin: who there is, somebody new, another role, out and in again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from aiohttp import web

from tradewarden.http.body import answer, fault, refuse, taken
from tradewarden.http.gate import told_of
from tradewarden.http.member import Member
from tradewarden.http.moments import iso, iso_or_none
from tradewarden.http.problems import ProblemError, rate_limited
from tradewarden.http.visitors import Visitors, who
from tradewarden.machines.password import LONGEST, why_not
from tradewarden.machines.role import Person, Role
from tradewarden.orchestrator.membership import Membership
from tradewarden.orchestrator.passwords import BusyError
from tradewarden.orchestrator.people import NAMES, NobodyError, PeopleError, User

_NOT_BY_ONE: Final = "a token makes no admin and gives none a password: sign in, or use the command line"
ROLES = f"known are {', '.join(Role)}"


@dataclass(frozen=True)
class NewPerson:
    """Somebody new."""

    name: Annotated[str, Member(NAMES, 1, 32, "asha")]
    role: Annotated[Role, Member(ROLES, example="trader")] = Role.VIEWER


@dataclass(frozen=True)
class Change:
    """What is to be different; what is left out stays."""

    role: Annotated[Role | None, Member(ROLES, example="trader")] = None
    enabled: Annotated[bool | None, Member("true or false is expected")] = None
    password: Annotated[str | None, Member("a password is expected", 1, LONGEST)] = field(default=None, repr=False)
    oneTime: Annotated[bool, Member("true, for a new one-time password, or false is expected")] = False  # noqa: N815 - as it is sent


class PeopleDoor:
    """/api/users."""

    def __init__(self, members: Membership, *, public_url: str) -> None:
        self._members, self._people = members, members.people
        self._page = f"{public_url}/sign-in"

    def routes(self, _visitors: Visitors) -> list[web.RouteDef]:
        """The list, somebody new, and a change."""
        return [
            web.get("/api/users", self._everybody),
            web.post("/api/users", self._add),
            web.patch("/api/users/{name}", self._change),
        ]

    async def _everybody(self, _request: web.Request) -> web.Response:
        return answer({"users": [self._told(user) for user in self._people.users()]})

    async def _add(self, request: web.Request) -> web.Response:
        wanted = await taken(request, NewPerson)
        told_of(request, target=wanted.name, detail=wanted.role)
        if wanted.role is Role.ADMIN:
            _refuse_tokens(who(request))
        with refusals():
            password = self._people.add(wanted.name, wanted.role, by=who(request).by)
        return answer(self._told(self._people.named(wanted.name)) | self._first_time(password), 201)

    async def _change(self, request: web.Request) -> web.Response:
        name, wanted = request.match_info["name"], await taken(request, Change)
        told_of(request, detail=_words(wanted))
        with refusals():
            before = self._people.named(name)
            if wanted.role is Role.ADMIN or (before.role is Role.ADMIN and (wanted.password or wanted.oneTime)):
                _refuse_tokens(who(request))
            kept = await self._sealed(name, wanted)
            self._people.change(name, role=wanted.role, enabled=wanted.enabled)
            told = self._first_time(self._people.renew(name)) if wanted.oneTime else {}
            if kept is not None:
                self._people.own(name, kept)
            return answer(self._told(self._people.named(name)) | told)

    def _first_time(self, password: str) -> dict[str, str]:
        """What somebody signs in with, and where."""
        return {"oneTimePassword": password, "signInAt": self._page}

    async def _sealed(self, name: str, wanted: Change) -> str | None:
        if wanted.password is None:
            return None
        if wanted.oneTime:
            refuse([fault("oneTime", "give a password, or ask for a one-time one")])
        if (wrong := why_not(wanted.password, name)) is not None:
            refuse([fault("password", wrong)])
        try:
            return await self._members.passwords.sealed(wanted.password)
        except BusyError:
            raise rate_limited(2) from None

    def _told(self, user: User) -> dict[str, Any]:
        return user_document(user) | {"tokens": len(self._members.tokens.of(user.name))}


def user_document(user: User) -> dict[str, Any]:
    """One person as programs read it; nothing of the password."""
    return {
        "name": user.name,
        "role": user.role,
        "enabled": user.enabled,
        "mustChange": user.one_time_until is not None,
        "oneTimeUntil": iso_or_none(user.one_time_until),
        "created": iso(user.created),
        "createdBy": user.created_by,
    }


@contextmanager
def refusals() -> Iterator[None]:
    """What cannot be done to a person becomes 404 or 409 with its reason."""
    try:
        yield
    except NobodyError as nobody:
        raise ProblemError(404, "unknown-person", detail=str(nobody)) from None
    except PeopleError as refused:
        raise ProblemError(409, "refused", detail=str(refused)) from None


def _refuse_tokens(person: Person) -> None:
    """One that is found out would be an admin for ever, whatever becomes of it."""
    if person.scopes is not None:
        raise ProblemError(403, "forbidden", detail=_NOT_BY_ONE)


def _words(wanted: Change) -> str:
    """What changed, for the record; of a password only that it did."""
    told = [] if wanted.role is None else [f"role {wanted.role}"]
    told += [] if wanted.enabled is None else ["enabled" if wanted.enabled else "disabled"]
    return ", ".join([*told, *(["new password"] if wanted.password or wanted.oneTime else [])])
