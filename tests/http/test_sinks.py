from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientSession
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from pictures import ADMIN, all_well
from stores_shown import LATE, a_sink, recording, showing
from tradewarden.http.banner import banner
from tradewarden.machines.report import Picture
from tradewarden.machines.sink import SinkState

BEARER = {"Authorization": f"Bearer {ADMIN}"}


async def body(session: ClientSession, url: str, **headers: str) -> dict[str, Any]:
    async with session.get(url, headers=headers) as answer:
        found: dict[str, Any] = await answer.json(content_type=None)
    return found


async def test_every_store_is_told_and_why_only_to_an_admin(session: ClientSession) -> None:
    async with showing(recording(a_sink(), a_sink("redis", **LATE))) as desk:
        anybody = await body(session, f"{desk.url}/api/sinks")
        admin = await body(session, f"{desk.url}/api/sinks", **BEARER)
    assert anybody["journal"] == {
        "state": "recording",
        "since": "2026-01-05T08:40:00+05:30",
        "lastSeq": 1203344,
        "recorded": 1203344,
        "lost": 0,
    }
    assert anybody["gapsToday"] == {"count": 2, "seconds": 74.2}
    sqlite, redis = anybody["sinks"]
    assert (sqlite["name"], sqlite["state"], sqlite["status"], sqlite["lagTicks"]) == ("sqlite", "writing", "pass", 44)
    assert sqlite["commitSeconds"] == {"p50": 0.51, "p99": 1.02}
    assert (redis["state"], redis["status"], redis["errorsLastHour"]) == ("backing_off", "warn", 31)
    assert "canary" not in str(anybody)
    assert admin["sinks"][1]["reason"] == "redis://canary-host:6379: connection refused"
    assert admin["sinks"][0]["tables"][0] == {"name": "quotes", "rows": 128, "bytes": None}


async def test_a_desk_that_records_nothing_says_so(session: ClientSession) -> None:
    async with showing(all_well()) as desk:
        told = await body(session, f"{desk.url}/api/sinks")
        health = await body(session, f"{desk.url}/api/system/health")
    assert (told["journal"], told["gapsToday"], told["sinks"]) == (None, None, [])
    assert "sinks:lag" not in health["checks"]


async def test_the_page_says_where_the_reason_stands_of_a_store_that_needs_a_person(session: ClientSession) -> None:
    misfit = a_sink("redis", **LATE | {"state": SinkState.MISFIT})
    async with showing(recording(misfit)) as desk, session.get(desk.url) as answer:
        page = await answer.text()
    assert '<span class="word">Needs a person: tradewarden sinks says why</span>' in page
    assert "canary" not in page


async def test_the_health_answer_has_an_entry_a_sink_that_changes_seldom(session: ClientSession) -> None:
    picture = recording(a_sink(), a_sink("redis", **LATE))
    async with showing(picture) as desk:
        first = await body(session, f"{desk.url}/api/system/health")
        desk.reports.picture = recording(a_sink(lag_seconds=1.3), a_sink("redis", **LATE | {"lag_seconds": 215.0}))
        second = await body(session, f"{desk.url}/api/system/health")
        admin = await body(session, f"{desk.url}/api/system/health", **BEARER)
    assert first["checks"]["sinks:lag"] == [
        {
            "componentId": "sqlite",
            "componentType": "datastore",
            "status": "pass",
            "observedValue": 0,
            "observedUnit": "s",
            "time": "2026-01-05T09:21:43+05:30",
            "state": "writing",
        },
        {
            "componentId": "redis",
            "componentType": "datastore",
            "status": "warn",
            "observedValue": 210,
            "observedUnit": "s",
            "time": "2026-01-05T09:58:30+05:30",
            "state": "backing_off",
        },
    ]
    assert second["checks"]["sinks:lag"] == first["checks"]["sinks:lag"]
    assert admin["checks"]["sinks:lag"][1]["reason"] == "redis://canary-host:6379: connection refused"


async def test_prometheus_reads_every_figure_by_store(session: ClientSession) -> None:
    async with (
        showing(recording(a_sink(), a_sink("redis", **LATE))) as desk,
        session.get(f"{desk.url}/metrics") as told,
    ):
        text = await told.text()
    parsed = text_string_to_metric_families(text)  # type: ignore[no-untyped-call] # it has no types
    found = {family.name: {tuple(s.labels.values()): s.value for s in family.samples} for family in parsed}
    sink = "tradewarden_sink_"
    assert found[f"{sink}lag_ticks"] == {("sqlite",): 44, ("redis",): 219_000}
    assert found[f"{sink}lag_seconds"] == {("sqlite",): 0.7, ("redis",): 219.4}
    assert found[f"{sink}written"] == {("sqlite",): 1_203_300, ("redis",): 1_203_300}
    assert found[f"{sink}commit_seconds"] == {("sqlite", "0.5"): 0.51, ("sqlite", "0.99"): 1.02}
    assert found[f"{sink}table_rows"] == {("sqlite", "quotes"): 128}
    assert found[f"{sink}table_bytes"] == {("sqlite", "ticks.db"): 163_840}
    assert found[f"{sink}errors_last_hour"][("redis",)] == 31
    assert found[f"{sink}state"]["redis", "backing_off"] == 1
    assert found[f"{sink}state"]["redis", "writing"] == 0


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (SinkState.BEHIND, "redis is behind"),
        (SinkState.BACKING_OFF, "redis cannot be reached"),
        (SinkState.MISFIT, "redis needs a person"),
        (SinkState.ABSENT, "No process carries redis"),
    ],
)
def test_the_banner_says_what_is_the_matter_and_that_nothing_is_lost(state: SinkState, text: str) -> None:
    picture = recording(a_sink(), a_sink("redis", **LATE | {"state": state}))
    words = banner(_behind(picture))
    assert words.text == text
    assert "Nothing is lost" in words.detail
    assert "canary" not in words.detail


def test_the_banner_names_several() -> None:
    words = banner(_behind(recording(a_sink("redis", **LATE), a_sink("mysql", **LATE))))
    assert (words.text, words.detail) == (
        "2 stores are behind",
        "redis, mysql. Nothing is lost: they catch up from the journal.",
    )


def _behind(picture: Picture) -> Picture:
    return replace(picture, headline=replace(picture.headline, code="sinks.behind"))
