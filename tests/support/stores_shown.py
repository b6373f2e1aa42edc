"""Sinks and a journal to feed the HTTP side with, and a desk that shows them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from pictures import Desk, all_well, at, serving
from tradewarden.http.metrics import Figures
from tradewarden.http.sink_metrics import of_sinks
from tradewarden.http.sinks import Sinks
from tradewarden.machines.report import GapsReport, JournalReport, Picture
from tradewarden.machines.sink import SinkReport, SinkState, TableReport


def a_sink(name: str = "sqlite", **changes: Any) -> SinkReport:
    """A sink that keeps up since 09:21:43; or what the changes say."""
    usual: dict[str, Any] = {
        "process": "daemon",
        "state": SinkState.WRITING,
        "reason": None,
        "since": at("09:21:43"),
        "needs_a_look": False,
        "position": 1_203_300,
        "lag_ticks": 44,
        "lag_seconds": 0.7,
        "latency_p50": 0.51,
        "latency_p99": 1.02,
        "rate": 1003.2,
        "written_total": 1_203_300,
        "last_commit_at": at("10:02:09"),
        "tables": (TableReport("quotes", 128, None), TableReport("ticks.db", None, 163_840)),
    }
    return SinkReport(name=name, **usual | changes)


LATE: dict[str, Any] = {
    "state": SinkState.BACKING_OFF,
    "reason": "redis://canary-host:6379: connection refused",
    "since": at("09:58:30"),
    "needs_a_look": True,
    "lag_ticks": 219_000,
    "lag_seconds": 219.4,
    "position": 984_344,
    "errors_last_hour": 31,
    "last_error": "redis://canary-host:6379: connection refused",
    "last_error_at": at("10:02:05"),
    "retry_at": at("10:02:14"),
    "latency_p50": None,
    "latency_p99": None,
    "tables": (),
}


def recording(*sinks: SinkReport, **changes: Any) -> Picture:
    """All is well and recorded; or what the changes say."""
    journal = JournalReport(
        state="recording", reason=None, since=at("08:40:00"), last_seq=1_203_344, records_total=1_203_344
    )
    usual: dict[str, Any] = {
        "journal": journal,
        "gaps": GapsReport(count=2, seconds=74.2),
        "sinks": sinks or (a_sink(),),
    }
    return replace(all_well(), **usual | changes)


@asynccontextmanager
async def showing(picture: Picture) -> AsyncIterator[Desk]:
    """The real HTTP side with what the daemon adds where ticks are recorded."""
    desks: list[Desk] = []

    def present() -> Picture:
        return desks[0].reports.picture

    figures = Figures(parts=[lambda: of_sinks(present().sinks)])
    async with serving(picture, parts=[Sinks(present)], figures=figures) as desk:
        desks.append(desk)
        yield desk
