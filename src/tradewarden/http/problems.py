"""Everything that goes wrong, in one shape: problem+json (RFC 9457), never an exception's text."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

import orjson
import structlog
from aiohttp import web

from tradewarden.orchestrator.clock import Clock

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Counted = Callable[[web.Request, int, int], None]

# On every answer; a page replaces the first by what it needs.
HEADERS = MappingProxyType(
    {
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Server": "tradewarden",  # versions are nobody's business
    }
)

TITLES = MappingProxyType(
    {
        "broker-unreachable": "Broker did not answer",
        "query-unavailable": "Questions cannot be answered now",
        "rate-limited": "Too many requests",
        "not-logged-in": "A token is needed",
        "forbidden": "Not allowed",
        "csrf": "The request comes from another site",
        "not-found": "There is nothing here",
        "method-not-allowed": "This method is not possible here",
        "payload-too-large": "The body is too large",
        "validation": "The request is not what is expected",
        "stopping": "The daemon is stopping",
        "too-many-clients": "Too many clients are listening",
        "bad-request": "The request makes no sense",
        "internal": "A fault of tradewarden",
    }
)
_BY_STATUS = MappingProxyType(
    {
        401: "not-logged-in",
        403: "forbidden",
        404: "not-found",
        405: "method-not-allowed",
        413: "payload-too-large",
        422: "validation",
    }
)

log = structlog.get_logger()


class ProblemError(Exception):
    """Stop here and answer with this problem."""

    def __init__(self, status: int, kind: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(kind)
        self.status = status
        self.kind = kind
        self.headers = dict(headers or {})
        self.more = more

    def response(self, instance: str | None = None) -> web.Response:
        """The answer."""
        body = {
            "type": f"/problems/{self.kind}",
            "title": TITLES[self.kind],
            "status": self.status,
            "instance": instance or f"urn:req:{secrets.token_hex(8)}",
            **self.more,
        }
        return web.Response(
            status=self.status,
            body=orjson.dumps(body),
            headers={"Content-Type": "application/problem+json", "Cache-Control": "no-store", **self.headers},
        )


def rate_limited(seconds: int) -> ProblemError:
    """Asked too often: come back then."""
    return ProblemError(429, "rate-limited", headers={"Retry-After": str(seconds)})


def stopping() -> ProblemError:
    """The daemon is on its way out."""
    return ProblemError(503, "stopping", headers={"Retry-After": "5"})


def no_account(trouble: Exception, kind: str, place: str) -> ProblemError:
    """An account was named that the desk does not have; `kind` is pointer (into the body) or parameter."""
    return ProblemError(422, "validation", errors=[{kind: place, "detail": str(trouble)}])


def boundary(clock: Clock, counted: Counted) -> Any:
    """The one middleware: faults become problems, every answer gets the headers and is counted."""

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        begun = clock.mono_ns()
        response = await _answer(request, handler)
        if not response.prepared:
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
        counted(request, response.status, clock.mono_ns() - begun)
        return response

    return handle


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ProblemError as problem:
        return problem.response()
    except web.HTTPException as refusal:
        return _from_aiohttp(refusal)
    except ConnectionError:
        raise  # the client went away: nobody is left to be told
    except Exception:  # the last stop before aiohttp's own page, which may print a traceback
        instance = f"urn:req:{secrets.token_hex(8)}"
        log.exception("http.fault", instance=instance, route=route_of(request))
        return ProblemError(500, "internal").response(instance)


def _from_aiohttp(refusal: web.HTTPException) -> web.StreamResponse:
    headers = {}
    if isinstance(refusal, web.HTTPMethodNotAllowed):
        headers["Allow"] = ", ".join(sorted(refusal.allowed_methods))
    return ProblemError(refusal.status, _BY_STATUS.get(refusal.status, "bad-request"), headers=headers).response()


def route_of(request: web.Request) -> str:
    """The route's template, never the path: a path may hold anything that somebody typed."""
    resource = request.match_info.route.resource
    return "unmatched" if resource is None else resource.canonical
