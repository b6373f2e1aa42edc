"""Signing in and out: a browser's session, who it belongs to, and a password of one's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Final, TypeVar

import structlog
from aiohttp import web

from tradewarden.http.body import Nothing, answer, fault, form, refuse, taken
from tradewarden.http.gate import is_form, told_of
from tradewarden.http.guesses import Guesses
from tradewarden.http.member import Member
from tradewarden.http.model import MisfitError, read
from tradewarden.http.moments import iso
from tradewarden.http.problems import ProblemError, prefers_page, rate_limited
from tradewarden.http.sign_in import SignIn
from tradewarden.http.visitors import Visitors, address, cookie_of, visit_of
from tradewarden.machines.password import LONGEST, why_not
from tradewarden.machines.role import Visit
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.membership import Membership
from tradewarden.orchestrator.passwords import BusyError
from tradewarden.orchestrator.people import User
from tradewarden.orchestrator.sessions import LONGEST as LIFE
from tradewarden.orchestrator.sessions import Session

Secret = Annotated[str, Member(f"a password of at most {LONGEST} characters is expected", 1, LONGEST)]
_WRONG: Final = "the name or the password is wrong, or nobody may sign in with them any more"
_LEFT: Final = ("wrong-password", "rate-limited")
_DAY: Final = 86400  # seconds

M = TypeVar("M")

log = structlog.get_logger()


@dataclass(frozen=True)
class Credentials:
    """Who signs in."""

    name: Annotated[str, Member("a person's name is expected", 1, 64, "asha")]
    password: Secret = field(repr=False)


@dataclass(frozen=True)
class NewPassword:
    """The password that is, and the one that is to be; `again` is what a page's second field has."""

    old: Secret = field(repr=False)
    new: Secret = field(repr=False)
    again: Annotated[str | None, Member("the new password again is expected", 1, LONGEST)] = field(
        default=None, repr=False
    )


class SessionDoor:
    """/api/session for programs with cookies and for the page /sign-in, whose forms need no script."""

    def __init__(self, members: Membership, page: SignIn, clock: Clock, *, public_url: str) -> None:
        self._members, self._page, self._clock = members, page, clock
        self._guesses = Guesses(clock)
        self._cookie, self._is_secure = cookie_of(public_url), public_url.startswith("https://")

    def routes(self, _visitors: Visitors) -> list[web.RouteDef]:
        """Its paths, and the page's."""
        return [
            web.get("/api/session", self._who),
            web.post("/api/session", self._sign_in),
            web.delete("/api/session", self._sign_out),
            web.post("/api/session/password", self._change),
            web.get("/sign-in", self._show),
            web.post("/sign-out", self._leave),
        ]

    async def _who(self, request: web.Request) -> web.Response:
        return answer(told(visit_of(request)))

    async def _show(self, request: web.Request) -> web.Response:
        return self._page.shown(visit_of(request), _left(request))

    async def _sign_in(self, request: web.Request) -> web.Response:
        try:
            given = await _sent(request, Credentials)
            user = await self._proven(request, given.name, given.password)
        except ProblemError as problem:
            if not _is_page(request):
                raise
            told_of(request, status=problem.status)
            return _back(problem)
        told_of(request, by=user.name)
        log.info("people.signed_in", user=user.name, address=address(request))
        visit = visit_of(request)
        return self._signed_in(request, user, instead_of=None if visit is None else visit.session)

    async def _change(self, request: web.Request) -> web.Response:
        visit = visit_of(request)
        if visit is None or visit.session is None:
            detail = "this takes a person who is signed in: an admin gives a new one-time password instead"
            raise ProblemError(409, "refused", detail=detail)
        try:
            given = await _sent(request, NewPassword)
            user = await self._chosen(request, visit.person.name, given)
        except ProblemError as problem:
            if not _is_page(request):
                raise
            return self._page.shown(visit, problem)
        log.info("people.password_changed", user=user.name)
        return self._signed_in(request, user, instead_of=visit.session)

    async def _chosen(self, request: web.Request, name: str, given: NewPassword) -> User:
        user = await self._proven(request, name, given.old)
        if (wrong := why_not(given.new, name)) is not None:
            refuse([fault("new", wrong)])
        if given.again is not None and given.again != given.new:
            refuse([fault("again", "the two new passwords are not the same: type both again")])
        if given.new == given.old:
            refuse([fault("new", "this is the old one")])
        try:
            is_done = await self._members.choose(user, given.new)
        except BusyError:
            raise rate_limited(2) from None
        if not is_done:
            raise ProblemError(409, "refused", detail="an admin has just changed something about you: sign in again")
        return self._members.people.named(name)

    async def _proven(self, request: web.Request, name: str, password: str) -> User:
        people, place = self._members.people, address(request)
        known = people.user(name) is not None
        familiar = self._members.sessions.is_familiar(name, place)
        # A name that nobody has may be a password in the wrong field: it is written down nowhere.
        told_of(request, target=name if known else "a name that nobody has")
        if wait := self._guesses.wait(name, place, known=known, familiar=familiar):
            raise rate_limited(wait)
        try:
            user = await self._members.proven(name, password)
        except BusyError:
            raise rate_limited(2) from None
        if user is None:
            log.warning("people.sign_in_refused", user=name if known else None, address=place)
            raise ProblemError(401, "wrong-password", detail=_WRONG)
        return user

    def _signed_in(self, request: web.Request, user: User, *, instead_of: str | None) -> web.Response:
        cookie, session = self._members.sign_in(user, address(request), instead_of=instead_of)
        if is_form(request):
            place = "/sign-in" if user.one_time_until is not None else "/"
            response = web.Response(status=303, headers={"Location": place, "Cache-Control": "no-store"})
        else:
            response = answer(told(self._members.by_cookie(cookie)) | _ends(session), 201)
        age = round(LIFE.total_seconds())
        response.set_cookie(
            self._cookie, cookie, max_age=age, path="/", httponly=True, secure=self._is_secure, samesite="Strict"
        )
        return response

    async def _sign_out(self, request: web.Request) -> web.Response:
        await taken(request, Nothing)
        return self._signed_out(request, answer({"signedOut": True}))

    async def _leave(self, request: web.Request) -> web.Response:
        headers = {"Location": "/sign-in", "Cache-Control": "no-store"}
        return self._signed_out(request, web.Response(status=303, headers=headers))

    def _signed_out(self, request: web.Request, response: web.Response) -> web.Response:
        visit = visit_of(request)
        if visit is not None and visit.session is not None:
            self._members.sign_out(visit.session)
        response.del_cookie(self._cookie, path="/", httponly=True, secure=self._is_secure, samesite="Strict")
        return response


def _back(problem: ProblemError) -> web.Response:
    """To the page again, with the reason: whoever loads it anew tries nothing anew."""
    wait = problem.headers.get("Retry-After", "")
    why = problem.kind if problem.kind in _LEFT else "validation"
    headers = {"Location": f"/sign-in?problem={why}{f'&wait={wait}' if wait else ''}", "Cache-Control": "no-store"}
    return web.Response(status=303, headers=headers)


def _left(request: web.Request) -> ProblemError | None:
    """Why the last attempt failed; nobody can put words of their own there."""
    why, wait = request.query.get("problem", ""), request.query.get("wait", "")
    match why:
        case "wrong-password":
            return ProblemError(200, why, detail=_WRONG)
        case "validation":
            return ProblemError(200, why, detail="a name and a password are expected")
        case "rate-limited" if wait.isascii() and wait.isdecimal() and len(wait) <= len(str(_DAY)):
            return rate_limited(int(wait))
        case _:
            return None


def _is_page(request: web.Request) -> bool:
    """Whether a person at our form reads the answer."""
    return is_form(request) and prefers_page(request.headers.get("Accept", ""))


def told(visit: Visit | None) -> dict[str, Any]:
    """Who asks, and what a browser must send with whatever changes something."""
    if visit is None:
        return {"name": None, "role": None, "by": None, "scopes": None, "csrf": None, "mustChange": False}
    person = visit.person
    return {
        "name": person.name or None,
        "role": person.role,
        "by": person.by,
        "scopes": None if person.scopes is None else sorted(person.scopes),
        "csrf": visit.csrf,
        "mustChange": visit.must_change,
    }


def _ends(session: Session) -> dict[str, Any]:
    return {"endsAt": iso(session.created + LIFE)}


async def _sent(request: web.Request, model: type[M]) -> M:
    """The form's fields, or the JSON object."""
    if not is_form(request):
        return await taken(request, model)
    try:
        return read(model, {key: value for key, value in (await form(request)).items() if key != "csrf"})
    except MisfitError as misfit:
        errors = [{"pointer": f"/{place}", "detail": detail} for place, detail in misfit.faults]
        raise ProblemError(422, "validation", errors=errors) from None
