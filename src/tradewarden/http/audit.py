"""The record over HTTP, for an admin: who did what, and who was refused what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

from aiohttp import web

from tradewarden.http.body import answer, asked
from tradewarden.http.member import Member
from tradewarden.http.moments import iso
from tradewarden.http.visitors import Visitors
from tradewarden.orchestrator.audit import Audit, Entry

MOST: Final = 500
_LARGEST: Final = (1 << 62) - 1
_BY: Final = Member("who did it, as the rows say it; a person with all their tokens", 1, 200, "asha")


@dataclass(frozen=True)
class Asked:
    """Which rows are wanted; `before` is the number of the last one of the page before."""

    by: Annotated[str | None, _BY] = None
    refused: Annotated[bool, Member("true, for refusals only, or false is expected")] = False
    before: Annotated[int | None, Member("the number of a row is expected", 1, _LARGEST)] = None
    limit: Annotated[int, Member(f"allowed is 1 to {MOST}", 1, MOST)] = 50


class AuditDoor:
    """GET /api/audit."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    def routes(self, _visitors: Visitors) -> list[web.RouteDef]:
        """Its one path."""

        async def get(request: web.Request) -> web.Response:
            wanted = asked(request, Asked)
            found = self._audit.entries(by=wanted.by, refused=wanted.refused, before=wanted.before, limit=wanted.limit)
            further = found[-1].id if len(found) == wanted.limit else None
            return answer({"entries": [entry_document(entry) for entry in found], "before": further})

        return [web.get("/api/audit", get)]


def entry_document(entry: Entry) -> dict[str, Any]:
    """One row as programs read it."""
    return {
        "id": entry.id,
        "at": iso(entry.at),
        "by": entry.by,
        "action": entry.action,
        "target": entry.target,
        "allowed": entry.allowed,
        "detail": entry.detail,
    }
