"""Who asks: anybody, or somebody with the admin token; from this machine, or from elsewhere through a proxy."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import socket
import struct
from enum import StrEnum
from urllib.parse import urlsplit

from aiohttp import web

from tradewarden.http.problems import ProblemError

# A proxy on this machine speaks to us from loopback; these headers tell that it speaks for somebody else.
_FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_PEERCRED = struct.Struct("3i")
_IPV6_HOUSEHOLD = 64  # bits: one customer owns all addresses below


class Viewer(StrEnum):
    """For whom a body is made."""

    ANONYMOUS = "anonymous"
    ADMIN = "admin"


class Visitors:
    """Tells visitors apart; secrets are compared as hashes in constant time."""

    def __init__(self, admin_token: str) -> None:
        self._digest = _digest(admin_token) if admin_token else None

    def viewer(self, request: web.Request) -> Viewer:
        """Whom this request is answered for. A wrong token is nobody's, so the answer is the public one."""
        header = request.headers.get("Authorization")
        if header is not None and header[:7].lower() == "bearer " and self._is_admin_token(header[7:].strip()):
            return Viewer.ADMIN
        if request.path.startswith("/compat/"):
            key = request.headers.get("X-Admin-Key")
            if key is not None and self._is_admin_token(key):
                return Viewer.ADMIN
        return Viewer.ADMIN if is_control(request) else Viewer.ANONYMOUS

    def _is_admin_token(self, given: str) -> bool:
        return self._digest is not None and hmac.compare_digest(_digest(given), self._digest)


def token_needed(request: web.Request) -> ProblemError:
    """What to answer when an admin is needed: 401 without a token, 403 with a wrong one."""
    bearer = request.headers.get("Authorization", "")[:7].lower() == "bearer "
    if bearer or (request.path.startswith("/compat/") and "X-Admin-Key" in request.headers):
        return ProblemError(403, "forbidden")
    return ProblemError(401, "not-logged-in", headers={"WWW-Authenticate": 'Bearer realm="tradewarden"'})


def refuse_other_sites(request: web.Request, public_url: str) -> None:
    """A browser says where a request comes from, and only our own pages may ask; a program says nothing."""
    if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        raise ProblemError(403, "csrf")
    parts = urlsplit(public_url)
    origin = request.headers.get("Origin")
    if origin is not None and origin not in (f"{parts.scheme}://{parts.netloc}", f"{request.scheme}://{request.host}"):
        raise ProblemError(403, "csrf")


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
    return (request.url.host or "") in _LOCAL_NAMES


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
    return hashlib.sha256(secret.encode()).digest()
