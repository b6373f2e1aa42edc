"""Retention over HTTP: what every store keeps, for how long, and what goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from tradewarden.feed.sinks.retained import Kept, Removed
from tradewarden.http.body import answer, json_object
from tradewarden.http.moments import iso
from tradewarden.http.problems import ProblemError
from tradewarden.http.visitors import Viewer, Visitors, refuse_other_sites, token_needed
from tradewarden.orchestrator.retention import Retention, Told, UnknownStoreError

DEEDS: Final = ("create", "cleanup")


class RetentionDoor:
    """GET /api/retention and POST /api/retention, for an admin; `store` asks one store only."""

    def __init__(self, retention: Retention, *, public_url: str) -> None:
        self._retention, self._public_url = retention, public_url

    def routes(self, visitors: Visitors) -> list[web.RouteDef]:
        """Its two verbs."""

        async def get(request: web.Request) -> web.Response:
            if visitors.viewer(request) is not Viewer.ADMIN:
                raise token_needed(request)
            return await self._told(request.query.get("store"))

        async def post(request: web.Request) -> web.Response:
            refuse_other_sites(request, self._public_url)
            if visitors.viewer(request) is not Viewer.ADMIN:
                raise token_needed(request)
            return await self._done(await json_object(request))

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

    async def _done(self, body: dict[str, Any]) -> web.Response:
        deed, store = body.get("do"), body.get("store")
        if deed not in DEEDS or set(body) - {"do", "store"} or not isinstance(store, str | None):
            detail = f'expected is {{"do": one of {", ".join(DEEDS)}}}, and "store" for one store only'
            raise ProblemError(422, "validation", errors=[{"pointer": "/do", "detail": detail}])
        try:
            told: Sequence[Told[str] | Told[Removed]] = (
                await self._retention.create(store) if deed == "create" else await self._retention.cleanup(store)
            )
        except UnknownStoreError as unknown:
            raise ProblemError(422, "validation", errors=[{"pointer": "/store", "detail": str(unknown)}]) from None
        return answer(
            {
                "done": deed,
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
