from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientSession

from pictures import (
    ADMIN,
    REQUIRED,
    Desk,
    a_market,
    a_picture,
    a_segment,
    all_well,
    an_auth,
    asks_for_a_login,
    at,
    lost,
    serving,
    weekend,
)
from tradewarden.http.health import ROOT
from tradewarden.machines.report import Picture

BEARER = {"Authorization": f"Bearer {ADMIN}"}
NAMES = ("", "/market", "/auth", "/feed", "/summary")


async def read(session: ClientSession, desk: Desk, path: str = "", **headers: str) -> tuple[int, dict[str, Any]]:
    async with session.get(f"{desk.url}{ROOT}{path}", headers=headers) as response:
        return response.status, json.loads(await response.read())


# What an answer says ----------------------------------------------------------------------------------------------


async def test_the_anonymous_answer_is_the_one_of_the_design(desk: Desk, session: ClientSession) -> None:
    desk.reports.show(asks_for_a_login())
    status, body = await read(session, desk)
    assert status == 503
    assert body["headline"].pop("detail") == "No Kite session since 07:31. Log in to get ticks again."
    live = {
        "componentType": "component",
        "status": "pass",
        "observedValue": "live",
        "time": "2026-01-05T09:15:00+05:30",
        "phase": "continuous",
        "session": "regular",
        "dataExpected": "dense",
    }
    assert body == {
        "status": "fail",
        "version": "1",
        "releaseId": "0.1.0",
        "serviceId": "tradewarden",
        "seq": body["seq"],
        "time": "2026-01-05T09:20:00+05:30",
        "headline": {
            "code": "auth.required",
            "layer": "auth",
            "severity": "critical",
            "text": "Login required",
            "since": "2026-01-05T07:31:02+05:30",
            "action": {"rel": "login", "method": "GET", "href": "/login"},
        },
        "checks": {
            "auth:token": [
                {
                    "componentType": "component",
                    "status": "fail",
                    "observedValue": "required",
                    "time": "2026-01-05T07:31:02+05:30",
                }
            ],
            "feed:stream": [
                {
                    "componentType": "component",
                    "status": "warn",
                    "observedValue": "blocked_on_auth",
                    "time": "2026-01-05T08:40:00+05:30",
                }
            ],
            "market:session": [
                {
                    "componentId": "NSE_EQ",
                    **live,
                    "next": {"state": "post_close", "at": "2026-01-05T15:30:00+05:30"},
                },
                {"componentId": "NFO", **live, "next": {"state": "closed", "at": "2026-01-05T15:30:00+05:30"}},
            ],
        },
        "links": {"about": "/docs/health", "events": "/api/system/health/events"},
        "timestamp": "2026-01-05T09:20:00+05:30",
        "priority_status": "AUTH_REQUIRED",
        "priority_message": "Login required",
        "market": {
            "phase": "LIVE",
            "title": "Market Live",
            "description": "Active trading until 15:30",
            "icon": "🟢",
            "color": "green",
            "is_trading_hours": True,
            "data_flow_expected": True,
            "seconds_to_next_phase": 22200,
            "next_phase_in_minutes": 370.0,
        },
        "auth": {
            "state": "login_required",
            "is_valid": False,
            "requires_login": True,
            "token_age_hours": None,
            "last_success": None,
            "consecutive_failures": None,
        },
        "feed": {
            "state": "disconnected",
            "is_healthy": False,
            "is_stale": False,
            "requires_reconnect": True,
            "last_tick_seconds_ago": None,
            "uptime_minutes": 0.0,
            "total_ticks": 0,
            "total_reconnects": 0,
            "connection_quality": 0.0,
        },
    }


async def test_the_logged_in_answer_is_the_one_of_the_design(desk: Desk, session: ClientSession) -> None:
    desk.reports.show(all_well())
    status, body = await read(session, desk, **BEARER)
    assert status == 200
    assert (body["status"], body["headline"]["code"], body["headline"]["severity"]) == ("pass", "market.live", "ok")
    assert "action" not in body["headline"]
    assert body["checks"]["auth:token"] == [
        {
            "componentType": "component",
            "status": "pass",
            "observedValue": "valid",
            "time": "2026-01-05T09:21:40+05:30",
            "expiresAt": "2026-01-06T06:00:00+05:30",
            "verifiedAt": "2026-01-05T09:21:41+05:30",
            "userId": "AB1234",
            "generation": 3,
            "forecast": None,
        }
    ]
    assert body["checks"]["feed:stream"] == [
        {
            "componentType": "component",
            "status": "pass",
            "observedValue": "streaming",
            "time": "2026-01-05T09:21:42+05:30",
            "attempt": 0,
            "generation": 3,
            "lastReason": "ticked",
        }
    ]
    calendars = [check["calendar"] for check in body["checks"]["market:session"]]
    assert calendars == [{"sha256": "9f2c41", "coveredUntil": "2026-12-31"}] * 2
    assert (body["priority_status"], body["priority_message"]) == ("MARKET_SESSION", "Active trading until 15:30")
    assert body["market"]["seconds_to_next_phase"] == 19680
    assert body["auth"] == {
        "state": "valid",
        "is_valid": True,
        "requires_login": False,
        "token_age_hours": 0.6,
        "last_success": "2026-01-05T09:21:41+05:30",
        "consecutive_failures": 0,
    }
    assert body["feed"] == {
        "state": "connected",
        "is_healthy": True,
        "is_stale": False,
        "requires_reconnect": False,
        "last_tick_seconds_ago": 0.0,
        "uptime_minutes": 40.0,
        "total_ticks": 1203344,
        "total_reconnects": 1,
        "connection_quality": 100.0,
    }


async def test_each_machine_answers_for_itself(desk: Desk, session: ClientSession) -> None:
    desk.reports.show(asks_for_a_login())
    status, market = await read(session, desk, "/market")
    assert status == 200
    assert market["check"]["next"] == {"state": "post_close", "at": "2026-01-05T15:30:00+05:30"}
    assert [segment["componentId"] for segment in market["segments"]] == ["NSE_EQ", "NFO"]
    assert {key: market[key] for key in ("phase", "title", "description", "icon", "is_trading_hours")} == {
        "phase": "LIVE",
        "title": "Market Live",
        "description": "Active trading until 15:30",
        "icon": "🟢",
        "is_trading_hours": True,
    }
    status, auth = await read(session, desk, "/auth")
    assert status == 503
    assert auth == {
        "status": "fail",
        "seq": auth["seq"],
        "time": "2026-01-05T09:20:00+05:30",
        "check": {"status": "fail", "observedValue": "required", "time": "2026-01-05T07:31:02+05:30"},
        "action": {"rel": "login", "method": "GET", "href": "/login"},
        "state": "login_required",
        "is_valid": False,
        "requires_login": True,
        "has_token": None,
        "created_at": None,
    }
    desk.reports.show(lost())
    status, feed = await read(session, desk, "/feed")
    assert status == 503
    assert feed == {
        "status": "fail",
        "seq": feed["seq"],
        "time": "2026-01-05T11:05:12+05:30",
        "check": {"status": "fail", "observedValue": "backing_off", "time": "2026-01-05T11:05:12+05:30"},
        "state": "disconnected",
        "is_healthy": False,
        "is_stale": False,
        "requires_reconnect": True,
        "last_tick_seconds_ago": 15.0,
        "uptime_minutes": 0.0,
        "total_ticks": 1203344,
        "total_reconnects": 2,
        "reconnect_count": 1,
        "connection_quality": 0.0,
    }


async def test_the_summary_is_one_line(desk: Desk, session: ClientSession) -> None:
    desk.reports.show(asks_for_a_login())
    status, body = await read(session, desk, "/summary")
    assert status == 503
    assert body == {
        "status": "fail",
        "code": "auth.required",
        "seq": body["seq"],
        "text": "Login required",
        "healthy": False,
        "market_phase": "LIVE",
        "auth_valid": False,
        "feed_healthy": False,
        "requires_action": True,
        "timestamp": "2026-01-05T09:20:00+05:30",
    }


async def test_the_headlines_segment_stands_first_and_the_others_keep_their_order(session: ClientSession) -> None:
    quiet = {"state": "post_close", "phase": "wait", "expected": "none"}
    segments = [a_segment("NSE_EQ", **quiet), a_segment("CDS", **quiet), a_segment("NFO")]
    async with serving(a_picture(market=a_market(*segments))) as desk:
        _, body = await read(session, desk)
    assert [check["componentId"] for check in body["checks"]["market:session"]] == ["NFO", "NSE_EQ", "CDS"]
    assert body["market"]["phase"] == "LIVE"


async def test_a_calendar_that_needs_a_person_warns_and_tells_why_to_the_logged_in_only(session: ClientSession) -> None:
    market = a_market(a_segment("NSE_EQ", problem="covered until 2026-01-20 only"), a_segment("NFO"))
    async with serving(a_picture(market=market)) as desk:
        status, public = await read(session, desk, "/market")
        _, private = await read(session, desk, "/market", **BEARER)
        _, whole = await read(session, desk)
    assert (status, public["status"], whole["status"]) == (200, "warn", "pass")
    assert "covered" not in json.dumps(public)
    assert private["check"]["calendar"]["problem"] == "covered until 2026-01-20 only"


@pytest.mark.parametrize("name", NAMES)
async def test_what_only_the_logged_in_may_see_is_absent_or_null_for_others(
    desk: Desk, session: ClientSession, name: str
) -> None:
    desk.reports.show(replace(lost(), auth=an_auth(failures=2)))
    _, body = await read(session, desk, name)
    text = json.dumps(body)
    for word in ("AB1234", "userId", "expiresAt", "verifiedAt", "attempt", "generation", "retryAt", "sha256"):
        assert word not in text, word
    if name == "":
        assert {body["auth"][key] for key in ("token_age_hours", "last_success", "consecutive_failures")} == {None}
    if name == "/auth":
        assert body["has_token"] is body["created_at"] is None
        _, private = await read(session, desk, name, **BEARER)
        assert (private["has_token"], private["created_at"]) == (True, "2026-01-05T09:21:40+05:30")


@pytest.mark.parametrize("scheme", ["Bearer wrong", f"Basic {ADMIN}", ADMIN, "Bearer "])
async def test_a_wrong_token_gets_the_public_answer(desk: Desk, session: ClientSession, scheme: str) -> None:
    _, body = await read(session, desk, Authorization=scheme)
    assert "userId" not in body["checks"]["auth:token"][0]


# Codes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("picture", "codes"),
    [
        (all_well, {"": 200, "/market": 200, "/auth": 200, "/feed": 200, "/summary": 200}),
        (weekend, {"": 200, "/market": 200, "/auth": 200, "/feed": 200, "/summary": 200}),
        (asks_for_a_login, {"": 503, "/market": 200, "/auth": 503, "/feed": 200, "/summary": 503}),
        (lost, {"": 503, "/market": 200, "/auth": 200, "/feed": 503, "/summary": 503}),
    ],
)
async def test_pass_and_warn_are_200_and_fail_is_503(
    desk: Desk, session: ClientSession, picture: Callable[[], Picture], codes: dict[str, int]
) -> None:
    desk.reports.show(picture())
    for name, code in codes.items():
        status, body = await read(session, desk, name)
        assert (name, status) == (name, code)
        assert (body["status"] == "fail") == (code == 503)
        assert (await read(session, desk, f"{name}?http=200"))[0] == 200


async def test_a_login_missing_outside_the_window_is_a_warning(session: ClientSession) -> None:
    picture = weekend()
    picture = a_picture(an_auth(**REQUIRED), picture.feed, picture.market)
    async with serving(picture) as desk:
        status, body = await read(session, desk)
    assert (status, body["status"], body["headline"]["code"]) == (200, "warn", "auth.required")


async def test_a_server_may_be_set_to_always_answer_200(session: ClientSession) -> None:
    async with serving(asks_for_a_login(), fail_code=200) as desk:
        status, body = await read(session, desk)
    assert (status, body["status"]) == (200, "fail")


async def test_only_200_is_understood_after_http(desk: Desk, session: ClientSession) -> None:
    desk.reports.show(asks_for_a_login())
    assert (await read(session, desk, "?http=503"))[0] == 503
    assert (await read(session, desk, "?other=200"))[0] == 503


# A heartbeat that stopped -----------------------------------------------------------------------------------------


async def test_without_a_heartbeat_the_handler_itself_says_that_nothing_is_certain(
    desk: Desk, session: ClientSession
) -> None:
    status, body = await read(session, desk)
    assert status == 200
    desk.reports.age = 5.5
    for name in ("", "/summary", "/auth", "/feed"):
        assert (await read(session, desk, name))[0] == 503, name
    assert (await read(session, desk, "/market"))[1]["status"] == "warn"
    async with session.get(f"{desk.url}{ROOT}?http=200", headers={"If-None-Match": "*"}) as response:
        assert (response.status, response.headers["Cache-Control"]) == (200, "no-store")
        body = json.loads(await response.read())
    assert body["headline"]["code"] == "system.stale"
    assert body["headline"]["since"] == "2026-01-05T10:02:04+05:30"
    assert body["priority_status"] == "FEED_DISCONNECTED"
    desk.reports.age = 0.1
    assert (await read(session, desk))[0] == 200


async def test_a_daemon_that_stops_says_so_and_not_that_it_is_stale(desk: Desk, session: ClientSession) -> None:
    desk.reports.show(all_well(stopping=True))
    desk.reports.age = 60
    assert (await read(session, desk))[1]["headline"]["code"] == "system.stopping"


# Caching ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
async def test_an_unchanged_answer_is_304_and_a_change_ends_that(desk: Desk, session: ClientSession, name: str) -> None:
    url = f"{desk.url}{ROOT}{name}"
    async with session.get(url) as first:
        tag, length = first.headers["ETag"], len(await first.read())
        assert not tag.startswith("W/")
        assert first.headers["Cache-Control"] == "no-cache"
        assert first.headers["Vary"] == "Cookie, Authorization"
    for condition in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        async with session.get(url, headers={"If-None-Match": condition}) as again:
            assert (again.status, await again.read(), again.headers["ETag"]) == (304, b"", tag)
    async with session.head(url) as head:
        assert (head.status, head.headers["ETag"], head.headers["Content-Length"]) == (200, tag, str(length))
    desk.reports.show(weekend())
    async with session.get(url, headers={"If-None-Match": tag}) as changed:
        assert (changed.status, changed.headers["ETag"] == tag) == (200, False)


async def test_a_failure_ignores_preconditions_and_is_never_stored(desk: Desk, session: ClientSession) -> None:
    desk.reports.show(asks_for_a_login())
    async with session.get(f"{desk.url}{ROOT}", headers={"If-None-Match": "*"}) as response:
        assert (response.status, response.headers["Cache-Control"], "ETag" in response.headers) == (
            503,
            "no-store",
            False,
        )
    async with session.get(f"{desk.url}{ROOT}?http=200") as response:
        tag = response.headers["ETag"]
    async with session.get(f"{desk.url}{ROOT}?http=200", headers={"If-None-Match": tag}) as response:
        assert response.status == 304


async def test_the_logged_in_answer_is_kept_by_nobody_else(desk: Desk, session: ClientSession) -> None:
    async with session.get(f"{desk.url}{ROOT}") as public, session.get(f"{desk.url}{ROOT}", headers=BEARER) as private:
        assert private.headers["Cache-Control"] == "private, no-cache"
        assert public.headers["ETag"] != private.headers["ETag"]


async def test_passing_time_changes_the_bytes_only_when_a_reader_can_see_it(desk: Desk, session: ClientSession) -> None:
    tick, tags, seqs, times = at("10:02:10"), [], set(), []
    for second in range(61):
        async with session.get(f"{desk.url}{ROOT}") as response:
            tags.append(response.headers["ETag"])
            body = json.loads(await response.read())
        seqs.add(body["seq"])
        times.append(body["time"])
        # A quiet minute: the last tick ages, the counter does not move.
        desk.reports.pass_time(last_tick_at=tick, ticks_total=1203344 + second)
    assert len(seqs) == 1
    # 0-4 s one by one, then every 5 s, then the minute; beside them the countdown and the uptime once a minute.
    assert 16 <= len(set(tags)) <= 19
    changes = [i for i in range(1, 61) if tags[i] != tags[i - 1]]
    assert all((times[i] != times[i - 1]) == (i in changes) for i in range(1, 61))


async def test_ticks_alone_do_not_make_a_new_body(desk: Desk, session: ClientSession) -> None:
    async with session.get(f"{desk.url}{ROOT}/feed") as first:
        before = await first.read()
    desk.reports.pass_time(seconds=0, ticks_total=9_999_999)
    async with session.get(f"{desk.url}{ROOT}/feed") as second:
        assert await second.read() == before


async def test_the_summary_does_not_age_at_all(desk: Desk, session: ClientSession) -> None:
    tags = set()
    for _ in range(5):
        async with session.get(f"{desk.url}{ROOT}/summary") as response:
            tags.add(response.headers["ETag"])
        desk.reports.pass_time(seconds=600)
    assert len(tags) == 1


async def test_a_change_of_phase_within_a_state_is_seen_at_once(session: ClientSession) -> None:
    entry: dict[str, Any] = {
        "state": "pre_open",
        "phase": "entry",
        "expected": "sparse",
        "next_state": "live",
        "next_at": at("09:15:00"),
    }
    async with serving(a_picture(market=a_market(a_segment(**entry)), now=at("09:09:59"))) as desk:
        assert (await read(session, desk, "/summary"))[1]["market_phase"] == "PRE_OPEN"
        picture = desk.reports.picture
        match = a_market(a_segment(**entry | {"phase": "match", "expected": "none"}))
        desk.reports.picture = replace(picture, market=match, now=picture.now + timedelta(seconds=1))
        assert (await read(session, desk, "/summary"))[1]["market_phase"] == "AUCTION_FREEZE"


async def test_two_hundred_gets_leave_the_picture_as_it_was(desk: Desk, session: ClientSession) -> None:
    before = desk.reports.picture
    for name in NAMES * 40:
        await read(session, desk, name)
    assert desk.reports.picture is before
    assert (desk.login.begun, desk.verifier.asked) == (0, 0)


# Other origins ----------------------------------------------------------------------------------------------------


async def test_a_page_of_an_allowed_origin_may_read_health_and_nothing_else(session: ClientSession) -> None:
    async with serving(cors_origins=["https://desk.example/"]) as desk:
        allowed, other = {"Origin": "https://desk.example"}, {"Origin": "https://evil.example"}
        async with session.get(f"{desk.url}{ROOT}", headers=allowed) as response:
            assert response.headers["Access-Control-Allow-Origin"] == "https://desk.example"
            assert "Origin" in response.headers["Vary"]
            assert "Access-Control-Allow-Credentials" not in response.headers
        async with session.get(f"{desk.url}{ROOT}", headers=other) as response:
            assert "Access-Control-Allow-Origin" not in response.headers
        async with session.get(f"{desk.url}/", headers=allowed) as response:
            assert "Access-Control-Allow-Origin" not in response.headers
        async with session.options(f"{desk.url}{ROOT}", headers=allowed) as response:
            assert (response.status, response.headers["Access-Control-Allow-Methods"]) == (204, "GET, HEAD")
        async with session.options(f"{desk.url}{ROOT}", headers=other) as response:
            assert "Access-Control-Allow-Methods" not in response.headers


async def test_without_an_allow_list_no_other_origin_is_let_in(desk: Desk, session: ClientSession) -> None:
    async with session.get(f"{desk.url}{ROOT}", headers={"Origin": "https://desk.example"}) as response:
        assert "Access-Control-Allow-Origin" not in response.headers
    async with session.options(f"{desk.url}{ROOT}", headers={"Origin": "https://desk.example"}) as response:
        assert response.status == 405
