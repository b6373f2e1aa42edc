from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import pytest
from aiohttp import ClientSession
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from pictures import ADMIN, Desk, a_feed, a_picture, all_well, at, lost, serving
from tradewarden.http.metrics import Family, Figures, render


@dataclass
class Machine:
    transitions_total: Counter[tuple[str, str]] = field(
        default_factory=lambda: Counter({("start", "required"): 1, ("required", "valid"): 2})
    )
    ignored_total: int = 4
    stale_results_total: int = 1


class Heart:
    lag_counts = (7, 2, 1)
    lag_sum = 0.75


FIGURES = Figures(
    machines={"auth": Machine(), "feed": Machine()}, lost={"network": 3}, lag=Heart(), lag_bounds=(0.01, 0.1)
)


def parsed(text: str) -> list[Any]:
    return list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]  # it has no types


async def scrape(session: ClientSession, desk: Desk) -> dict[str, Any]:
    async with session.get(f"{desk.url}/metrics") as response:
        assert response.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        text = await response.text()
    return {family.name: family for family in parsed(text)}


def values(family: Any) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in family.samples}


async def test_a_prometheus_reads_everything_that_the_design_names(session: ClientSession) -> None:
    feed = a_feed(last_tick_at=at("10:02:09"), bad_frames_total=MappingProxyType({"short": 2}))
    async with serving(all_well(feed=feed), figures=FIGURES) as desk:
        async with session.get(f"{desk.url}/api/system/health"), session.get(f"{desk.url}/nothing"):
            pass
        found = await scrape(session, desk)
    kinds = {name.removeprefix("tradewarden_"): family.type for name, family in found.items()}
    assert kinds == {
        **dict.fromkeys(("market_state", "auth_state", "feed_state", "health_status"), "stateset"),
        **dict.fromkeys(("transitions", "events_ignored", "stale_results"), "counter"),
        **dict.fromkeys(("feed_ticks", "feed_reconnects", "feed_bad_frames", "http_requests", "alerts"), "counter"),
        "feed_doubtful_ticks": "counter",
        "feed_silent_instruments": "gauge",
        **dict.fromkeys(("feed_last_tick_timestamp_seconds", "feed_backoff_seconds", "sse_clients"), "gauge"),
        "feed_lag_seconds": "gauge",
        **dict.fromkeys(("auth_expires_timestamp_seconds", "calendar_covered_until_timestamp_seconds"), "gauge"),
        **dict.fromkeys(("loop_lag_seconds", "http_request_seconds"), "histogram"),
        "build": "info",
    }
    assert values(found["tradewarden_feed_ticks"]) == {("tradewarden_feed_ticks_total", ()): 1203344}
    assert values(found["tradewarden_feed_last_tick_timestamp_seconds"]) == {
        ("tradewarden_feed_last_tick_timestamp_seconds", ()): at("10:02:09").timestamp()
    }
    assert values(found["tradewarden_feed_bad_frames"]) == {
        ("tradewarden_feed_bad_frames_total", (("kind", "short"),)): 2
    }
    assert values(found["tradewarden_feed_reconnects"]) == {
        ("tradewarden_feed_reconnects_total", (("reason", "network"),)): 3
    }
    moves = values(found["tradewarden_transitions"])
    assert moves["tradewarden_transitions_total", (("dst", "valid"), ("machine", "feed"), ("src", "required"))] == 2
    lag = values(found["tradewarden_loop_lag_seconds"])
    assert [lag["tradewarden_loop_lag_seconds_bucket", (("le", le),)] for le in ("0.01", "0.1", "+Inf")] == [7, 9, 10]
    assert lag["tradewarden_loop_lag_seconds_sum", ()] == 0.75
    requests = values(found["tradewarden_http_requests"])
    assert requests["tradewarden_http_requests_total", (("code", "200"), ("route", "/api/system/health"))] == 1
    assert requests["tradewarden_http_requests_total", (("code", "404"), ("route", "unmatched"))] == 1


async def test_exactly_one_state_of_each_set_is_on(desk: Desk, session: ClientSession) -> None:
    desk.reports.show(lost())
    found = await scrape(session, desk)
    for name, on in (("auth_state", "valid"), ("feed_state", "backing_off"), ("health_status", "fail")):
        samples = found[f"tradewarden_{name}"].samples
        assert [sample.labels[f"tradewarden_{name}"] for sample in samples if sample.value == 1] == [on]
    markets = [sample for sample in found["tradewarden_market_state"].samples if sample.value == 1]
    assert [(each.labels["segment"], each.labels["tradewarden_market_state"]) for each in markets] == [
        ("NSE_EQ", "live"),
        ("NFO", "live"),
    ]
    assert values(found["tradewarden_feed_backoff_seconds"])["tradewarden_feed_backoff_seconds", ()] == 2


async def test_what_is_not_known_is_absent_and_not_zero(session: ClientSession) -> None:
    async with serving(a_picture(feed=a_feed(last_tick_at=None))) as desk:
        found = await scrape(session, desk)
    assert found["tradewarden_feed_last_tick_timestamp_seconds"].samples == []


async def test_streams_are_counted_while_they_last_and_do_not_spoil_the_durations(
    desk: Desk, session: ClientSession
) -> None:
    async with session.get(f"{desk.url}/api/system/health/events"):
        found = await scrape(session, desk)
        assert values(found["tradewarden_sse_clients"]) == {("tradewarden_sse_clients", ()): 1}
    routes = {sample.labels.get("route") for sample in found["tradewarden_http_request_seconds"].samples}
    assert "/api/system/health/events" not in routes


async def test_a_daemon_that_hangs_fails_in_the_figures_too(desk: Desk, session: ClientSession) -> None:
    desk.reports.age = 9
    status = (await scrape(session, desk))["tradewarden_health_status"]
    assert [sample.labels["tradewarden_health_status"] for sample in status.samples if sample.value] == ["fail"]


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 200),
        ({"X-Forwarded-For": "203.0.113.9"}, 401),
        ({"Host": "evil.example"}, 401),
        ({"X-Forwarded-For": "203.0.113.9", "Authorization": "Bearer wrong"}, 403),
        ({"X-Forwarded-For": "203.0.113.9", "Authorization": f"Bearer {ADMIN}"}, 200),
    ],
)
async def test_figures_are_for_this_machine_or_for_the_token(
    desk: Desk, session: ClientSession, headers: dict[str, str], code: int
) -> None:
    async with session.get(f"{desk.url}/metrics", headers=headers) as response:
        assert response.status == code


def test_a_label_may_hold_any_text() -> None:
    text = 'quote " backslash \\ newline \n end'
    family = Family("x", "gauge", text, [("", {"label": text}, 1.5)])
    (found,) = parsed(render([family]).decode())
    assert found.documentation == text
    assert found.samples[0].labels == {"label": text}
