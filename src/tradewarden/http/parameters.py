"""What stands behind the question mark, besides what its model says: nothing unknown, and moments that are some."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from tradewarden.http.logs import MOMENTS, moment_of
from tradewarden.http.problems import ProblemError

NAME: Final = 64  # characters of a name that somebody asks for
LARGEST: Final = 2**63 - 1  # of a number that the ledger knows


def only_known(request: web.Request, model: type[Any]) -> None:
    """Raises the problem of a parameter that the model does not have: a filter that nobody reads would mislead."""
    known = [field.name for field in fields(model)]
    for key in request.query:
        if key not in known:
            raise invalid(key[:NAME], f"not known; allowed are {', '.join(known)}")


def moment(name: str, text: str | None, now: datetime) -> datetime | None:
    """A moment, or so long ago."""
    if text is None:
        return None
    try:
        return moment_of(text, now)
    except (ValueError, OverflowError):
        raise invalid(name, f"{text[:NAME]!r} is none: give {MOMENTS}") from None


def invalid(parameter: str, detail: str) -> ProblemError:
    """422, with the parameter that is meant."""
    return ProblemError(422, "validation", errors=[{"parameter": parameter, "detail": detail}])
