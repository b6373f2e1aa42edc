"""The stores compared with the journal over HTTP: what `tradewarden validate` does, for an admin."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import orjson
from aiohttp import web

from tradewarden.http.body import asked
from tradewarden.http.member import Member
from tradewarden.http.problems import ProblemError, rate_limited
from tradewarden.http.visitors import Visitors
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.validate import Span
from tradewarden.orchestrator.validation import ValidationError, Validations

MOST_MINUTES = 24 * 60
MINUTES = 10


@dataclass(frozen=True, slots=True)
class CompareQuery:
    """What is compared."""

    store: Annotated[
        tuple[str, ...], Member("a store that runs here, several times for several", example="sqlite")
    ] = ()
    minutes: Annotated[int, Member(f"allowed is 1 to {MOST_MINUTES}", 1, MOST_MINUTES)] = MINUTES


class Validate:
    """POST /api/validate[?store=][&minutes=], one at a time: it reads the journal and the stores once over."""

    def __init__(self, validations: Validations, clock: Clock) -> None:
        self._validations, self._clock = validations, clock
        self._turn = asyncio.Lock()

    def routes(self, _visitors: Visitors) -> list[web.RouteDef]:
        """Its one path."""

        async def post(request: web.Request) -> web.Response:
            wanted = asked(request, CompareQuery)
            stores = self._stores(wanted)
            if self._turn.locked():
                raise rate_limited(2)
            async with self._turn:
                body = await self._verdict(stores, wanted.minutes)
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

    def _stores(self, wanted: CompareQuery) -> list[str]:
        known = list(self._validations.stores)
        named = wanted.store or known
        for each in named:
            if each not in known:
                detail = f"allowed are the stores that run here: {', '.join(known) or 'none'}"
                raise ProblemError(422, "validation", errors=[{"parameter": "store", "detail": detail}])
        return list(dict.fromkeys(named))
