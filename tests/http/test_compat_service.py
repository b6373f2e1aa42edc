"""/api/v1/service: the original's paths, field names and status words for our jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from jobs_shown import ASHA, BOSS, LOOK, RAVI, READ, Client, Jobs, Members, Moved, a_job, four, serving_jobs
from pictures import Desk, all_well, at, serving
from tradewarden.http.compat_service import CompatService
from tradewarden.http.compat_words import STATUS, rule_words, schedule_text
from tradewarden.machines.job_report import EditAnswer
from tradewarden.machines.run import Outcome
from tradewarden.orchestrator.ledger import Ledger
from tradewarden.orchestrator.ledger_file import LedgerFile
from tradewarden.orchestrator.schedule_edits import Edits

ROOT = "/api/v1/service"


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


async def test_run_once_and_its_conflict_in_the_originals_shape(ask: Client) -> None:
    status, told = await ask("POST", f"{ROOT}/individual/run-once", ASHA, {"task_name": "buy_orders"})
    assert (status, told) == (
        200,
        {
            "success": True,
            "message": "buy_orders runs now, as run 1",
            "execution_id": 1,
            "has_conflict": False,
            "conflict_message": None,
        },
    )
    body = {"task_name": "buy_orders", "execution_type": "manual"}
    status, told = await ask("POST", f"{ROOT}/individual/run-once", ASHA, body)
    assert (status, told["success"], told["has_conflict"], told["execution_id"]) == (200, False, True, 2)
    assert told["conflict_message"] == told["message"]
    assert "buy_orders" in told["message"]


async def test_analysis_is_an_admins(ask: Client, jobs: Jobs) -> None:
    for who in (ASHA, LOOK):
        assert (await ask("POST", f"{ROOT}/analysis/run", who))[0] == 403
    status, told = await ask("POST", f"{ROOT}/analysis/run", BOSS)
    assert (status, told["success"]) == (200, True)
    assert jobs.asked == [("run", "analysis", "", "boss's token")]
    jobs.refuses = "analysis is disabled"
    _, told = await ask("POST", f"{ROOT}/analysis/run", BOSS)
    assert (told["success"], told["message"], told["execution_id"]) == (False, "analysis is disabled", None)


async def test_the_individual_status_of_the_own_jobs(ask: Client, jobs: Jobs) -> None:
    run = jobs.run_once("buy_orders", "asha", by="test")
    jobs.begin(run.id)  # type: ignore[union-attr]
    _, told = await ask("GET", f"{ROOT}/individual/status", ASHA)
    assert list(told["services"]) == ["buy_orders", "sell_monitor"]
    assert told["services"]["buy_orders"] == {
        "task_name": "buy_orders",
        "is_running": True,
        "started_at": "2026-01-05T10:00:00+05:30",
        "last_execution_at": "2026-01-05T10:00:00+05:30",
        "next_execution_at": "2026-01-05T16:05:00+05:30",
        "process_id": 4711,
        "schedule_enabled": True,
        "last_execution_status": "running",
        "last_execution_duration": None,
        "last_execution_details": {"outcome": "running", "reason": None, "trigger": "once"},
    }
    jobs.end(run.id, Outcome.TIMEOUT, reason="took longer than 300 s")  # type: ignore[union-attr]
    _, told = await ask("GET", f"{ROOT}/individual/status", ASHA)
    orders = told["services"]["buy_orders"]
    assert (orders["is_running"], orders["process_id"], orders["last_execution_status"]) == (False, None, "failed")
    assert (orders["last_execution_duration"], orders["last_execution_details"]["outcome"]) == (12.0, "timeout")
    _, told = await ask("GET", f"{ROOT}/individual/status", BOSS)
    assert list(told["services"]) == ["analysis"]


async def test_start_and_stop_of_the_whole_and_of_one(ask: Client, jobs: Jobs) -> None:
    for verb, on in (("start", True), ("stop", False)):
        status, told = await ask("POST", f"{ROOT}/{verb}", ASHA)
        assert (status, told["success"], told["service_running"]) == (200, True, True)
        assert jobs.asked.pop() == ("stand", "asha", "", on, "asha's token")
        status, told = await ask("POST", f"{ROOT}/individual/{verb}", ASHA, {"task_name": "buy_orders"})
        assert (status, told["success"]) == (200, True)
        assert jobs.asked.pop() == ("stand", "asha", "buy_orders", on, "asha's token")
    jobs.refuses = "asha's desk runs as a whole, and buy_orders with it; stop that first, or run it once"
    status, told = await ask("POST", f"{ROOT}/individual/start", ASHA, {"task_name": "buy_orders"})
    assert (status, told) == (200, {"success": False, "message": jobs.refuses})
    assert (await ask("POST", f"{ROOT}/individual/start", ASHA, {"task_name": "analysis"}))[0] == 404
    assert (await ask("POST", f"{ROOT}/individual/start", ASHA, {"task": "buy_orders"}))[0] == 422
    for who in (LOOK, READ):
        assert (await ask("POST", f"{ROOT}/start", who))[0] == 403


async def test_the_status_tells_whether_the_desk_runs_and_what_went_wrong_today(ask: Client, jobs: Jobs) -> None:
    _, told = await ask("GET", f"{ROOT}/status", ASHA)
    assert (told["service_running"], told["error_count"], told["last_error"]) == (True, 0, None)
    for number, reason in enumerate(("ended with code 1", "ended with code 2"), 1):
        run = jobs.run_once("buy_orders" if number == 1 else "sell_monitor", "asha", by="test")
        jobs.begin(run.id)  # type: ignore[union-attr]
        jobs.end(run.id, Outcome.FAILED, reason=reason)  # type: ignore[union-attr]
    _, told = await ask("GET", f"{ROOT}/status", ASHA)
    assert (told["error_count"], told["last_error"]) == (2, "ended with code 2")
    assert told["last_task_execution"] == "2026-01-05T10:00:12+05:30"
    assert (await ask("GET", f"{ROOT}/status", RAVI))[1]["error_count"] == 0


async def test_the_history_has_its_four_words_and_filters(ask: Client, jobs: Jobs) -> None:
    for job, outcome in (
        ("buy_orders", Outcome.SUCCESS),
        ("sell_monitor", Outcome.TIMEOUT),
    ):
        run = jobs.run_once(job, "asha", by="test")
        jobs.begin(run.id)  # type: ignore[union-attr]
        jobs.end(run.id, outcome)  # type: ignore[union-attr]
    jobs.runs.miss("buy_orders", "asha", jobs.now, "the daemon was away")
    jobs.run_once("buy_orders", "ravi", by="test")
    _, told = await ask("GET", f"{ROOT}/history", ASHA)
    assert [(task["task_name"], task["status"]) for task in told["tasks"]] == [
        ("buy_orders", "skipped"),
        ("sell_monitor", "failed"),
        ("buy_orders", "success"),
    ]
    assert told["total"] == 3
    assert told["tasks"][2] | {"id": 1} == {
        "id": 1,
        "task_name": "buy_orders",
        "executed_at": "2026-01-05T10:00:00+05:30",
        "status": "success",
        "duration_seconds": 12.0,
        "details": {"outcome": "success", "reason": None, "trigger": "once"},
    }
    for query, count in (("status=failed", 1), ("task_name=buy_orders&status=skipped", 1), ("limit=2", 2)):
        assert (await ask("GET", f"{ROOT}/tasks?{query}", ASHA))[1]["total"] == count
    for query in ("status=running", "limit=0", "limit=1001"):
        assert (await ask("GET", f"{ROOT}/tasks?{query}", ASHA))[0] == 422


def test_each_outcome_has_one_of_its_words() -> None:
    assert set(STATUS) == set(Outcome)
    assert set(STATUS.values()) == {"running", "success", "failed", "skipped"}


async def test_the_schedules_and_a_change_of_one(ask: Client, jobs: Jobs) -> None:
    _, told = await ask("GET", f"{ROOT}/schedules", BOSS)
    assert [(each["id"], each["task_name"]) for each in told["schedules"]] == [
        (1, "analysis"),
        (2, "buy_orders"),
        (3, "sell_monitor"),
    ]
    assert told["schedules"][2] == {
        "id": 3,
        "task_name": "sell_monitor",
        "schedule_time": "09:15",
        "is_hourly": False,
        "is_continuous": True,
        "end_time": "15:30",
        "schedule_type": "daily",
        "enabled": True,
        "description": "the sell_monitor",
        "updated_by": None,
        "updated_at": None,
        "next_execution_at": None,
        "schedule": ["between 09:15 and 15:30"],
    }
    jobs.answer = EditAnswer(text="buy_orders: at 16:20 from the next start on", holds="next start")
    body: dict[str, Any] = {"schedule_time": "16:20", "enabled": False}
    status, told = await ask("PUT", f"{ROOT}/schedules/buy_orders", BOSS, body)
    assert (status, told["success"], told["requires_restart"], told["schedule"]["id"]) == (200, True, True, 2)
    assert jobs.asked == [("edit", "buy_orders", "", ("at 16:20",), False, False, "boss's token")]
    assert (await ask("PUT", f"{ROOT}/schedules/buy_orders", ASHA, body))[0] == 403
    assert (await ask("PUT", f"{ROOT}/schedules/none", BOSS, body))[0] == 404
    for wrong in ({}, {"schedule_time": 9}, body | {"is_continuous": True}, body | {"schedule_type": "weekly"}):
        assert (await ask("PUT", f"{ROOT}/schedules/buy_orders", BOSS, wrong))[0] == 422
    jobs.answer = EditAnswer(text="", problems=("'at 99:99' is no time",))
    _, problem = await ask("PUT", f"{ROOT}/schedules/buy_orders", BOSS, body | {"schedule_time": "99:99"})
    assert problem["errors"] == [{"pointer": "/schedule_time", "detail": "'at 99:99' is no time"}]


async def test_a_schedule_that_was_changed_says_by_whom_and_when(tmp_path: Path, session: ClientSession) -> None:
    Ledger(tmp_path / "ledger.db").close()
    file = LedgerFile(tmp_path / "ledger.db")
    jobs = Jobs(file, [*four()[:3], a_job("sell_monitor", "ravi")])
    edits = Edits(file, now=lambda: jobs.now)
    parts = [CompatService(jobs, Moved(jobs), edits.latest)]
    edits.add("buy_orders", "", text=["at 16:10"], enabled=None, by="boss", applied=True)
    edits.add("sell_monitor", "ravi", text=None, enabled=False, by="boss's token x", applied=True)
    async with serving(all_well(now=jobs.now), parts=parts, jobs=jobs, members=Members(), clock=Moved(jobs)) as desk:
        ask = Client(session, desk)

        async def told(who: dict[str, str]) -> dict[str, tuple[str | None, str | None]]:
            schedules = (await ask("GET", f"{ROOT}/schedules", who))[1]["schedules"]
            return {each["task_name"]: (each["updated_by"], each["updated_at"]) for each in schedules}

        now = "2026-01-05T10:00:00+05:30"
        assert await told(ASHA) == {"buy_orders": ("boss", now)}
        jobs.now = at("10:05:00")
        edits.add("buy_orders", "ravi", text=None, enabled=False, by="command line", applied=True)
        later = "2026-01-05T10:05:00+05:30"
        assert await told(RAVI) == {"buy_orders": ("command line", later), "sell_monitor": ("boss's token x", now)}
        assert await told(ASHA) == {"buy_orders": ("boss", now)}
        told_to_boss = await told(BOSS)
        assert (told_to_boss["analysis"], told_to_boss["buy_orders"]) == ((None, None), ("boss", now))
        body = {"schedule_time": "16:20", "enabled": True}
        answer = (await ask("PUT", f"{ROOT}/schedules/buy_orders", BOSS, body))[1]
        assert (answer["schedule"]["updated_by"], answer["schedule"]["updated_at"]) == ("boss", now)
    file.close()


@pytest.mark.parametrize(
    ("schedules", "is_whole"),
    [
        (["at 16:05"], True),
        (["between 09:15 and 15:30"], True),
        (["hourly at :30 between 09:15 and 15:30"], True),
        (["once 2026-01-06 16:05"], True),
        (["every 1m on all days"], False),
        (["at 16:05 on all days"], False),
        (["at 16:05:30"], False),
        (["hourly at :30"], False),
        (["at 16:05", "at 18:00"], False),
        (["after analysis succeeded"], False),
    ],
)
async def test_a_schedule_that_its_fields_cannot_say_is_kept_rather_than_lost(
    tmp_path: Path, session: ClientSession, schedules: list[str], *, is_whole: bool
) -> None:
    told = [a_job("buy_orders", schedules=tuple(schedules))]
    async with serving_jobs(tmp_path, told) as (desk, jobs):
        ask = Client(session, desk)
        _, shown = await ask("GET", f"{ROOT}/schedules", BOSS)
        keys = ("schedule_time", "enabled", "is_hourly", "is_continuous", "end_time", "schedule_type", "description")
        read = {key: shown["schedules"][0][key] for key in keys}
        assert (await ask("PUT", f"{ROOT}/schedules/buy_orders", BOSS, read | {"enabled": False}))[0] == 200
        assert jobs.asked == [("edit", "buy_orders", "", None, False, False, "boss's token")], "what was read stays"
        status, answer = await ask("PUT", f"{ROOT}/schedules/buy_orders", BOSS, read | {"schedule_time": "12:00"})
        assert (status, len(jobs.asked)) == ((200, 2) if is_whole else (409, 1))
        if not is_whole:
            assert f"runs {'; '.join(schedules)}, which these fields cannot say" in answer["detail"]


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        ({}, "at 16:05"),
        ({"continuous": True, "end": "18:00"}, "between 16:05 and 18:00"),
        ({"hourly": True}, "hourly at :05 between 16:05 and 15:30"),
        ({"hourly": True, "end": "18:00"}, "hourly at :05 between 16:05 and 18:00"),
        ({"once": True}, "once 2026-01-05 16:05"),
    ],
)
def test_its_fields_become_a_schedule_and_back(flags: dict[str, Any], text: str) -> None:
    usual: dict[str, Any] = {"end": None, "hourly": False, "continuous": False, "once": False}
    assert schedule_text("16:05", now=at("10:00:00"), **usual | flags) == text
    words = rule_words([f"{text} on trading days"], None)
    assert words["schedule_time"] == "16:05"
    assert (words["is_hourly"], words["is_continuous"]) == ("hourly" in flags, "continuous" in flags)
    assert words["schedule_type"] == ("once" if "once" in flags else "daily")


def test_a_once_that_has_passed_today_is_tomorrow() -> None:
    text = schedule_text("09:00", None, hourly=False, continuous=False, once=True, now=at("10:00:00"))
    assert text == "once 2026-01-06 09:00"


def test_a_schedule_that_it_cannot_say_has_the_time_of_the_next_run() -> None:
    words = rule_words(["15 minutes before open"], at("09:00:00"))
    assert (words["schedule_time"], words["schedule_type"], words["is_hourly"]) == ("09:00", "daily", False)
    assert rule_words([], None)["schedule_time"] == "00:00"
    assert rule_words(["hourly at :30"], None)["schedule_time"] == "00:30"


async def test_a_viewer_reads_and_has_nothing(tmp_path: Path, session: ClientSession) -> None:
    async with serving_jobs(tmp_path, [*four(), a_job(enabled=False)]) as (desk, _):
        ask = Client(session, desk)
        assert (await ask("GET", f"{ROOT}/individual/status", LOOK))[1] == {"services": {}}
        assert (await ask("GET", f"{ROOT}/history", LOOK))[1] == {"tasks": [], "total": 0}
        assert (await ask("GET", f"{ROOT}/schedules", LOOK))[1] == {"schedules": []}
