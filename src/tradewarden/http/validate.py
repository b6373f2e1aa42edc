"""The stores compared with the journal over HTTP: what `tradewarden validate` does, for an admin."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import orjson
from aiohttp import web

from tradewarden.http.problems import ProblemError, rate_limited
from tradewarden.http.visitors import Viewer, Visitors, refuse_other_sites, token_needed
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.validate import Span
from tradewarden.orchestrator.validation import ValidationError, Validations

MOST_MINUTES = 24 * 60
MINUTES = 10


class Validate:
    """POST /api/validate[?store=][&minutes=], one at a time: it reads the journal and the stores once over."""

    def __init__(self, validations: Validations, clock: Clock, *, public_url: str) -> None:
        self._validations, self._clock, self._public_url = validations, clock, public_url
        self._turn = asyncio.Lock()

    def routes(self, visitors: Visitors) -> list[web.RouteDef]:
        """Its one path."""

        async def post(request: web.Request) -> web.Response:
            refuse_other_sites(request, self._public_url)
            if visitors.viewer(request) is not Viewer.ADMIN:
                raise token_needed(request)
            stores, minutes = self._stores(request), _minutes(request)
            if self._turn.locked():
                raise rate_limited(2)
            async with self._turn:
                body = await self._verdict(stores, minutes)
            headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
            return web.Response(body=orjson.dumps(body), headers=headers)

        return [web.post("/api/validate", post)]

    async def _verdict(self, stores: list[str], minutes: int) -> dict[str, Any]:
        now = self._clock.now()
        span = Span(
            int((now - timedelta(minutes=minutes)).timestamp() * 1e9),
            int((now + timedelta(seconds=1)).timestamp() * 1e9),
        )
        try:
            return await self._validations.verdict(stores, span)
        except ValidationError as trouble:
            raise ProblemError(503, "validation-failed", detail=str(trouble)) from None

    def _stores(self, request: web.Request) -> list[str]:
        known = list(self._validations.stores)
        named = request.query.getall("store", known)
        for each in named:
            if each not in known:
                detail = f"allowed are the stores that run here: {', '.join(known) or 'none'}"
                raise ProblemError(422, "validation", errors=[{"parameter": "store", "detail": detail}])
        return list(dict.fromkeys(named))


def _minutes(request: web.Request) -> int:
    text = request.query.get("minutes", str(MINUTES))
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= MOST_MINUTES):
        detail = f"allowed is 1 to {MOST_MINUTES}"
        raise ProblemError(422, "validation", errors=[{"parameter": "minutes", "detail": detail}])
    return int(text)
