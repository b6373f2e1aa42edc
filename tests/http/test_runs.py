"""What ran, one run now, and its end, over HTTP: each sees and runs the own jobs, an admin all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from jobs_shown import ASHA, BOSS, LEASE, LOOK, RAVI, READ, ROOT, Client, Jobs, bearer, serving_jobs
from pictures import Desk
from tradewarden import redaction
from tradewarden.machines.claim import Claim
from tradewarden.machines.run import Outcome, Trigger
from tradewarden.orchestrator.ledger import LedgerError


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


async def test_a_trader_runs_an_own_job_once_and_is_told_the_run(ask: Client, jobs: Jobs) -> None:
    status, run = await ask("POST", "/api/runs", ASHA, {"job": "buy_orders"})
    assert (status, run["outcome"], run["trigger"], run["user"], run["by"]) == (
        202,
        "queued",
        "once",
        "asha",
        "asha's token",
    )
    jobs.begin(run["id"])
    _, running = await ask("GET", f"/api/runs/{run['id']}", ASHA)
    assert (running["outcome"], running["pid"], running["endedAt"]) == ("running", 4711, None)
    jobs.end(run["id"], code=0, details={"orders": 3})
    _, ended = await ask("GET", f"/api/runs/{run['id']}", ASHA)
    assert ended == run | {
        "outcome": "success",
        "startedAt": "2026-01-05T10:00:00+05:30",
        "endedAt": "2026-01-05T10:00:12+05:30",
        "seconds": 12.0,
        "exitCode": 0,
        "details": {"orders": 3},
    }
    assert jobs.asked == [("run", "buy_orders", "asha", "asha's token")]


async def test_a_double_click_runs_once_and_the_second_hears_which_run_stands_in_its_way(
    ask: Client, jobs: Jobs
) -> None:
    _, first = await ask("POST", "/api/runs", ASHA, {"job": "buy_orders"})
    status, problem = await ask("POST", "/api/runs", ASHA, {"job": "buy_orders"})
    assert (status, problem["type"], problem["holder"]["id"]) == (409, "/problems/refused", first["id"])
    assert problem["detail"]
    assert (problem["run"]["outcome"], problem["run"]["reason"]) == ("skipped", problem["detail"])
    assert [run.outcome for run in jobs.runs.history()] == [Outcome.SKIPPED, Outcome.QUEUED]


async def test_what_is_not_ones_own_is_refused_and_the_answer_says_what_to_do(ask: Client, jobs: Jobs) -> None:
    for user in ("ravi", ""):
        status, problem = await ask("POST", "/api/runs", ASHA, {"job": "buy_orders", "user": user})
        assert (status, problem["type"]) == (403, "/problems/forbidden")
        assert "ask an admin" in problem["detail"]
    status, problem = await ask("POST", "/api/runs", ASHA, {"job": "analysis"})
    assert (status, problem["type"]) == (404, "/problems/unknown-job")
    assert problem["detail"] == "no job is called 'analysis'; known are buy_orders, sell_monitor"
    status, problem = await ask("POST", "/api/runs", BOSS, {"job": "buy_orders"})
    assert status == 404
    whose = "buy_orders is a job of each trader: say for whom in user (--user NAME); known are asha, ravi"
    assert problem["detail"] == whose
    status, problem = await ask("POST", "/api/runs", BOSS, {"job": "analysis", "user": "asha"})
    assert (status, problem["detail"]) == (
        404,
        "analysis is the desk's own job, and no trader's: leave user out (--user)",
    )
    status, problem = await ask("POST", "/api/runs", BOSS, {"job": "buy_orders", "user": "mira"})
    assert problem["detail"] == "'mira' has no job buy_orders; of those who have it, known are asha, ravi"
    for who, expected in ((LOOK, 403), (READ, 403), ({}, 401), (bearer("tw_none"), 403)):
        assert (await ask("POST", "/api/runs", who, {"job": "buy_orders"}))[0] == expected
    assert jobs.asked == []


async def test_a_run_of_another_is_as_one_that_is_not_there(ask: Client, jobs: Jobs) -> None:
    _, run = await ask("POST", "/api/runs", RAVI, {"job": "buy_orders"})
    for method, path in (("GET", f"/api/runs/{run['id']}"), ("POST", f"/api/runs/{run['id']}/stop")):
        assert (await ask(method, path, RAVI if method == "GET" else ROOT))[0] == 200
        status, problem = await ask(method, path, ASHA)
        assert (status, problem["type"]) == (404, "/problems/unknown-run")
    for strange in ("0", "9" * 40, "x", "%F0%9F%90%88", "-1", "%C2%B2"):
        assert (await ask("GET", f"/api/runs/{strange}", ROOT))[0] == 404
    assert [what[0] for what in jobs.asked] == ["run", "end"]


async def test_whoever_may_see_a_run_may_end_it(ask: Client, jobs: Jobs) -> None:
    _, run = await ask("POST", "/api/runs", ASHA, {"job": "buy_orders"})
    jobs.begin(run["id"])
    status, ended = await ask("POST", f"/api/runs/{run['id']}/stop", ASHA)
    assert (status, ended["outcome"], ended["reason"]) == (200, "failed", "ended by asha's token")
    jobs.refuses = "run 1 has ended already"
    status, problem = await ask("POST", f"/api/runs/{run['id']}/stop", ASHA)
    assert (status, problem["detail"]) == (409, "run 1 has ended already")


async def a_history(jobs: Jobs) -> list[int]:
    """Five runs, the last of them first: ravi's, asha's three, the desk's."""
    found = []
    for job, user, outcome in (
        ("analysis", "", Outcome.SUCCESS),
        ("buy_orders", "asha", Outcome.FAILED),
        ("sell_monitor", "asha", Outcome.SUCCESS),
        ("buy_orders", "ravi", Outcome.SUCCESS),
    ):
        run = jobs.run_once(job, user, by="test")
        jobs.begin(run.id)  # type: ignore[union-attr]
        jobs.end(run.id, outcome)  # type: ignore[union-attr]
        found.append(run.id)  # type: ignore[union-attr]
    missed = jobs.runs.miss("buy_orders", "asha", jobs.now, "the daemon was away")
    assert missed is not None
    return [missed.id, *reversed(found)]


async def test_the_history_is_the_own_one_newest_first_and_all_of_it_for_an_admin(ask: Client, jobs: Jobs) -> None:
    numbers = await a_history(jobs)
    _, every = await ask("GET", "/api/runs", BOSS)
    assert ([run["id"] for run in every["runs"]], every["before"]) == (numbers, None)
    _, own = await ask("GET", "/api/runs", ASHA)
    assert [(run["job"], run["outcome"]) for run in own["runs"]] == [
        ("buy_orders", "missed"),
        ("sell_monitor", "success"),
        ("buy_orders", "failed"),
    ]
    assert (await ask("GET", "/api/runs", LOOK))[1]["runs"] == []
    assert (await ask("GET", "/api/runs?user=ravi", ASHA))[0] == 403
    _, desks = await ask("GET", "/api/runs?user=", BOSS)
    assert [run["job"] for run in desks["runs"]] == ["analysis"]


async def test_no_secret_of_a_job_is_in_what_it_handed_back(ask: Client, jobs: Jobs) -> None:
    secret = 'violet "kettle" 77'
    redaction.hide(secret)
    _, run = await ask("POST", "/api/runs", ASHA, {"job": "buy_orders"})
    jobs.begin(run["id"])
    jobs.end(run["id"], details={"said": [f"key {secret}.", 3], secret: {"deep": secret}, "token": "kept"})
    hidden = {"said": ["key [redacted].", 3], "[redacted]": {"deep": "[redacted]"}, "token": "kept"}
    assert (await ask("GET", f"/api/runs/{run['id']}", ASHA))[1]["details"] == hidden
    _, words = await ask("GET", "/api/v1/service/history", ASHA)
    assert "kettle" not in str(words)


async def test_a_job_cannot_say_of_itself_how_it_ended(ask: Client, jobs: Jobs) -> None:
    _, run = await ask("POST", "/api/runs", ASHA, {"job": "buy_orders"})
    jobs.begin(run["id"])
    jobs.end(run["id"], Outcome.FAILED, details={"outcome": "success", "orders": 3})
    [task] = (await ask("GET", "/api/v1/service/history", ASHA))[1]["tasks"]
    assert task["details"] == {"outcome": "failed", "reason": None, "trigger": "once", "orders": 3}


async def test_a_page_behind_anothers_run_tells_nothing_of_when_that_was(ask: Client, jobs: Jobs) -> None:
    numbers = await a_history(jobs)
    _, own = await ask("GET", "/api/runs", ASHA)
    others = set(numbers) - {run["id"] for run in own["runs"]}
    assert len(others) == 2
    for number in (*others, 999_999):
        assert await ask("GET", f"/api/runs?before={number}", ASHA) == (200, {"runs": [], "before": None})
        assert len((await ask("GET", f"/api/runs?before={numbers[0]}", ASHA))[1]["runs"]) == 2


async def test_filters_and_pages(ask: Client, jobs: Jobs) -> None:
    numbers = await a_history(jobs)
    for query, expected in (
        ("job=buy_orders", 3),
        ("job=buy_orders&user=asha&outcome=failed", 1),
        ("outcome=missed", 1),
        ("trigger=once", 4),
        ("trigger=schedule", 1),
        ("since=2026-01-05T10:00:20", 3),
        ("until=2026-01-05T10:00:20", 2),
        ("since=1h", 5),
        ("job=none", 0),
    ):
        _, page = await ask("GET", f"/api/runs?{query}", ROOT)
        assert len(page["runs"]) == expected, query
    found, before = [], ""
    while True:
        _, page = await ask("GET", f"/api/runs?limit=2{before}", ROOT)
        found += [run["id"] for run in page["runs"]]
        if page["before"] is None:
            break
        before = f"&before={page['before']}"
    assert found == numbers


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("outcome=lost", "outcome"),
        ("trigger=cron", "trigger"),
        ("since=yesterday", "since"),
        ("until=" + "9" * 50, "until"),
        ("before=0", "before"),
        ("before=" + "9" * 30, "before"),
        ("before=%C2%B2", "before"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("job=" + "x" * 65, "job"),
        ("outcom=failed", "outcom"),
    ],
)
async def test_a_filter_that_makes_no_sense_is_told_with_its_name(ask: Client, query: str, parameter: str) -> None:
    status, problem = await ask("GET", f"/api/runs?{query}", ROOT)
    assert (status, [error["parameter"] for error in problem["errors"]]) == (422, [parameter])


@pytest.mark.parametrize("body", [{}, {"job": 7}, {"job": ""}, {"job": "x" * 65}, {"job": "a", "user": []}, {"j": "a"}])
async def test_a_body_that_makes_no_sense_is_told_with_its_place(ask: Client, jobs: Jobs, body: Any) -> None:
    status, problem = await ask("POST", "/api/runs", ROOT, body)
    assert (status, problem["type"]) == (422, "/problems/validation")
    assert all(error["pointer"] for error in problem["errors"])
    assert jobs.asked == []


async def test_a_body_that_is_too_large_is_not_read(ask: Client) -> None:
    assert (await ask("POST", "/api/runs", ASHA, {"job": "x" * 20_000}))[0] == 413


async def test_statistics_tell_outcomes_success_rate_and_durations_of_the_own_jobs(ask: Client, jobs: Jobs) -> None:
    await a_history(jobs)
    _, own = await ask("GET", "/api/runs/statistics?since=1h", ASHA)
    orders, monitor = own["statistics"]
    assert (orders["job"], orders["user"], orders["successRate"]) == ("buy_orders", "asha", 0.0)
    assert orders["outcomes"] | {} == dict.fromkeys(Outcome, 0) | {"failed": 1, "missed": 1}
    assert (monitor["successRate"], monitor["seconds"]) == (1.0, {"p50": 12.0, "p95": 12.0, "max": 12.0})
    _, one = await ask("GET", "/api/runs/statistics?job=analysis", BOSS)
    assert [each["job"] for each in one["statistics"]] == ["analysis"]


async def test_how_late_a_run_began_is_told_of_what_was_due(ask: Client, jobs: Jobs) -> None:
    due = jobs.now - timedelta(milliseconds=120)
    run = jobs.runs.give(Claim(job="analysis", user="", trigger=Trigger.SCHEDULE, due=due, by="schedule", lease=LEASE))
    jobs.begin(run.id)  # type: ignore[union-attr]
    _, page = await ask("GET", "/api/runs?limit=1", ROOT)
    assert page["runs"][0]["lateSeconds"] == 0.12


async def test_a_ledger_that_takes_nothing_is_told_with_what_to_do(
    ask: Client, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise LedgerError("ledger.db: disk is full; nothing was written: make room on its disk.")

    monkeypatch.setattr(jobs.runs, "give", full)
    status, problem = await ask("POST", "/api/runs", ASHA, {"job": "buy_orders"})
    assert (status, problem["type"]) == (503, "/problems/ledger-failed")
    assert "make room" in problem["detail"]
