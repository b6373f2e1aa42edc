"""Whether desks and jobs run on their schedules, over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from jobs_shown import ASHA, BOSS, LOOK, RAVI, Client, a_job, serving_jobs


async def test_a_trader_sees_and_changes_the_own_desk_and_an_admin_everybodys(
    tmp_path: Path, session: ClientSession
) -> None:
    jobs_of_asha = [a_job(stands="individual"), a_job("sell_monitor", stands="stopped")]
    async with serving_jobs(tmp_path, [a_job("analysis", ""), *jobs_of_asha]) as (desk, jobs):
        ask = Client(session, desk)
        _, own = await ask("GET", "/api/standings", ASHA)
        asha = {"user": "asha", "whole": False, "jobs": {"buy_orders": "individual", "sell_monitor": "stopped"}}
        assert own == {"standings": [asha]}
        _, every = await ask("GET", "/api/standings", BOSS)
        assert every["standings"] == [{"user": "", "whole": True, "jobs": {"analysis": "unified"}}, asha]
        for who, body, expected in (
            (ASHA, {"on": True}, ("asha", "", True, "asha's token")),
            (ASHA, {"on": False, "job": "buy_orders"}, ("asha", "buy_orders", False, "asha's token")),
            (BOSS, {"on": False}, ("", "", False, "boss's token")),
            (BOSS, {"on": False, "user": "asha"}, ("asha", "", False, "boss's token")),
        ):
            status, answer = await ask("POST", "/api/standings", who, body)
            assert (status, answer["user"], answer["job"], answer["on"]) == (200, *expected[:3])
            assert answer["text"]
            assert jobs.asked.pop() == ("stand", *expected)


@pytest.mark.parametrize(
    ("who", "body", "status"),
    [
        (RAVI, {"on": False, "user": "asha"}, 403),
        (RAVI, {"on": False, "user": ""}, 403),
        (RAVI, {"on": False, "job": "analysis"}, 404),
        (LOOK, {"on": False}, 403),
        (ASHA, {}, 422),
        (ASHA, {"on": 1}, 422),
        (ASHA, {"on": True, "job": 7}, 422),
        (ASHA, {"on": True, "jobs": "buy_orders"}, 422),
    ],
)
async def test_whatever_else_is_refused(
    tmp_path: Path, session: ClientSession, who: dict[str, str], body: Any, status: int
) -> None:
    async with serving_jobs(tmp_path) as (desk, jobs):
        answered, problem = await Client(session, desk)("POST", "/api/standings", who, body)
    assert (answered, jobs.asked) == (status, [])
    assert problem.get("detail") or problem["errors"]


async def test_the_desks_own_refusal_is_told_with_its_reason(tmp_path: Path, session: ClientSession) -> None:
    async with serving_jobs(tmp_path) as (desk, jobs):
        jobs.refuses = "asha's desk runs as a whole, and buy_orders with it; stop that first, or run it once"
        status, problem = await Client(session, desk)("POST", "/api/standings", ASHA, {"on": True, "job": "buy_orders"})
    assert (status, problem["type"], problem["detail"]) == (409, "/problems/refused", jobs.refuses)
