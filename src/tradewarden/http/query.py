"""Questions in SQL over HTTP: the same process and the same limits as on the command line, fewer rows and less time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Protocol

from aiohttp import web

from tradewarden.http.body import answer as told
from tradewarden.http.body import fault, taken
from tradewarden.http.member import Member
from tradewarden.http.problems import ProblemError, rate_limited
from tradewarden.http.visitors import Visitors
from tradewarden.orchestrator.query import Answer, QueryError

SECONDS = 15.0  # for one question
MOST_ROWS = 10_000
MOST_BYTES = 8 << 20
_ROWS = 1000
_LENGTH = 8000  # characters of a question


@dataclass(frozen=True, slots=True)
class Question:
    """A question about the recorded ticks."""

    sql: Annotated[str, Member(f"a question in SQL is expected, at most {_LENGTH} characters", 1, _LENGTH)]
    rows: Annotated[int, Member(f"allowed is 1 to {MOST_ROWS}", 1, MOST_ROWS)] = _ROWS


class Questions(Protocol):
    """Whoever answers."""

    async def answer(self, sql: str, *, rows: int) -> Answer:
        """The answer, cut off behind so many rows; raises QueryError."""
        ...


class Query:
    """POST /api/query, for an admin; one question at a time, since each takes a core and half a gigabyte."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions
        self._turn = asyncio.Lock()

    def routes(self, _visitors: Visitors) -> list[web.RouteDef]:
        """Its one path."""

        async def post(request: web.Request) -> web.Response:
            question = await taken(request, Question)
            if self._turn.locked():
                raise rate_limited(2)
            async with self._turn:
                return await self._answer(question)

        return [web.post("/api/query", post)]

    async def _answer(self, question: Question) -> web.Response:
        try:
            answer = await self._questions.answer(question.sql, rows=question.rows)
        except QueryError as error:
            if error.is_the_question:
                raise ProblemError(422, "validation", errors=[fault("sql", str(error))], why=error.kind) from None
            raise ProblemError(503, "query-unavailable", detail=str(error)) from None
        return told(answer.document())
