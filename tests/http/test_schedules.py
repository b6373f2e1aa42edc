"""The schedules of jobs over HTTP: who sees which, and edits by an admin."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from jobs_shown import ASHA, BOSS, LOOK, RAVI, ROOT, Ahead, Client, Jobs, a_job, serving_jobs
from pictures import Desk, at
from tradewarden.http.schedules import status_of
from tradewarden.machines.job_report import EditAnswer, JobReport
from tradewarden.machines.run import Outcome


@pytest.fixture
async def shown(tmp_path: Path) -> AsyncIterator[tuple[Desk, Jobs]]:
    async with serving_jobs(tmp_path) as both:
        yield both


@pytest.fixture
def ask(session: ClientSession, shown: tuple[Desk, Jobs]) -> Client:
    return Client(session, shown[0])


@pytest.fixture
def jobs(shown: tuple[Desk, Jobs]) -> Jobs:
    return shown[1]


async def test_each_sees_the_own_jobs_and_an_admin_all(ask: Client) -> None:
    for who, expected in (
        (BOSS, ["analysis", "buy_orders", "buy_orders", "sell_monitor"]),
        (ROOT, ["analysis", "buy_orders", "buy_orders", "sell_monitor"]),
        (ASHA, ["buy_orders", "sell_monitor"]),
        (RAVI, ["buy_orders"]),
        (LOOK, []),
    ):
        status, body = await ask("GET", "/api/schedules", who)
        assert (status, [job["name"] for job in body["jobs"]]) == (200, expected)
    assert (await ask("GET", "/api/schedules", {}))[0] == 401


async def test_a_job_is_told_with_its_schedules_its_next_time_and_its_last_run(ask: Client, jobs: Jobs) -> None:
    run = jobs.run_once("buy_orders", "asha", by="test")
    jobs.begin(run.id)  # type: ignore[union-attr]
    jobs.end(run.id, Outcome.FAILED, reason="ended with code 1", code=1)  # type: ignore[union-attr]
    _, body = await ask("GET", "/api/schedules", ASHA)
    orders, monitor = body["jobs"]
    assert orders.pop("last")["reason"] == "ended with code 1"
    assert orders == {
        "name": "buy_orders",
        "user": "asha",
        "description": "the buy_orders",
        "perUser": True,
        "does": "orders",
        "enabled": True,
        "stands": "unified",
        "status": "warn",
        "schedules": ["at 16:05"],
        "nextDue": "2026-01-05T16:05:00+05:30",
        "whyNot": None,
        "running": None,
        "problem": None,
        "notice": None,
    }
    assert (monitor["nextDue"], monitor["whyNot"], monitor["status"]) == (None, "it is a holiday", "pass")


def test_a_job_that_can_never_run_is_a_failure() -> None:
    assert status_of(a_job(problem="it can never fire")) == "fail"
    assert status_of(a_job()) == "pass"


async def test_the_preview_shows_what_comes_for_whom_one_may_see(ask: Client, jobs: Jobs) -> None:
    jobs.ahead.append(Ahead("buy_orders", at("09:00:00"), None, "2026-01-06 is a holiday of NSE_EQ"))
    _, own = await ask("GET", "/api/schedules/preview", ASHA)
    assert [(each["job"], each["user"], each["reason"]) for each in own["coming"]] == [
        ("buy_orders", "asha", None),
        ("buy_orders", "", "2026-01-06 is a holiday of NSE_EQ"),
    ]
    _, first = await ask("GET", "/api/schedules/preview?count=1", BOSS)
    assert first["coming"] == [
        {
            "job": "analysis",
            "user": "",
            "at": "2026-01-05T16:00:00+05:30",
            "until": "2026-01-05T18:00:00+05:30",
            "reason": None,
        }
    ]
    for query in ("count=0", "count=501", "count=x", "cont=3"):
        assert (await ask("GET", f"/api/schedules/preview?{query}", BOSS))[0] == 422


async def test_whoever_tries_a_schedule_or_looks_far_ahead_holds_nobody_up(ask: Client, jobs: Jobs) -> None:
    goes_on = threading.Event()
    waited: list[object] = []

    def weighing(what: object) -> None:
        waited.append(what)
        assert goes_on.wait(10), "the loop stood still meanwhile"

    jobs.weighing = weighing
    asyncio.get_running_loop().call_later(0.2, goes_on.set)
    (dry, _), (ahead, _) = await asyncio.gather(
        ask("POST", "/api/schedules/buy_orders", BOSS, {"schedule": "every 1m", "dry": True}),
        ask("GET", "/api/schedules/preview?count=500", BOSS),
    )
    assert (dry, ahead, set(waited)) == (200, 200, {True, "preview"})


async def test_what_takes_too_long_to_look_at_is_refused_with_what_to_do(
    ask: Client, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tradewarden.http.schedules.SECONDS", 0.1)
    goes_on = threading.Event()
    jobs.weighing = lambda _what: goes_on.wait(10)
    status, told = await ask("GET", "/api/schedules/preview?count=500", BOSS)
    goes_on.set()
    assert (status, told["type"]) == (503, "/problems/query-unavailable")
    assert "ask for fewer runs, or write fewer schedules" in told["detail"]


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        ({"schedule": "at 16:10"}, ("", ("at 16:10",), None, False)),
        ({"schedule": [" at 16:10 ", "at 09:00"]}, ("", ("at 16:10", "at 09:00"), None, False)),
        ({"schedule": []}, ("", (), None, False)),
        ({"enabled": False, "user": "asha"}, ("asha", None, False, False)),
        ({"schedule": "at 16:10", "dry": True}, ("", ("at 16:10",), None, True)),
    ],
)
async def test_an_edit_is_handed_on_with_who_it_was(ask: Client, jobs: Jobs, body: Any, asked: tuple[Any, ...]) -> None:
    jobs.answer = EditAnswer(text="it holds from the next start", holds="next start", would=(at("16:10:00"),))
    status, answer = await ask("POST", "/api/schedules/buy_orders", BOSS, body)
    assert (status, answer) == (
        200,
        {
            "text": "it holds from the next start",
            "holds": "next start",
            "dry": asked[-1],
            "would": ["2026-01-05T16:10:00+05:30"],
        },
    )
    assert jobs.asked == [("edit", "buy_orders", *asked, "boss's token")]


async def test_a_schedule_with_problems_changes_nothing_and_each_is_told(ask: Client, jobs: Jobs) -> None:
    jobs.answer = EditAnswer(text="", problems=("'at 25:00' is no time", "it overlaps with itself"))
    status, problem = await ask("POST", "/api/schedules/buy_orders", BOSS, {"schedule": "at 25:00"})
    assert status == 422
    assert problem["errors"] == [
        {"pointer": "/schedule", "detail": "'at 25:00' is no time"},
        {"pointer": "/schedule", "detail": "it overlaps with itself"},
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"schedule": 7},
        {"schedule": [7]},
        {"schedule": ""},
        {"schedule": ["x" * 301]},
        {"schedule": ["at 09:00"] * 21},
        {"enabled": "yes"},
        {"enabled": True, "dry": "yes"},
        {"enabled": True, "user": 7},
        {"when": "at 16:00"},
    ],
)
async def test_an_edit_that_makes_no_sense_is_told(ask: Client, jobs: Jobs, body: Any) -> None:
    status, problem = await ask("POST", "/api/schedules/buy_orders", BOSS, body)
    assert (status, problem["type"]) == (422, "/problems/validation")
    assert all(error["detail"] for error in problem["errors"])
    assert jobs.asked == []


async def test_only_an_admin_edits_and_only_what_is_there(ask: Client, jobs: Jobs) -> None:
    for who in (ASHA, LOOK):
        status, problem = await ask("POST", "/api/schedules/buy_orders", who, {"enabled": False})
        assert (status, problem["type"]) == (403, "/problems/forbidden")
        assert (await ask("POST", "/api/schedules", who, {"names": ["buy_orders"], "enabled": False}))[0] == 403
    status, problem = await ask("POST", "/api/schedules/by_orders", BOSS, {"enabled": False})
    assert (status, problem["type"]) == (404, "/problems/unknown-job")
    assert problem["detail"] == "no job is called 'by_orders'; known are analysis, buy_orders, sell_monitor"
    jobs.refuses = "the ledger takes nothing"
    assert jobs.asked == []
    status, problem = await ask("POST", "/api/schedules/buy_orders", BOSS, {"enabled": False})
    assert (status, problem["detail"]) == (409, "the ledger takes nothing")


async def test_many_are_enabled_at_once_or_none_when_one_is_not_there(ask: Client, jobs: Jobs) -> None:
    status, _ = await ask("POST", "/api/schedules", BOSS, {"names": ["analysis", "nothing"], "enabled": False})
    assert (status, jobs.asked) == (404, [])
    body = {"names": ["analysis", "buy_orders", "analysis"], "enabled": False}
    status, answer = await ask("POST", "/api/schedules", BOSS, body)
    assert (status, list(answer["jobs"])) == (200, ["analysis", "buy_orders"])
    assert [what[1:5] for what in jobs.asked] == [("analysis", "", None, False), ("buy_orders", "", None, False)]
    for wrong in ({}, {"names": [], "enabled": True}, {"names": "analysis", "enabled": True}, {"names": ["analysis"]}):
        assert (await ask("POST", "/api/schedules", BOSS, wrong))[0] == 422


@pytest.mark.parametrize(("told", "hint"), [(None, True), ([], False)])
async def test_the_page_tells_somebody_whom_nobody_knows_that_there_is_more_to_see(
    session: ClientSession, tmp_path: Path, told: list[JobReport] | None, *, hint: bool
) -> None:
    async with serving_jobs(tmp_path, told) as (desk, _):
        for who, expected in (({}, hint), (BOSS, False)):
            async with session.get(desk.url + "/", headers=who) as answer:
                assert ('<a href="/sign-in">Sign in</a> to see its jobs' in await answer.text()) is expected
