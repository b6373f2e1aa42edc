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
from tradewarden.orchestrator.ledger import LedgerError

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
        "password-change": "The password must be changed first",
        "not-found": "There is nothing here",
        "method-not-allowed": "This method is not possible here",
        "payload-too-large": "The body is too large",
        "validation": "The request is not what is expected",
        "unknown-service": "No service has this name",
        "unknown-person": "Nobody has this name",
        "unknown-token": "No token of yours has this number",
        "wrong-password": "Name or password is wrong",
        "unknown-job": "No job has this name",
        "unknown-run": "No run has this number",
        "refused": "The desk refuses",
        "keepers-unreachable": "No program can be started now",
        "stopping": "The daemon is stopping",
        "too-many-clients": "Too many clients are listening",
        "bad-request": "The request makes no sense",
        "backup-failed": "The backup could not be made",
        "validation-failed": "The stores could not be compared",
        "ledger-failed": "The ledger takes or tells nothing now",
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

    def response(self, instance: str) -> web.Response:
        """The answer."""
        body = {
            "type": f"/problems/{self.kind}",
            "title": TITLES[self.kind],
            "status": self.status,
            "instance": instance,
            **self.more,
        }
        return web.Response(
            status=self.status,
            body=orjson.dumps(body),
            headers={"Content-Type": "application/problem+json", "Cache-Control": "no-store", **self.headers},
        )


Page = Callable[[ProblemError, str], web.Response]  # of a problem with its instance


def rate_limited(seconds: int, why: str = "too often for now") -> ProblemError:
    """Asked too often: come back then."""
    detail = f"{why}: try again in {seconds} s"
    return ProblemError(429, "rate-limited", detail=detail, headers={"Retry-After": str(seconds)})


def stopping() -> ProblemError:
    """The daemon is on its way out."""
    return ProblemError(503, "stopping", headers={"Retry-After": "5"})


def no_account(trouble: Exception, kind: str, place: str) -> ProblemError:
    """An account was named that the desk does not have; `kind` is pointer (into the body) or parameter."""
    return ProblemError(422, "validation", errors=[{kind: place, "detail": str(trouble)}])


def prefers_page(accept: str) -> bool:
    """Whether who asks would rather read a page than JSON, as a browser's visit says and a program does not."""
    weights: dict[str, float] = {}
    for part in accept.split(","):
        kind, *parameters = (word.strip().lower() for word in part.split(";"))
        weights[kind] = min((_weight(each) for each in parameters), default=1.0)
    rather = max(weights.get(kind, 0.0) for kind in ("application/json", "application/problem+json"))
    return weights.get("text/html", 0.0) > rather


def _weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0


def boundary(clock: Clock, counted: Counted, page: Page) -> Any:
    """The one middleware: faults become problems or pages of them, every answer gets the headers and is counted."""

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        begun = clock.mono_ns()
        response = await _answer(request, handler, page)
        if not response.prepared:
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
        counted(request, response.status, clock.mono_ns() - begun)
        return response

    return handle


async def _answer(request: web.Request, handler: Handler, page: Page) -> web.StreamResponse:
    instance = f"urn:req:{secrets.token_hex(8)}"
    try:
        return await handler(request)
    except ProblemError as told:
        problem = told
    except web.HTTPException as refusal:
        problem = _from_aiohttp(refusal)
    except web.RequestPayloadError:  # a body that is not compressed as it says, or that breaks off
        problem = ProblemError(400, "bad-request")
    except ConnectionError:
        raise  # the client went away: nobody is left to be told
    except LedgerError as trouble:  # it says what to do
        log.warning("http.ledger", instance=instance, route=route_of(request), reason=str(trouble))
        problem = ProblemError(503, "ledger-failed", detail=str(trouble), headers={"Retry-After": "5"})
    except Exception:  # the last stop before aiohttp's own page, which may print a traceback
        log.exception("http.fault", instance=instance, route=route_of(request))
        problem = ProblemError(500, "internal")
    if request.method == "GET" and prefers_page(request.headers.get("Accept", "")):
        return page(problem, instance)
    return problem.response(instance)


def _from_aiohttp(refusal: web.HTTPException) -> ProblemError:
    headers = {}
    if isinstance(refusal, web.HTTPMethodNotAllowed):
        headers["Allow"] = ", ".join(sorted(refusal.allowed_methods))
    return ProblemError(refusal.status, _BY_STATUS.get(refusal.status, "bad-request"), headers=headers)


def route_of(request: web.Request) -> str:
    """The route's template, never the path: a path may hold anything that somebody typed."""
    resource = request.match_info.route.resource
    return "unmatched" if resource is None else resource.canonical
