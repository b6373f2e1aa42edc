"""Answers GETs of the health bodies from cached bytes: no I/O, no decision, no machine is touched."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import orjson
from aiohttp import web
from multidict import CIMultiDict

from tradewarden.http.documents import DOCUMENTS, Source, stale
from tradewarden.http.ports import Reports
from tradewarden.http.visitors import Viewer, Visitors
from tradewarden.machines.report import Picture, Severity
from tradewarden.orchestrator.clock import Clock

STALE_AFTER = 5.0  # seconds without a heartbeat after which a cached answer would lie

ROOT = "/api/system/health"
_OK = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """One body, ready to be sent; `time` and `ticks` are as old as the bytes."""

    picture: Picture
    severity: Severity
    body: bytes
    etag: str
    time: datetime
    ticks: int
    stale: bool = False  # the heartbeat has stopped: nobody may keep this


class Answers:
    """The bodies, made when somebody asks and kept until something that a reader can see has changed."""

    def __init__(self, reports: Reports, clock: Clock, version: str) -> None:
        self._reports = reports
        self._clock = clock
        self._version = version
        self._kept: dict[tuple[str, Viewer], Answer] = {}

    def is_stale(self) -> bool:
        """The heartbeat has stopped, so nothing that is kept can be trusted."""
        return self._reports.beat_age() > STALE_AFTER

    def picture(self) -> Picture:
        """The picture to show now: under its own headline, or under the one that says that it may be wrong."""
        picture = self._reports.picture
        if not self.is_stale() or picture.stopping:
            return picture
        return stale(picture, self._clock.now(), self._reports.beat_age())

    def get(self, name: str, viewer: Viewer) -> Answer:
        """The present answer. A rebuild needs a change that can be seen: passing time alone is none."""
        if self.is_stale():
            return replace(self._make(name, viewer, self.picture(), None), stale=True)
        kept, picture = self._kept.get((name, viewer)), self._reports.picture
        if kept is not None and kept.picture is picture:
            return kept
        fresh = self._make(name, viewer, picture, kept)
        self._kept[name, viewer] = fresh
        return fresh

    def _make(self, name: str, viewer: Viewer, picture: Picture, kept: Answer | None) -> Answer:
        def draw(time: datetime, ticks: int) -> tuple[Severity, bytes]:
            private = viewer is Viewer.KNOWN
            severity, document = DOCUMENTS[name](Source(picture, private, self._version, time, ticks))
            return severity, orjson.dumps(document)

        if kept is not None:
            severity, body = draw(kept.time, kept.ticks)
            if body == kept.body:
                return Answer(picture, severity, body, kept.etag, kept.time, kept.ticks)
        severity, body = draw(picture.now, picture.feed.ticks_total)
        etag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
        return Answer(picture, severity, body, etag, picture.now, picture.feed.ticks_total)


class Health:
    """The routes under /api/system/health, and the same again for the original's clients."""

    def __init__(
        self, answers: Answers, visitors: Visitors, *, cors_origins: Sequence[str] = (), fail_code: int = 503
    ) -> None:
        self._answers = answers
        self._visitors = visitors
        self._origins = frozenset(origin.rstrip("/") for origin in cors_origins)
        self._fail_code = fail_code
        self._vary = "Cookie, Authorization" + (", Origin" if self._origins else "")

    def routes(self) -> list[web.RouteDef]:
        """Under the desk's own paths: the code follows the status."""
        return self._mounted(ROOT, compat=False)

    def compat_routes(self) -> list[web.RouteDef]:
        """Under /compat: the same bodies, always 200, since the original's banner drops every other answer."""
        return self._mounted(f"/compat{ROOT}", compat=True)

    def _mounted(self, root: str, *, compat: bool) -> list[web.RouteDef]:
        paths = {name: root if name == "health" else f"{root}/{name}" for name in DOCUMENTS}
        gets = [web.get(path, self._handler(name, compat=compat)) for name, path in paths.items()]
        if not self._origins:
            return gets
        return [*gets, *(web.options(path, self.preflight) for path in paths.values())]

    def _handler(self, name: str, *, compat: bool) -> Callable[[web.Request], Awaitable[web.Response]]:
        kind = "application/json" if compat else "application/health+json"
        vary = f"{self._vary}, X-Admin-Key" if compat else self._vary

        async def get(request: web.Request) -> web.Response:
            viewer = self._visitors.viewer(request)
            answer = self._answers.get(name, viewer)
            status = self._status(request, answer, compat=compat)
            headers = self._headers(request, answer, viewer, vary, cacheable=status == _OK and not answer.stale)
            # A failure ignores preconditions (RFC 9110, 13.2.1): it carries no ETag, so nothing can match.
            if _matches(request.headers.get("If-None-Match"), headers.get("ETag")):
                return web.Response(status=304, headers=headers)
            headers["Content-Type"] = kind
            return web.Response(body=answer.body, status=status, headers=headers)

        return get

    def _headers(
        self, request: web.Request, answer: Answer, viewer: Viewer, vary: str, *, cacheable: bool
    ) -> CIMultiDict[str]:
        headers = CIMultiDict({"Vary": vary, "Cache-Control": "no-store"})
        if cacheable:
            headers["Cache-Control"] = "no-cache" if viewer is Viewer.ANONYMOUS else "private, no-cache"
            headers["ETag"] = answer.etag
        if self._origins:
            headers.update(self.cors(request))
        return headers

    def _status(self, request: web.Request, answer: Answer, *, compat: bool) -> int:
        if answer.severity is not Severity.CRITICAL or compat:
            return _OK
        if request.query_string and request.query.get("http") == "200":
            return _OK
        return self._fail_code

    def cors(self, request: web.Request) -> dict[str, str]:
        """What lets a page of an allowed origin read the answer."""
        origin = request.headers.get("Origin")
        if origin is None or origin not in self._origins:
            return {}
        return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": "ETag, Retry-After"}

    async def preflight(self, request: web.Request) -> web.Response:
        """The browser asks whether a page may ask: reading only, no credentials."""
        headers = self.cors(request)
        if headers:
            headers |= {
                "Access-Control-Allow-Methods": "GET, HEAD",
                "Access-Control-Allow-Headers": "Content-Type, If-None-Match, Cache-Control",
                "Access-Control-Max-Age": "600",
            }
        return web.Response(status=204, headers={"Vary": self._vary, **headers})


def _matches(condition: str | None, etag: str | None) -> bool:
    if condition is None or etag is None:
        return False
    told = [part.strip().removeprefix("W/") for part in condition.split(",")]
    return etag in told or "*" in told
