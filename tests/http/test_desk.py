"""The desk as a whole over HTTP: start, stop and restart, the plan, a changed file, and down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from pictures import ADMIN
from programs import serving_programs, three
from tradewarden.machines.service import Difference, Selection, Tier

BEARER = {"Authorization": f"Bearer {ADMIN}"}


async def post(session: ClientSession, url: str, body: Any = None) -> tuple[int, Any]:
    async with session.post(url, headers=BEARER, json=body) as answer:
        return answer.status, await answer.json(content_type=None)


async def test_the_plan_is_the_phases_in_their_order(tmp_path: Path, session: ClientSession) -> None:
    async with (
        serving_programs(tmp_path) as (desk, _),
        session.get(f"{desk.url}/api/desk/plan", headers=BEARER) as answer,
    ):
        assert await answer.json() == {"phases": [["feed"], ["writer"], ["viewer"]]}


@pytest.mark.parametrize("verb", ["start", "stop", "restart"])
@pytest.mark.parametrize(
    ("body", "which"),
    [
        ({"names": ["feed", "writer"]}, Selection(names=("feed", "writer"))),
        ({"all": True}, Selection(everything=True)),
        ({"tier": ["optional", "utility"]}, Selection(tiers=(Tier.OPTIONAL, Tier.UTILITY))),
        ({"without": ["optional"]}, Selection(without=(Tier.OPTIONAL,))),
        ({"all": True, "without": ["utility"]}, Selection(everything=True, without=(Tier.UTILITY,))),
    ],
)
async def test_a_verb_is_meant_for_the_named_for_all_or_for_a_tier(
    tmp_path: Path, session: ClientSession, verb: str, body: Any, which: Selection
) -> None:
    async with serving_programs(tmp_path) as (desk, programs):
        status, order = await post(session, f"{desk.url}/api/desk/{verb}", body)
    assert status in (200, 202)
    assert order["verb"] == verb
    assert programs.asked == [(verb, which, "admin token from 127.0.0.1")]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (None, 422, "say which"),
        ({}, 422, "say which"),
        ({"all": False}, 422, "say which"),
        ({"names": "feed"}, 422, "a list of names"),
        ({"names": [7]}, 422, "a list of names"),
        ({"tier": ["vital"]}, 422, "known are critical, important, optional, utility"),
        ({"name": ["feed"]}, 422, "allowed are names, all, tier, without"),
        ({"names": ["feed", "fed"]}, 404, "known are feed, writer, viewer"),
    ],
)
async def test_a_selection_that_says_nothing_sensible_is_refused_with_what_would_be(
    tmp_path: Path, session: ClientSession, body: Any, status: int, words: str
) -> None:
    async with serving_programs(tmp_path) as (desk, programs):
        found, problem = await post(session, f"{desk.url}/api/desk/start", body)
    assert found == status
    assert words in str(problem.get("errors", problem.get("detail")))
    assert programs.asked == []


async def test_down_stops_everything_and_says_it_again_when_all_is_down(tmp_path: Path, session: ClientSession) -> None:
    async with serving_programs(tmp_path) as (desk, _):
        status, order = await post(session, f"{desk.url}/api/desk/down")
        assert (status, order["accepted"]) == (202, ["feed", "writer"])
        status, order = await post(session, f"{desk.url}/api/desk/down")
        assert (status, order["accepted"]) == (200, [])
        status, _ = await post(session, f"{desk.url}/api/desk/down", {"now": True})
        assert status == 422


async def test_a_reload_tells_what_changes_dry_or_done_and_a_faulty_file_changes_nothing(
    tmp_path: Path, session: ClientSession
) -> None:
    async with serving_programs(tmp_path) as (desk, programs):
        status, body = await post(session, f"{desk.url}/api/desk/reload")
        assert (status, body["isEmpty"]) == (200, True)
        programs.difference = Difference(
            added=("tui",), restarted={"feed": ("command",)}, kept={"writer": ("description",)}, daemon=("http.port",)
        )
        status, body = await post(session, f"{desk.url}/api/desk/reload", {"dry": True})
        assert (status, body) == (
            200,
            {
                "added": ["tui"],
                "removed": [],
                "restarted": {"feed": ["command"]},
                "kept": {"writer": ["description"]},
                "problems": [],
                "daemon": ["http.port"],
                "isEmpty": False,
            },
        )
        programs.difference = Difference(problems=("services.feed needs 'redis', which is not defined",))
        status, body = await post(session, f"{desk.url}/api/desk/reload")
        assert (status, body["problems"]) == (422, ["services.feed needs 'redis', which is not defined"])
        status, _ = await post(session, f"{desk.url}/api/desk/reload", {"dry": "yes"})
        assert status == 422
    assert [asked[1] for asked in programs.asked] == [False, True, False]


async def test_without_keepers_no_start_begins(tmp_path: Path, session: ClientSession) -> None:
    async with serving_programs(tmp_path, three(keepers_reachable=False)) as (desk, programs):
        status, problem = await post(session, f"{desk.url}/api/desk/start", {"all": True})
    assert (status, problem["type"]) == (503, "/problems/keepers-unreachable")
    assert programs.asked == []


async def test_what_runs_here_and_is_in_no_file_can_be_stopped_and_nothing_else(
    tmp_path: Path, session: ClientSession
) -> None:
    async with serving_programs(tmp_path, three(strays=("old",))) as (desk, programs):
        programs.refuses = "the desk heard it"
        status, problem = await post(session, f"{desk.url}/api/desk/stop", {"names": ["old"]})
        assert (status, problem["detail"]) == (409, "the desk heard it")
        status, _ = await post(session, f"{desk.url}/api/desk/start", {"names": ["old"]})
        assert status == 404
