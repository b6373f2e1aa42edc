"""The calendar and an admin's orders over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from pictures import ADMIN, Desk, DeskClock, MemoryReports, all_well, serving
from tradewarden.http.market import Market
from tradewarden.orchestrator.calendar import load_calendar
from tradewarden.orchestrator.calendar_keeper import CalendarKeeper
from tradewarden.orchestrator.market import MarketDriver

BEARER = {"Authorization": f"Bearer {ADMIN}"}
ORDER = {
    "segment": "NSE_EQ",
    "state": "halted",
    "until": "2026-01-05T11:00:00+05:30",  # the pictures are of 2026-01-05, 10:02
    "reason": "exchange halted",
}


@asynccontextmanager
async def a_desk(state: Path) -> AsyncIterator[tuple[Desk, MarketDriver, CalendarKeeper]]:
    clock = DeskClock(MemoryReports(all_well()))
    market = MarketDriver(["NSE_EQ", "NFO"], load_calendar(), clock, lambda: None)
    keeper = CalendarKeeper(state, market, clock)
    market.sync()
    async with serving(parts=[Market(keeper, clock, ["NSE_EQ", "NFO"])]) as desk:
        yield desk, market, keeper
    market.disarm()


async def ask(desk: Desk, session: ClientSession, method: str, path: str, **how: Any) -> tuple[int, Any]:
    async with session.request(method, f"{desk.url}/api/market/{path}", **how) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.status, await answer.json(content_type=None)


async def test_a_day_is_told_segment_by_segment_with_who_says_so(tmp_path: Path, session: ClientSession) -> None:
    async with a_desk(tmp_path) as (desk, _, _):
        status, body = await ask(desk, session, "GET", "calendar?day=2026-11-10&segment=MCX")
        assert status == 200
        assert body["day"] == "2026-11-10"
        assert len(body["sha256"]) == 64
        assert body["problem"] is None
        assert body["overrides"] == []
        (mcx,) = body["segments"]
        assert (mcx["segment"], mcx["tradingDay"], mcx["status"]) == ("MCX", True, "confirmed")
        assert "BSE 20251215-5" in mcx["source"]
        assert mcx["coveredUntil"] == "2026-12-31"
        assert mcx["spans"][1] == {
            "from": "2026-11-10T17:00:00+05:30",
            "to": "2026-11-10T23:55:00+05:30",
            "state": "live",
            "phase": "continuous",
            "session": "regular",
            "reason": "Diwali-Balipratipada",
            "dataExpected": "dense",
        }


async def test_without_a_day_it_is_today_and_without_a_segment_the_desks_own(
    tmp_path: Path, session: ClientSession
) -> None:
    async with a_desk(tmp_path) as (desk, _, _):
        _, body = await ask(desk, session, "GET", "calendar")
        assert (body["day"], [each["segment"] for each in body["segments"]]) == ("2026-01-05", ["NSE_EQ", "NFO"])


@pytest.mark.parametrize(
    ("day", "reason"),
    [("2027-01-26", "calendar ends 2026-12-31"), ("2024-12-31", "calendar begins 2025-01-01")],
)
async def test_a_day_outside_the_calendar_is_unknown_and_nobody_vouches_for_it(
    tmp_path: Path, session: ClientSession, day: str, reason: str
) -> None:
    async with a_desk(tmp_path) as (desk, _, _):
        _, body = await ask(desk, session, "GET", f"calendar?day={day}&segment=NSE_EQ")
        (nse,) = body["segments"]
        assert (nse["tradingDay"], nse["status"], nse["source"]) == (None, "unknown", None)
        assert [(span["state"], span["reason"]) for span in nse["spans"]] == [("unknown", reason)]


@pytest.mark.parametrize(
    ("query", "parameter", "detail"),
    [
        ("day=9999-12-31", "day", "'9999-12-31' is no date such as 2026-11-23"),
        ("day=0001-01-01", "day", "'0001-01-01' is no date such as 2026-11-23"),
        ("day=tomorrow", "day", "'tomorrow' is no date such as 2026-11-23"),
        ("segment=NSE", "segment", "'NSE' is not known; known: BFO, "),
    ],
)
async def test_a_question_that_makes_no_sense_is_told_why(
    tmp_path: Path, session: ClientSession, query: str, parameter: str, detail: str
) -> None:
    async with a_desk(tmp_path) as (desk, _, _):
        status, body = await ask(desk, session, "GET", f"calendar?{query}")
        assert status == 422
        assert body["title"] == "The request is not what is expected"  # a GET has no body
        assert body["errors"][0]["parameter"] == parameter
        assert body["errors"][0]["detail"].startswith(detail)


async def test_an_admins_order_is_in_force_at_once_and_can_be_taken_back(
    tmp_path: Path, session: ClientSession
) -> None:
    async with a_desk(tmp_path) as (desk, market, keeper):
        status, body = await ask(desk, session, "POST", "override", json=ORDER, headers=BEARER)
        assert status == 201
        assert body == ORDER | {"expect": None, "since": "2026-01-05T10:02:10+05:30"}
        assert market.report().segments[0].state == "halted"
        _, told = await ask(desk, session, "GET", "calendar")
        assert told["overrides"] == [body]
        assert keeper.overrides[0].until == datetime.fromisoformat(ORDER["until"])
        assert await ask(desk, session, "DELETE", "override/NSE_EQ", headers=BEARER) == (
            200,
            {"segment": "NSE_EQ", "lifted": True},
        )
        assert market.report().segments[0].state == "live"
        status, _ = await ask(desk, session, "DELETE", "override/NSE_EQ", headers=BEARER)
        assert status == 404


async def test_expect_data_now_needs_no_state(tmp_path: Path, session: ClientSession) -> None:
    async with a_desk(tmp_path) as (desk, market, _):
        order = {key: value for key, value in ORDER.items() if key != "state"} | {"expect": "sparse"}
        status, body = await ask(desk, session, "POST", "override", json=order, headers=BEARER)
        assert (status, body["state"], body["expect"]) == (201, None, "sparse")
        assert market.report().segments[0].expected == "sparse"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 403),
        (BEARER | {"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "override"), ("DELETE", "override/NSE_EQ")])
async def test_an_order_takes_an_admin_and_no_other_site(  # noqa: PLR0917 - a table
    tmp_path: Path, session: ClientSession, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    async with a_desk(tmp_path) as (desk, market, _):
        assert (await ask(desk, session, method, path, json=ORDER, headers=headers))[0] == status
        assert market.report().segments[0].state == "live"


@pytest.mark.parametrize(
    ("changes", "pointer", "detail"),
    [
        ({"segment": "NSE"}, "/segment", "'NSE' is not known; known: BFO, "),
        ({"state": "open"}, "/state", "'open' is not one of closed, pre_open"),
        ({"state": None}, "/state", "give a state, or expect, or both"),
        ({"until": "soon"}, "/until", "'soon' is no date and time with an offset"),
        ({"until": "2026-01-05T11:00:00"}, "/until", "'2026-01-05T11:00:00' is no date and time with an offset"),
        ({"until": "2026-01-05T09:00:00+05:30"}, "/until", "is not in the future"),
        ({"reason": ""}, "/reason", "say why"),
        ({"reason": 1}, "/reason", "Expected str, got int"),
        ({"because": "x"}, "/because", "not known; allowed are segment, until, reason, state, expect"),
    ],
)
async def test_an_order_that_makes_no_sense_changes_nothing_and_is_told_why(
    tmp_path: Path, session: ClientSession, changes: dict[str, Any], pointer: str, detail: str
) -> None:
    async with a_desk(tmp_path) as (desk, market, _):
        status, body = await ask(desk, session, "POST", "override", json=ORDER | changes, headers=BEARER)
        assert status == 422
        assert body["errors"][0]["pointer"] == pointer
        assert body["errors"][0]["detail"].startswith(detail)
        assert market.report().segments[0].state == "live"


@pytest.mark.parametrize("key", ["segment", "until", "reason"])
async def test_an_order_that_lacks_a_part_names_it(tmp_path: Path, session: ClientSession, key: str) -> None:
    async with a_desk(tmp_path) as (desk, _, _):
        order = {name: value for name, value in ORDER.items() if name != key}
        status, body = await ask(desk, session, "POST", "override", json=order, headers=BEARER)
        assert (status, body["errors"]) == (422, [{"pointer": f"/{key}", "detail": "is missing"}])


@pytest.mark.parametrize("raw", [b"", b"{", b"[1]", b"\xff"])
async def test_a_body_that_is_no_object_is_refused(tmp_path: Path, session: ClientSession, raw: bytes) -> None:
    async with a_desk(tmp_path) as (desk, _, _):
        assert (await ask(desk, session, "POST", "override", data=raw, headers=BEARER))[0] == 422
