"""Who asks: anybody, a person, or the admin token; from this machine, or from elsewhere through a proxy."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import socket
import struct
from collections.abc import Callable
from enum import StrEnum
from typing import Final, Protocol
from urllib.parse import urlsplit

from aiohttp import web

from tradewarden.http.problems import ProblemError
from tradewarden.machines.role import Need, Person, Role, Scope, Visit

# A proxy on this machine speaks to us from loopback; these headers tell that it speaks for somebody else.
_FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_PEERCRED = struct.Struct("3i")
_IPV6_HOUSEHOLD = 64  # bits: one customer owns all addresses below
_COOKIE: Final = "tradewarden"
_PLACES: Final = 64  # from where the admin token is remembered to have come
_VISITORS: Final = web.RequestKey["Visitors"]("visitors")
_VISIT: Final = web.RequestKey[Visit | None]("visit")
_NOBODY: Final = "sign in at /sign-in, or give a token: `Authorization: Bearer TOKEN`; an admin gives you either"
_UNKNOWN: Final = "this token is not one of the desk's, or its time is over: give another one, or sign in at /sign-in"
_ELSEWHERE: Final = "only pages of this desk may ask for it: open {0}, as http.public_url has it, and do it there"
_COMMAND_LINE: Final = Visit(person=Person(name="", role=Role.ADMIN, by="command line"))


class Viewer(StrEnum):
    """For whom a body is made."""

    ANONYMOUS = "anonymous"
    KNOWN = "known"  # a signed-in person, a token that may read, the admin token or the control socket


class Members(Protocol):
    """The people of the desk, as far as a request can name them."""

    def by_cookie(self, cookie: str, *, use: bool) -> Visit | None:
        """Whose session this is; a use keeps it from ending."""
        ...

    def by_token(self, token: str) -> Visit | None:
        """Whose API token this is."""
        ...

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Call back when somebody may no longer what they might before."""
        ...


class Visitors:
    """Tells visitors apart; secrets are compared as hashes, in constant time or by looking the hash up."""

    def __init__(self, admin_token: str, members: Members | None = None, *, cookie: str = _COOKIE) -> None:
        self._digest = _digest(admin_token) if admin_token else None
        self._members, self.cookie = members, cookie
        self._admins: dict[tuple[str | None, tuple[str, ...]], Visit] = {}

    def visit(self, request: web.Request) -> Visit | None:
        """Who asks, remembered with the request; none for everybody else, also for a wrong token."""
        found = self._found(request, use=True)
        if found is not None:  # most ask without being anybody: they are not kept waiting
            request[_VISIT], request[_VISITORS] = found, self
        return found

    def still(self, request: web.Request) -> Visit | None:
        """Who that is by now; a request may last for hours."""
        return self._found(request, use=False)

    @staticmethod
    def viewer(request: web.Request) -> Viewer:
        """Whom this request is answered for. A wrong token is nobody's, so the answer is the public one."""
        visit = request.get(_VISIT)
        if visit is None or visit.must_change or not visit.person.may(Need.VIEWER, Scope.READ):
            return Viewer.ANONYMOUS
        return Viewer.KNOWN

    def _found(self, request: web.Request, *, use: bool) -> Visit | None:
        found, headers = None, request.headers
        bearer = headers.get("Authorization")
        if bearer is not None and bearer[:7].lower() == "bearer ":
            found = self._by_secret(bearer[7:].strip(), request)
        elif request.path.startswith("/compat/") and (key := headers.get("X-Admin-Key")) is not None:
            found = self._by_secret(key, request)
        elif self._members is not None and "Cookie" in headers and (cookie := request.cookies.get(self.cookie)):
            found = self._members.by_cookie(cookie, use=use)
        return found if found is not None or not is_control(request) else _COMMAND_LINE

    def _by_secret(self, given: str, request: web.Request) -> Visit | None:
        if self._digest is not None and hmac.compare_digest(_digest(given), self._digest):
            return self._admin(request)
        return None if self._members is None else self._members.by_token(given)

    def _admin(self, request: web.Request) -> Visit:
        """The admin token from one place is the same visit each time."""
        place = (request.remote, tuple(request.headers.getall("X-Forwarded-For", ())))
        found = self._admins.get(place)
        if found is None:
            if len(self._admins) >= _PLACES:
                self._admins.clear()
            person = Person(name="", role=Role.ADMIN, by=f"admin token from {address(request)}")
            found = self._admins[place] = Visit(person=person)
        return found


def cookie_of(public_url: str) -> str:
    """The name of a session's cookie; browsers refuse the prefix, which keeps it from other paths, without https."""
    return "__Host-tradewarden" if public_url.startswith("https://") else _COOKIE


def visit_of(request: web.Request) -> Visit | None:
    """Who asks and by which right, once the gate has looked."""
    return request.get(_VISIT)


def person_of(request: web.Request) -> Person | None:
    """Who asks; nobody while a one-time password waits to be changed."""
    visit = visit_of(request)
    return None if visit is None or visit.must_change else visit.person


def holds(request: web.Request) -> bool:
    """Whether a request that lasts would be let in again: nobody signed out, was disabled or changed roles."""
    visit = visit_of(request)
    return visit is None or request[_VISITORS].still(request) == visit


def who(request: web.Request) -> Person:
    """Who asks, where the gate lets only people through."""
    person = person_of(request)
    if person is None:
        raise LookupError(f"nobody is known behind {request.method}: the path needs a row in http/needs.py")
    return person


def token_needed(request: web.Request) -> ProblemError:
    """What to answer when somebody else is needed: 401 to a stranger, 403 to a wrong token."""
    bearer = request.headers.get("Authorization", "")[:7].lower() == "bearer "
    if bearer or (request.path.startswith("/compat/") and "X-Admin-Key" in request.headers):
        return ProblemError(403, "forbidden", detail=_UNKNOWN)
    headers = {"WWW-Authenticate": 'Bearer realm="tradewarden"'}
    return ProblemError(401, "not-logged-in", detail=_NOBODY, headers=headers)


def refuse_other_sites(request: web.Request, public_url: str) -> None:
    """A browser says where a request comes from, and only our own pages may ask; a program says nothing."""
    if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        raise ProblemError(403, "csrf", detail=_ELSEWHERE.format(public_url))
    parts = urlsplit(public_url)
    origin = request.headers.get("Origin")
    if origin is not None and origin not in (f"{parts.scheme}://{parts.netloc}", f"{request.scheme}://{request.host}"):
        raise ProblemError(403, "csrf", detail=_ELSEWHERE.format(public_url))


def is_control(request: web.Request) -> bool:
    """It came over the control socket from the daemon's own user or root, and not through a proxy."""
    transport = request.transport
    if transport is None or not isinstance(transport.get_extra_info("sockname"), str):
        return False
    raw = transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEERCRED.size)
    _, uid, _ = _PEERCRED.unpack(raw)
    return uid in (0, os.getuid()) and not _is_forwarded(request)


def is_local(request: web.Request) -> bool:
    """It came from a program on this machine that speaks for itself.

    A proxy in front of us also comes from loopback, so a forwarding header takes the privilege away; so does a Host
    that is no name of this machine, because a web page may point its own name at 127.0.0.1 (DNS rebinding).
    """
    if is_control(request):
        return True
    peer = _peer(request)
    if peer is None or not peer.is_loopback or _is_forwarded(request):
        return False
    try:
        return (request.url.host or "") in _LOCAL_NAMES
    except ValueError:  # whatever stands in Host, it is no name
        return False


def address(request: web.Request) -> str:
    """Whose share of a rate limit this is: the address as the proxy on this machine saw it, else the peer's."""
    peer = _peer(request)
    told = request.headers.getall("X-Forwarded-For", ())
    if peer is None or peer.is_loopback:
        # Only the last entry was written by our own proxy; whoever asks may have made up the ones before it.
        peer = _parse(told[-1].rpartition(",")[2].strip()) if told else peer
    if peer is None:
        return "unknown"
    if isinstance(peer, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((peer, _IPV6_HOUSEHOLD), strict=False))
    return str(peer)


def _is_forwarded(request: web.Request) -> bool:
    return any(name in request.headers for name in _FORWARDED)


def _peer(request: web.Request) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    return _parse(request.remote or "")


def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()
