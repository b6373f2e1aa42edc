"""The gaps over HTTP: when data was due and did not come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from aiohttp import web

from tradewarden.http.body import asked
from tradewarden.http.member import Member
from tradewarden.http.visitors import Viewer, Visitors
from tradewarden.machines.gap import Gap
from tradewarden.orchestrator.ledger import Ledger, RecordedGap

MOST = 1000


@dataclass(frozen=True, slots=True)
class GapsQuery:
    """How many are wanted."""

    limit: Annotated[int, Member(f"allowed is 1 to {MOST}", 1, MOST)] = 100


class Gaps:
    """GET /api/gaps: the last gaps, newest first; which instruments they concern is told to an admin."""

    def __init__(self, ledger: Ledger, so_far: Callable[[], Gap | None] = lambda: None) -> None:
        self._ledger, self._so_far = ledger, so_far

    def routes(self, visitors: Visitors) -> list[web.RouteDef]:
        """Its one path."""

        async def get(request: web.Request) -> web.Response:
            is_known = visitors.viewer(request) is Viewer.KNOWN
            told = [_told(gap, is_known=is_known) for gap in self._ledger.gaps(limit=asked(request, GapsQuery).limit)]
            headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
            return web.Response(body=orjson.dumps({"gaps": told, "open": _open(self._so_far())}), headers=headers)

        return [web.get("/api/gaps", get)]


def _open(gap: Gap | None) -> dict[str, Any] | None:
    """The gap that is not over; it has no number before it is."""
    if gap is None:
        return None
    return {
        "from": gap.began.isoformat(timespec="milliseconds"),
        "seconds": round(gap.seconds, 3),
        "causes": gap.causes,
    }


def _told(recorded: RecordedGap, *, is_known: bool) -> dict[str, Any]:
    gap = recorded.gap
    told: dict[str, Any] = {
        "id": recorded.id,
        "feed": recorded.feed,
        "from": gap.began.isoformat(timespec="milliseconds"),
        "to": gap.ended.isoformat(timespec="milliseconds"),
        "seconds": round(gap.seconds, 3),
        "cause": gap.causes[0] if gap.causes else None,
        "causes": gap.causes,
        "instrumentCount": len(recorded.instruments),
    }
    return told | {"instruments": recorded.instruments} if is_known else told
