"""Questions in SQL over HTTP: the same process and the same limits as on the command line, fewer rows and less time."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from aiohttp import web

from tradewarden.http.body import answer as told
from tradewarden.http.body import fault, json_object, refuse, unknown
from tradewarden.http.problems import ProblemError, rate_limited
from tradewarden.http.visitors import Viewer, Visitors, refuse_other_sites, token_needed
from tradewarden.orchestrator.query import Answer, QueryError

SECONDS = 15.0  # for one question
MOST_ROWS = 10_000
MOST_BYTES = 8 << 20
_ROWS = 1000
_LENGTH = 8000  # characters of a question


class Questions(Protocol):
    """Whoever answers."""

    async def answer(self, sql: str, *, rows: int) -> Answer:
        """The answer, cut off behind so many rows; raises QueryError."""
        ...


class Query:
    """POST /api/query, for an admin; one question at a time, since each takes a core and half a gigabyte."""

    def __init__(self, questions: Questions, *, public_url: str) -> None:
        self._questions = questions
        self._public_url = public_url
        self._turn = asyncio.Lock()

    def routes(self, visitors: Visitors) -> list[web.RouteDef]:
        """Its one path."""

        async def post(request: web.Request) -> web.Response:
            refuse_other_sites(request, self._public_url)
            if visitors.viewer(request) is not Viewer.ADMIN:
                raise token_needed(request)
            sql, rows = _question(await json_object(request))
            if self._turn.locked():
                raise rate_limited(2)
            async with self._turn:
                return await self._answer(sql, rows)

        return [web.post("/api/query", post)]

    async def _answer(self, sql: str, rows: int) -> web.Response:
        try:
            answer = await self._questions.answer(sql, rows=rows)
        except QueryError as error:
            if error.is_the_question:
                raise ProblemError(422, "validation", errors=[fault("sql", str(error))], why=error.kind) from None
            raise ProblemError(503, "query-unavailable", detail=str(error)) from None
        return told(answer.document())


def _question(body: dict[str, Any]) -> tuple[str, int]:
    """The question and how many rows are wanted; raises the problem that lists every fault."""
    sql, rows = body.get("sql"), body.get("rows", _ROWS)
    faults = unknown(body, "sql", "rows")
    if not isinstance(sql, str) or not 0 < len(sql) <= _LENGTH:
        faults.append(fault("sql", f"a question in SQL is expected, at most {_LENGTH} characters"))
    if type(rows) is not int or not 1 <= rows <= MOST_ROWS:
        faults.append(fault("rows", f"allowed is 1 to {MOST_ROWS}"))
    refuse(faults)
    return str(sql), int(rows)
