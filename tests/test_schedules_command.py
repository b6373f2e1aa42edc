"""How the jobs stand, what comes, and a change of a schedule, on a terminal."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from desk_of_jobs import Desk, ran
from jobs_shown import Ahead, Jobs, a_job, four
from pictures import at
from tradewarden import schedules_command
from tradewarden.machines.job_report import EditAnswer
from tradewarden.machines.run import Outcome
from tradewarden.schedules_command import edit, preview, schedules


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(schedules_command, "now", lambda: at("10:00:00"))
    return Desk(tmp_path)


async def test_schedules_tells_every_job_in_columns_with_its_reasons_below(desk: Desk) -> None:
    def before(jobs: Jobs) -> None:
        ran(jobs, "buy_orders", "asha", Outcome.FAILED, reason="ended with code 1")
        run = jobs.run_once("analysis", "", by="boss")
        jobs.begin(run.id)  # type: ignore[union-attr]

    desk.before = before
    desk.told = [
        *four(),
        a_job("eod_cleanup", stands="stopped", next_due=None, why_not="its schedule is switched off"),
        a_job("old", enabled=False),
    ]
    code, lines, said = await desk(lambda terminal: schedules(terminal, None))
    assert (code, said) == (0, [])
    assert lines == [
        "  JOB           FOR   STANDS    NEXT   LAST       AT",
        "● analysis            on        16:00  running    10:00",
        "✕ buy_orders    asha  on        16:05  failed     10:00",
        "    failed: ended with code 1",
        "○ buy_orders    ravi  on        16:05  never ran",
        "○ sell_monitor  asha  on        -      never ran",
        "    not today: it is a holiday",
        "○ eod_cleanup   asha  stopped   -      never ran",
        "    not today: its schedule is switched off; `tradewarden standing on --user asha` lets it run",
        "○ old           asha  disabled  16:05  never ran",
    ]


async def test_one_job_is_told_with_its_schedules(desk: Desk) -> None:
    desk.told = [a_job(notice="from the desk's next start on: at 16:10 (boss)"), a_job(user="ravi")]
    code, lines, _ = await desk(lambda terminal: schedules(terminal, "buy_orders", user="asha"))
    assert (code, lines[1:]) == (
        0,
        [
            "○ buy_orders  asha  on      16:05  never ran",
            "    the buy_orders",
            "    at 16:05",
            "    from the desk's next start on: at 16:10 (boss)",
        ],
    )
    code, lines, said = await desk(lambda terminal: schedules(terminal, "by_orders"))
    assert (code, lines, said) == (1, [], ["no job is called 'by_orders'; known are buy_orders."])


async def test_one_job_is_told_with_what_its_runs_came_to(desk: Desk) -> None:
    def before(jobs: Jobs) -> None:
        ran(jobs, "buy_orders", "asha", Outcome.SUCCESS)
        jobs.runs.miss("buy_orders", "asha", at("10:10:00"), "the daemon was away")

    desk.before = before
    _, lines, _ = await desk(lambda terminal: schedules(terminal, "buy_orders", user="asha"))
    figures = "since 6 Dec: 1 success, 1 missed, 100% of those that ran did well; 12 s usually, 12 s at most"
    assert f"    {figures}" in lines


async def test_the_preview_tells_what_comes_and_why_nothing_does(desk: Desk) -> None:
    desk.before = lambda jobs: jobs.ahead.append(Ahead("analysis", at("16:00:00"), None, "2026-01-06 is a holiday"))
    code, lines, _ = await desk(lambda terminal: preview(terminal, None, 10))
    assert (code, lines) == (
        0,
        [
            "  AT     JOB         FOR",
            "  16:00  analysis",
            "  16:05  buy_orders  asha",
            "· 16:00  analysis          2026-01-06 is a holiday",
        ],
    )
    _, lines, _ = await desk(lambda terminal: preview(terminal, "sell_monitor", 10))
    assert lines == ["Nothing comes: no job that is enabled has a time within sight."]


async def test_a_job_that_waits_for_another_one_says_so_as_its_next_time(desk: Desk) -> None:
    desk.told = [a_job(schedules=("after analysis succeeded on all days",), next_due=None)]
    _, lines, _ = await desk(lambda terminal: schedules(terminal, None))
    assert lines[1] == "○ buy_orders  asha  on      after analysis succeeded  never ran"
    desk.before = lambda jobs: jobs.ahead.clear()
    code, lines, _ = await desk(lambda terminal: preview(terminal, "buy_orders", 3))
    assert (code, lines) == (0, ["buy_orders@asha comes after analysis succeeded."])
    code, _, said = await desk(lambda terminal: preview(terminal, "by_orders", 3))
    assert (code, said) == (1, ["no job is called 'by_orders'; known are buy_orders."])


async def test_an_edit_says_from_when_it_holds_and_a_dry_one_what_it_would_have_done(desk: Desk) -> None:
    code, lines, _ = await desk(lambda terminal: edit(terminal, "buy_orders", {"schedule": ["at 16:10"]}))
    assert (code, lines) == (0, ["buy_orders: at 16:10 from now on"])

    def dry(jobs: Jobs) -> None:
        jobs.answer = EditAnswer(text="nothing is changed", would=(at("16:10:00"),))

    desk.before = dry
    change = {"schedule": ["at 16:10"], "dry": True}
    code, lines, _ = await desk(lambda terminal: edit(terminal, "buy_orders", change))
    assert lines == [
        "nothing is changed",
        "  Mon 05 Jan 2026 16:10:00",
    ]

    def often(jobs: Jobs) -> None:
        would = tuple(at("10:00:00") + timedelta(minutes=each) for each in range(1020))
        jobs.answer = EditAnswer(text="nothing is changed", would=would)

    desk.before = often
    _, lines, _ = await desk(lambda terminal: edit(terminal, "buy_orders", change))
    assert (len(lines), lines[1], lines[-1]) == (22, "  Tue 06 Jan 2026 02:59:00", "  and 1,000 before them")

    def wrong(jobs: Jobs) -> None:
        jobs.answer = EditAnswer(text="", problems=("'at 25:00' is no time; write one like 09:15",))

    desk.before = wrong
    code, lines, said = await desk(lambda terminal: edit(terminal, "buy_orders", {"schedule": ["at 25:00"]}))
    assert (code, lines, said) == (1, [], ["'at 25:00' is no time; write one like 09:15"])
