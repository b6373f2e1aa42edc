"""The gate before every path: who asks, whether the path's row lets them through, and a record of what was done."""

from __future__ import annotations

import hmac
from datetime import timedelta
from typing import Any, Final, Protocol

from aiohttp import web

from tradewarden.http.allowance import Allowance
from tradewarden.http.body import form
from tradewarden.http.needs import DEEDS, FRESH, NEEDS, READS, Way
from tradewarden.http.problems import Handler, ProblemError, rate_limited, route_of
from tradewarden.http.visitors import Visitors, address, is_local, refuse_other_sites, token_needed, visit_of
from tradewarden.machines.role import Need, Visit
from tradewarden.orchestrator.clock import Clock

CSRF: Final = "X-CSRF-Token"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_REFUSED: Final = (401, 403, 429)
_IN_VAIN: Final = range(400, 500)  # nothing was changed
_FORM: Final = "application/x-www-form-urlencoded"
_TARGET: Final = web.RequestKey[str]("target")
_DETAIL: Final = web.RequestKey[str]("detail")
_STATUS: Final = web.RequestKey[int]("status")
_BY: Final = web.RequestKey[str]("by")
_SIGN_IN: Final = ("POST", "/api/session")  # nobody's session can be misused by it: the password is in the body

_INSTEAD: Final = "run `tradewarden backup` on the machine, or ask with the desk's own admin token"
_NO_TOKEN: Final = f"it holds the desk's secrets, the admin token among them, and no API token gets these: {_INSTEAD}"
_SIGN_IN_AGAIN: Final = (
    f"it holds the desk's secrets, and the password was given more than {FRESH // timedelta(minutes=1)} minutes ago:"
    " sign in again, at /sign-in, and ask then"
)
_GREED: Final = f"more than {READS[0]} questions of this kind in a minute"


class Record(Protocol):
    """Where it is written down what was done, and what was refused."""

    def add(
        self, by: str, action: str, target: str, *, allowed: bool, detail: str | None = None, in_vain: bool = False
    ) -> None:
        """One row; the same refusal again and again, or the same thing in vain, becomes a count."""
        ...


class NoRecord:
    """Writes nothing down."""

    def add(
        self, by: str, action: str, target: str, *, allowed: bool, detail: str | None = None, in_vain: bool = False
    ) -> None:
        """Nothing."""


def told_of(
    request: web.Request,
    *,
    target: str | None = None,
    detail: str | None = None,
    by: str = "",
    status: int | None = None,
) -> None:
    """What the record says of this action beside its path: whom or what it concerned. Never anything secret.

    `status` is how it ended when the answer leads a browser back to a page that says so.
    """
    if status is not None:
        request[_STATUS] = status
    if target is not None:
        request[_TARGET] = target
    if detail is not None:
        request[_DETAIL] = detail
    if by:
        request[_BY] = by


class Gate:
    """Lets through who may, by the table of http/needs.py."""

    def __init__(self, visitors: Visitors, record: Record, clock: Clock, *, public_url: str) -> None:
        self._visitors, self._record, self._public_url = visitors, record, public_url
        self._clock = clock
        self._deeds, self._reads = Allowance(*DEEDS, clock), Allowance(*READS, clock)
        self._ways: dict[web.AbstractRoute, Way] = {}

    def look_up(self, app: web.Application) -> None:
        """Find each path's row. Raises LookupError for one without."""
        for route in app.router.routes():
            path = "" if route.resource is None else route.resource.canonical
            method = "GET" if route.method == "HEAD" else route.method
            way = NEEDS.get((method, path))
            if way is None:
                raise LookupError(f"{method} {path}: say in http/needs.py who may use it")
            self._ways[route] = way

    def middleware(self) -> Any:
        """What stands before every handler."""

        @web.middleware
        async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
            visit = self._visitors.visit(request)
            way = self._ways.get(request.match_info.route)
            if way is None:  # there is no such path, or not with this method
                return await handler(request)
            is_safe = request.method in _SAFE
            try:
                await self._admit(request, way, visit, is_safe=is_safe)
            except ProblemError as refused:
                self._write(request, allowed=False, detail=f"{refused.status} {refused.kind}")
                raise
            return await handler(request) if is_safe else await self._acted(request, handler)

        return handle

    async def _admit(self, request: web.Request, way: Way, visit: Visit | None, *, is_safe: bool) -> None:
        if not is_safe:
            await self._refuse_forged(request, visit)
        if way.costly:
            self._refuse_greed(request, visit)
        if way.need is Need.ANYBODY or (way.need is Need.MACHINE and is_local(request)):
            return
        if visit is None:
            raise token_needed(request)
        if visit.must_change and not way.unchanged:
            raise ProblemError(403, "password-change", detail="this is a one-time password: choose your own first")
        if not visit.person.may(way.need, way.scope):
            raise ProblemError(403, "forbidden", detail=_why_not(visit, way))
        if way.secrets and (why := self._why_no_secrets(visit)) is not None:
            raise ProblemError(403, "forbidden", detail=why)
        if not is_safe and visit.person.name and (wait := self._deeds.take(visit.person.name)):
            raise rate_limited(wait)

    async def _refuse_forged(self, request: web.Request, visit: Visit | None) -> None:
        refuse_other_sites(request, self._public_url)
        if visit is not None and visit.csrf is not None and _named(request) != _SIGN_IN:
            await _refuse_without(request, visit.csrf)

    def _refuse_greed(self, request: web.Request, visit: Visit | None) -> None:
        """A person with all their tokens, or a stranger's address, has one share; the desk's own door has no end."""
        if visit is not None and not visit.person.name:
            return
        if wait := self._reads.take(f"from {address(request)}" if visit is None else visit.person.name):
            raise rate_limited(wait, _GREED)

    def _why_no_secrets(self, visit: Visit) -> str | None:
        """A token that was found, or a browser that was left open, must not become the desk's own admin token."""
        if visit.person.scopes is not None:
            return _NO_TOKEN
        if visit.proven is None or timedelta() <= self._clock.now() - visit.proven < FRESH:
            return None
        return _SIGN_IN_AGAIN

    async def _acted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except ProblemError as problem:
            self._write_ended(request, problem.status, f"{problem.status} {problem.kind}")
            raise
        except web.HTTPException as refusal:  # the body is too large
            self._write_ended(request, refusal.status, str(refusal.status))
            raise
        except web.RequestPayloadError:
            self._write_ended(request, 400, "400 bad-request")
            raise
        except Exception:
            self._write_ended(request, 500, "failed")
            raise
        status = request.get(_STATUS, response.status)
        self._write_ended(request, status, str(status))
        return response

    def _write_ended(self, request: web.Request, status: int, detail: str) -> None:
        """What strangers are let do changes nothing, unless they sign in: they could fill the disk with rows of it."""
        allowed = status not in _REFUSED
        if allowed and visit_of(request) is None and _BY not in request:
            return
        self._write(request, allowed=allowed, detail=detail, in_vain=status in _IN_VAIN)

    def _write(self, request: web.Request, *, allowed: bool, detail: str, in_vain: bool = False) -> None:
        visit = visit_of(request)
        by = request.get(_BY) or (f"nobody from {address(request)}" if visit is None else visit.person.by)
        target = request.get(_TARGET) or ", ".join(request.match_info.values())
        more = request.get(_DETAIL)
        told = detail if more is None else f"{detail}, {more}"
        self._record.add(
            by, " ".join(_named(request)), target[:200], allowed=allowed, detail=told[:500], in_vain=in_vain
        )


def is_form(request: web.Request) -> bool:
    """Whether a page without script sends it."""
    return request.content_type == _FORM


def _named(request: web.Request) -> tuple[str, str]:
    return request.method, route_of(request)


async def _refuse_without(request: web.Request, csrf: str) -> None:
    """A browser's session acts only with what a page of ours has told the browser besides the cookie."""
    given = request.headers.get(CSRF)
    if given is None and is_form(request):
        given = (await form(request)).get("csrf")
    if given is None or not hmac.compare_digest(given.encode(errors="replace"), csrf.encode()):
        raise ProblemError(
            403, "csrf", detail=f"the session's own token is needed, as {CSRF}: GET /api/session tells it"
        )


def _why_not(visit: Visit, way: Way) -> str:
    person = visit.person
    if person.scopes is None:
        return f"this takes {_a(way.need)}; {person.by} is {_a(person.role)}"
    has = ", ".join(sorted(person.scopes))
    return f"this takes {_a(way.need)} and the scope {way.scope}; {person.by} is {_a(person.role)}'s and has {has}"


def _a(role: str) -> str:
    return f"{'an' if role[0] in 'aeiou' else 'a'} {role}"
