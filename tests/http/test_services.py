"""How the desk's programs do, and the verbs for one of them, over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from pictures import ADMIN, Desk, at
from programs import CRASHED, Programs, a_desk, a_service, serving_programs, three
from tradewarden.http import live
from tradewarden.http.service_news import ServiceNews
from tradewarden.http.services_panel import figures, panel, tally, why
from tradewarden.machines.service import Selection, ServiceState, Tier

BEARER = {"Authorization": f"Bearer {ADMIN}"}


class Fixed:
    """A clock that stands at 10:02."""

    simulated = False

    def now(self) -> Any:
        return at("10:02:10")

    def mono_ns(self) -> int:
        return 0


async def told(session: ClientSession, url: str, method: str = "GET", **how: Any) -> tuple[int, Any]:
    async with session.request(method, url, headers=how.pop("headers", BEARER), **how) as answer:
        return answer.status, await answer.json(content_type=None)


async def test_an_admin_sees_each_program_with_state_reason_figures_and_what_it_says(
    tmp_path: Path, session: ClientSession
) -> None:
    async with serving_programs(tmp_path, clock=Fixed()) as (desk, _):
        status, body = await told(session, f"{desk.url}/api/services")
        _, one = await told(session, f"{desk.url}/api/services/writer")
    assert status == 200
    assert body["desk"] == {
        "state": "degraded",
        "reason": None,
        "since": "2026-01-05T09:00:05+05:30",
        "phase": None,
        "phases": [["feed"], ["writer"], ["viewer"]],
        "keepersReachable": True,
    }
    assert body["host"]["memoryTotal"] == 8_000_000_000
    feed, writer, viewer = body["services"]
    assert feed == {
        "name": "feed",
        "description": "the feed",
        "kind": "program",
        "tier": "critical",
        "phase": 1,
        "enabled": True,
        "autoRestart": True,
        "state": "up",
        "status": "pass",
        "reason": None,
        "since": "2026-01-05T09:00:02+05:30",
        "needs": [],
        "conditions": [],
        "pid": 4000,
        "startedAt": "2026-01-05T09:00:00+05:30",
        "uptimeSeconds": 3730,
        "restarts": 0,
        "exitCode": None,
        "nextStartAt": None,
        "memoryBytes": 41_200_000,
        "cpuPercent": 1.5,
        "errorsLastHour": 0,
        "says": "50 quotes a batch, 20 batches/s",
        "figures": {"batches_per_second": 20.0},
        "reach": "http://127.0.0.1:8050",
    }
    assert one == writer
    assert (writer["status"], writer["reason"], writer["exitCode"], writer["errorsLastHour"]) == (
        "warn",
        "ended with code 1",
        1,
        7,
    )
    assert (viewer["state"], viewer["status"], viewer["uptimeSeconds"]) == ("down", "pass", None)


async def test_a_critical_program_that_is_down_is_a_failure(tmp_path: Path, session: ClientSession) -> None:
    async with serving_programs(tmp_path, a_desk(a_service(**CRASHED))) as (desk, _):
        _, one = await told(session, f"{desk.url}/api/services/feed")
    assert one["status"] == "fail"


async def test_nobody_else_may_ask_or_act(tmp_path: Path, session: ClientSession) -> None:
    paths = ["/api/services", "/api/services/feed", "/api/desk/plan", "/api/logs", "/api/logs/feed", "/api/logs/stream"]
    verbs = ["start", "stop", "restart", "reload", "down"]
    own = ["start", "stop", "restart", "enable", "disable", "auto-restart"]
    posts = [f"/api/desk/{verb}" for verb in verbs] + [f"/api/services/feed/{verb}" for verb in own]
    async with serving_programs(tmp_path) as (desk, programs):
        for method, path in [("GET", path) for path in paths] + [("POST", path) for path in posts]:
            for headers, expected in (({}, 401), ({"Authorization": "Bearer wrong"}, 403)):
                status, body = await told(session, desk.url + path, method, headers=headers)
                assert (status, body["status"]) == (expected, expected), path
        for path in posts:
            status, body = await told(
                session, desk.url + path, "POST", headers=BEARER | {"Sec-Fetch-Site": "cross-site"}
            )
            assert (status, body["type"]) == (403, "/problems/csrf"), path
    assert programs.asked == []


@pytest.mark.parametrize(
    ("verb", "body", "asked"),
    [
        ("start", None, ("start", Selection(names=("viewer",)))),
        ("enable", None, ("enable", ("viewer",))),
        ("disable", {}, ("disable", ("viewer",))),
        ("auto-restart", {"on": False}, ("auto-restart", ("viewer",), False)),
    ],
)
async def test_a_verb_is_set_going_and_told_who_asked(
    tmp_path: Path, session: ClientSession, verb: str, body: Any, asked: tuple[Any, ...]
) -> None:
    async with serving_programs(tmp_path) as (desk, programs):
        status, order = await told(session, f"{desk.url}/api/services/viewer/{verb}", "POST", json=body)
    assert (status, order["verb"], order["accepted"]) == (202, verb, ["viewer"])
    assert programs.asked == [(*asked, "admin token from 127.0.0.1")]


async def test_what_is_so_already_is_well_and_what_makes_no_sense_is_refused_with_the_reason(
    tmp_path: Path, session: ClientSession
) -> None:
    async with serving_programs(tmp_path) as (desk, programs):
        status, order = await told(session, f"{desk.url}/api/services/feed/start", "POST")
        assert (status, order["left"]) == (200, {"feed": "it is up already"})
        status, order = await told(session, f"{desk.url}/api/services/viewer/stop", "POST")
        assert (status, order["accepted"]) == (200, [])
        status, problem = await told(session, f"{desk.url}/api/services/viewer/restart", "POST")
        assert (status, problem["type"], problem["detail"]) == (409, "/problems/refused", "viewer: it does not run")
        programs.refuses = "viewer is disabled: enable it first"
        status, problem = await told(session, f"{desk.url}/api/services/viewer/start", "POST")
        assert (status, problem["detail"]) == (409, programs.refuses)


async def test_an_unknown_name_is_told_which_there_are(tmp_path: Path, session: ClientSession) -> None:
    async with serving_programs(tmp_path) as (desk, programs):
        for method, path in (
            ("GET", "/api/services/fed"),
            ("POST", "/api/services/fed/stop"),
            ("GET", "/api/logs/fed"),
            ("GET", "/api/logs/stream?service=fed"),
        ):
            status, problem = await told(session, desk.url + path, method)
            assert (status, problem["type"]) == (404, "/problems/unknown-service")
            assert problem["detail"] == "no service is called 'fed'; known are feed, writer, viewer"
        programs.told = a_desk()
        status, problem = await told(session, f"{desk.url}/api/services/fed")
        assert problem["detail"] == "no service is called 'fed'; none is configured"


async def test_without_keepers_nothing_can_be_started_but_what_runs_can_be_stopped(
    tmp_path: Path, session: ClientSession
) -> None:
    async with serving_programs(tmp_path, three(keepers_reachable=False)) as (desk, programs):
        status, problem = await told(session, f"{desk.url}/api/services/viewer/start", "POST")
        assert (status, problem["type"]) == (503, "/problems/keepers-unreachable")
        assert "tradewarden keepers" in problem["detail"]
        status, _ = await told(session, f"{desk.url}/api/services/feed/stop", "POST")
        assert status == 202
        programs.refuses = "no keeper answers"
        status, problem = await told(session, f"{desk.url}/api/services/feed/restart", "POST")
        assert (status, problem["type"]) == (503, "/problems/keepers-unreachable")


@pytest.mark.parametrize("body", [{"on": 1}, {}, {"off": True}, []])
async def test_a_body_that_says_something_else_is_refused(tmp_path: Path, session: ClientSession, body: Any) -> None:
    async with serving_programs(tmp_path) as (desk, programs):
        status, problem = await told(session, f"{desk.url}/api/services/feed/auto-restart", "POST", json=body)
    assert status == 422
    assert problem["errors"][0]["detail"]
    assert programs.asked == []


# The events


@asynccontextmanager
async def listening(
    session: ClientSession, desk: Desk, **headers: str
) -> AsyncIterator[AsyncIterator[tuple[str, Any]]]:
    async with session.get(f"{desk.url}/api/system/health/events", headers=headers) as response:

        async def events() -> AsyncIterator[tuple[str, Any]]:
            name = ""
            async for line in response.content:
                field, _, value = line.decode().strip().partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    yield name, json.loads(value)

        yield events()


async def until(events: AsyncIterator[tuple[str, Any]], wanted: str) -> Any:
    async for name, data in events:
        if name == wanted:
            return data
    raise EOFError


async def test_a_listener_of_this_machine_hears_of_every_program_then_of_each_change(
    tmp_path: Path, session: ClientSession
) -> None:
    async with serving_programs(tmp_path) as (desk, programs), listening(session, desk) as events:
        first = await until(events, "desk")
        assert [each["name"] for each in first["services"]] == ["feed", "writer", "viewer"]
        programs.change("viewer", state=ServiceState.STARTING, reason="not ready yet")
        programs.change("viewer", state=ServiceState.UP, reason=None)
        changed = await until(events, "service")
        assert (changed["name"], changed["state"]) == ("viewer", "up")  # the newest, however fast it was
        programs.show(a_desk(a_service(), state="stopping", phase=1))
        assert (await until(events, "desk"))["desk"]["state"] == "stopping"


async def test_figures_are_told_now_and_then_when_they_have_changed(
    tmp_path: Path, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LOOK", 0.05)
    async with serving_programs(tmp_path) as (desk, programs), listening(session, desk) as events:
        await until(events, "desk")
        programs.told = a_desk(a_service(memory_bytes=50_000_000))
        while (await until(events, "desk"))["services"][0]["memoryBytes"] != 50_000_000:
            pass


async def test_a_listener_from_elsewhere_hears_of_no_program_unless_it_has_the_token(
    tmp_path: Path, session: ClientSession
) -> None:
    proxied = {"X-Forwarded-For": "203.0.113.7"}
    async with serving_programs(tmp_path) as (desk, programs):
        async with listening(session, desk, **proxied) as events:
            assert (await anext(events))[0] == "health"
            assert (await anext(events))[0] == "clock"
            programs.change("viewer", state=ServiceState.UP)
            desk.reports.show(desk.reports.picture)
            assert (await anext(events))[0] == "health"
        async with listening(session, desk, **proxied | BEARER) as events:
            assert (await until(events, "desk"))["services"]


# The page


async def test_the_page_names_programs_on_this_machine_and_counts_them_elsewhere(
    tmp_path: Path, session: ClientSession
) -> None:
    async with serving_programs(tmp_path) as (desk, _):
        async with session.get(desk.url) as answer:
            here = await answer.text()
        async with session.get(desk.url, headers={"X-Forwarded-For": "203.0.113.7"}) as answer:
            elsewhere = await answer.text()
    for text in ("Degraded: 1 of 3 up, 1 restarts soon, 1 stopped", "ended with code 1", "50 quotes a batch"):
        assert text in here
    assert "Degraded: 1 of 3 up, 1 restarts soon, 1 stopped" in elsewhere
    for text in ("writer", "ended with code 1", "50 quotes a batch", "12 %"):
        assert text not in elsewhere


def test_the_panel_has_a_word_a_sign_and_a_reason_for_every_state() -> None:
    for state in ServiceState:
        shown = panel(a_desk(a_service(state=state, reason="<b>why</b>")), names=True)
        assert "<b>" not in shown
        assert 'class="why">&lt;b&gt;why' in shown
    assert panel(None, names=True) == panel(a_desk(), names=True) == ""


def test_the_panel_says_what_the_desk_is_about_and_how_busy_the_machine_is() -> None:
    starting = a_desk(a_service(), a_service("x", state=ServiceState.STARTING), state="starting", phase=2)
    assert tally(starting, names=True) == (
        "Starting, phase 2 of 2: 1 of 2 up, 1 starting. The machine: CPU 12 %, memory 3.1 of 8.0 GB"
    )
    given_up = a_desk(state="aborted", reason="feed was not ready within 30 s", keepers_reachable=False, host=None)
    assert tally(given_up, names=True) == (
        "Start given up: 0 of 0 up. feed was not ready within 30 s. "
        "The keepers cannot be reached: nothing can be started"
    )
    assert figures(a_service(restarts=1, errors_last_hour=2)) == "41 MB · 1.5 % · 1 restart · 2 errors"
    assert figures(a_service(memory_bytes=None, cpu_percent=None, tier=Tier.UTILITY)) == ""
    assert why(a_service(state=ServiceState.WAITING, reason=None)) == "50 quotes a batch, 20 batches/s"


def test_nothing_is_told_of_a_desk_without_programs() -> None:
    assert ServiceNews(Programs(a_desk()), Fixed()).snapshot() == b""
