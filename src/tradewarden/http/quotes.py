"""The latest quotes over HTTP, answered from memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from aiohttp import web

from tradewarden.feed.names import Names
from tradewarden.feed.plain import told
from tradewarden.feed.studies.quotes import Quotes
from tradewarden.http.body import asked
from tradewarden.http.member import Member
from tradewarden.http.moments import iso
from tradewarden.http.problems import ProblemError
from tradewarden.http.visitors import Visitors
from tradewarden.orchestrator.clock import Clock

MOST = 1000  # names in one question


@dataclass(frozen=True, slots=True)
class QuotesQuery:
    """Which quotes are wanted."""

    only: Annotated[str, Member("names or tokens of instruments, separated by commas", example="NSE:INFY,408065")] = ""
    depth: Annotated[bool, Member("1 adds the order book")] = False


class QuotesDoor:
    """GET /api/quotes: for an admin, since what a desk watches is nobody else's business.

    `only` names instruments (NSE:INFY or a token, separated by commas), `depth=1` adds the order book.
    """

    def __init__(self, latest: Quotes, names: Names, clock: Clock) -> None:
        self._latest, self._names, self._clock = latest, names, clock

    def routes(self, _visitors: Visitors) -> list[web.RouteDef]:
        """Its one path."""

        async def get(request: web.Request) -> web.Response:
            query = asked(request, QuotesQuery)
            quotes = list(self._told(_names(query.only), with_depth=query.depth))
            body = {"time": iso(self._clock.now()), "quotes": quotes}
            headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
            return web.Response(body=orjson.dumps(body), headers=headers)

        return [web.get("/api/quotes", get)]

    def _told(self, wanted: frozenset[str], *, with_depth: bool) -> Iterator[dict[str, Any]]:
        for row in self._latest.rows():
            name = self._names.of(row.instrument)
            if wanted and wanted.isdisjoint((name.key, name.symbol, str(row.instrument))):
                continue
            quote = told(row, self._names)
            del quote["seq"]
            if not with_depth:
                quote.pop("depth", None)
            yield quote


def _names(only: str) -> frozenset[str]:
    names = frozenset(filter(None, only.split(",")))
    if len(names) > MOST:
        raise ProblemError(422, "validation", errors=[{"parameter": "only", "detail": f"allowed are {MOST} names"}])
    return names
