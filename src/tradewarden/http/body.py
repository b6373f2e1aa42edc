"""JSON in and out: one object a request, one answer, and the words for what is wrong with either."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeVar

import orjson
from aiohttp import web

from tradewarden.http.model import MisfitError, names_of, read
from tradewarden.http.problems import ProblemError
from tradewarden.orchestrator.nesting import DEEPEST, is_too_deep

ARRIVAL: Final = 10.0  # seconds for a request to finish arriving
MOST_FAULTS: Final = 20
M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing, or an empty object."""


_NONE: Final[Mapping[str, str]] = MappingProxyType({})


async def taken(request: web.Request, model: type[M]) -> M:
    """What was sent, as the model says it. Raises the problem that lists every fault with its place."""
    body = await json_object(request)
    try:
        return read(model, body)
    except MisfitError as misfit:
        errors = [{"pointer": f"/{place}", "detail": detail} for place, detail in misfit.faults]
        raise ProblemError(422, "validation", errors=errors) from None


def asked(request: web.Request, model: type[M]) -> M:
    """What the query says, as the model wants it; what the model does not know is none of its business.

    A member that is a tuple may be given several times. Raises the problem that lists every fault with its parameter.
    """
    query = request.query
    given = {
        name: tuple(query.getall(name)) if isinstance(field.default, tuple) else query[name]
        for name, field in names_of(model).items()
        if name in query
    }
    try:
        return read(model, given, strict=False)
    except MisfitError as misfit:
        errors = [{"parameter": place.partition("/")[0], "detail": detail} for place, detail in misfit.faults]
        raise ProblemError(422, "validation", errors=errors) from None


async def json_object(request: web.Request) -> dict[str, Any]:
    """The JSON object that was sent; nothing at all counts as an empty one. Raises the problem otherwise."""
    try:
        async with asyncio.timeout(ARRIVAL):
            raw = await request.read()
    except TimeoutError:
        raise ProblemError(408, "bad-request") from None
    try:
        body = orjson.loads(raw) if raw.strip() else {}
    except orjson.JSONDecodeError:
        raise ProblemError(422, "validation", errors=[{"detail": "the body is no JSON"}]) from None
    if not isinstance(body, dict):
        raise ProblemError(422, "validation", errors=[{"detail": "an object is expected"}])
    if is_too_deep(body):  # what is kept of it could not be told again
        raise ProblemError(422, "validation", errors=[{"detail": f"it is nested deeper than {DEEPEST} levels"}])
    return body


async def form(request: web.Request) -> dict[str, str]:
    """The fields of a page's form. Raises the problem of one that cannot be read."""
    try:
        async with asyncio.timeout(ARRIVAL):
            fields = await request.post()
    except TimeoutError:
        raise ProblemError(408, "bad-request") from None
    except (UnicodeError, LookupError):  # of bytes that are no text, and of a kind of text that nobody knows
        raise ProblemError(422, "validation", errors=[{"detail": "the form is no text of its kind"}]) from None
    return {name: str(value) for name, value in fields.items()}


def fault(key: str, detail: str) -> dict[str, str]:
    """What is wrong with one member."""
    return {"pointer": f"/{key[:64]}", "detail": detail}


def refuse(faults: list[dict[str, str]]) -> None:
    """Stop here if anything is wrong."""
    if faults:
        raise ProblemError(422, "validation", errors=faults[:MOST_FAULTS])


def answer(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] = _NONE) -> web.Response:
    """One JSON object, kept by nobody on the way."""
    usual = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return web.Response(status=status, body=orjson.dumps(body), headers={**usual, **headers})
