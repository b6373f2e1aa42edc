"""Retention over HTTP: what every store keeps, for how long, and what goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from aiohttp import web

from tradewarden.feed.sinks.retained import Kept, Removed
from tradewarden.http.body import answer, asked, taken
from tradewarden.http.member import Member
from tradewarden.http.moments import iso
from tradewarden.http.problems import ProblemError
from tradewarden.http.visitors import Visitors
from tradewarden.orchestrator.retention import Retention, Told, UnknownStoreError


@dataclass(frozen=True, slots=True)
class StoreQuery:
    """Which store is asked."""

    store: Annotated[str | None, Member("one store only", example="sqlite")] = None


@dataclass(frozen=True, slots=True)
class Deed:
    """What is to be done with what the stores keep."""

    do: Annotated[Literal["create", "cleanup"], Member('"create" or "cleanup" is expected')]
    store: Annotated[str | None, Member("the name of a store is expected, for one only", example="sqlite")] = None


class RetentionDoor:
    """GET /api/retention and POST /api/retention, for an admin; `store` asks one store only."""

    def __init__(self, retention: Retention) -> None:
        self._retention = retention

    def routes(self, _visitors: Visitors) -> list[web.RouteDef]:
        """Its two verbs."""

        async def get(request: web.Request) -> web.Response:
            return await self._told(asked(request, StoreQuery).store)

        async def post(request: web.Request) -> web.Response:
            return await self._done(await taken(request, Deed))

        return [web.get("/api/retention", get), web.post("/api/retention", post)]

    async def _told(self, store: str | None) -> web.Response:
        try:
            rules, stats = await self._retention.rules(store), await self._retention.stats(store)
        except UnknownStoreError as unknown:
            raise ProblemError(422, "validation", errors=[{"parameter": "store", "detail": str(unknown)}]) from None
        return answer(
            {
                "stores": [
                    {
                        "store": rule.store,
                        "rules": [asdict(one) for one in rule.what],
                        "kept": [_kept(one) for one in kept.what],
                        "trouble": rule.trouble or kept.trouble,
                    }
                    for rule, kept in zip(rules, stats, strict=True)
                ]
            }
        )

    async def _done(self, deed: Deed) -> web.Response:
        keeper, store = self._retention, deed.store
        try:
            told: Sequence[Told[str] | Told[Removed]] = (
                await keeper.create(store) if deed.do == "create" else await keeper.cleanup(store)
            )
        except UnknownStoreError as unknown:
            raise ProblemError(422, "validation", errors=[{"pointer": "/store", "detail": str(unknown)}]) from None
        return answer(
            {
                "done": deed.do,
                "stores": [
                    {"store": one.store, "changed": [_changed(each) for each in one.what], "trouble": one.trouble}
                    for one in told
                ],
            }
        )


def _changed(what: str | Removed) -> dict[str, Any]:
    return {"name": what} if isinstance(what, str) else asdict(what)


def _kept(kept: Kept) -> dict[str, Any]:
    return {
        "name": kept.name,
        "rows": kept.rows,
        "bytes": kept.bytes,
        "oldest": _moment(kept.oldest_ns),
        "newest": _moment(kept.newest_ns),
    }


def _moment(nanoseconds: int | None) -> str | None:
    return None if nanoseconds is None else iso(datetime.fromtimestamp(nanoseconds / 1e9, UTC))
