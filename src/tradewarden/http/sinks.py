"""The stores over HTTP: what is recorded, and how far each store has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from tradewarden.http.moments import iso, iso_or_none
from tradewarden.http.visitors import Viewer, Visitors
from tradewarden.machines.report import JournalReport, Picture
from tradewarden.machines.sink import SinkReport


class Sinks:
    """GET /api/sinks: how each store does; why one does badly, and what it holds, is told to an admin."""

    def __init__(self, picture: Callable[[], Picture]) -> None:
        self._picture = picture

    def routes(self, visitors: Visitors) -> list[web.RouteDef]:
        """Its one path."""

        async def get(request: web.Request) -> web.Response:
            body = document(self._picture(), private=visitors.viewer(request) is Viewer.KNOWN)
            headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
            return web.Response(body=orjson.dumps(body), headers=headers)

        return [web.get("/api/sinks", get)]


def document(picture: Picture, *, private: bool) -> dict[str, Any]:
    """The whole answer."""
    gaps, journal = picture.gaps, picture.journal
    return {
        "time": iso(picture.now),
        "journal": None if journal is None else _recorded(journal),
        "gapsToday": None if gaps is None else {"count": gaps.count, "seconds": round(gaps.seconds, 3)},
        "sinks": [_told(sink, private=private) for sink in picture.sinks],
    }


def _recorded(journal: JournalReport) -> dict[str, Any]:
    return {
        "state": journal.state,
        "since": iso(journal.since),
        "lastSeq": journal.last_seq,
        "recorded": journal.records_total,
        "lost": journal.lost_total,
    }


def _told(sink: SinkReport, *, private: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": sink.name,
        "process": sink.process,
        "state": sink.state,
        "status": "warn" if sink.needs_a_look else "pass",
        "since": iso(sink.since),
        "position": sink.position,
        "lagTicks": sink.lag_ticks,
        "lagSeconds": round(sink.lag_seconds, 3),
        "ticksPerSecond": round(sink.rate, 1),
        "commitSeconds": {"p50": _rounded(sink.latency_p50), "p99": _rounded(sink.latency_p99)},
        "written": sink.written_total,
        "setAside": sink.set_aside_total,
        "missed": sink.missed_total,
        "dropped": sink.dropped_total,
        "errorsLastHour": sink.errors_last_hour,
        "lastCommitAt": iso_or_none(sink.last_commit_at),
    }
    if not private:
        return told
    return told | {
        "reason": sink.reason,
        "retryAt": iso_or_none(sink.retry_at),
        "lastError": sink.last_error,
        "lastErrorAt": iso_or_none(sink.last_error_at),
        "tables": [{"name": table.name, "rows": table.rows, "bytes": table.bytes} for table in sink.tables],
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)
