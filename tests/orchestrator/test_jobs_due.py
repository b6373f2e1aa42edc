"""Each due time has its outcome: over locked ledgers, clocks that were years ahead, and jobs that come and go."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from kept_jobs import job
from scenes_of_jobs import ADMIN, Life, Scene
from tradewarden.machines.job import Does, Job
from tradewarden.machines.run import Misfire, Outcome, Run
from year_of_jobs import DAY, Driver


def play(scene: Scene, act: Callable[[Driver], Awaitable[None]]) -> None:
    async def life() -> None:
        async with scene.daemon() as driver:
            await act(driver)

    scene.life = Life(lasts=0.5) if scene.life == Life() else scene.life
    asyncio.run(life())


def buy(*schedules: str, **told: Any) -> Job:
    return job("buy", "", *schedules, **told)


@pytest.mark.parametrize("misfire", list(Misfire))
def test_a_due_time_that_could_not_be_written_down_runs_as_soon_as_it_can(tmp_path: Path, misfire: Misfire) -> None:
    scene = Scene(tmp_path, buy("at 09:01", misfire=misfire))

    async def act(driver: Driver) -> None:
        with scene.locked():
            await scene.go(driver, "09:01:10")
            assert scene.told("buy") == []
        await scene.go(driver, "09:01:20")
        assert scene.told("buy") == ["schedule 09:01:00 success"]

    play(scene, act)


def test_a_change_while_nothing_can_be_written_down_forgets_no_due_time(tmp_path: Path) -> None:
    scene = Scene(tmp_path, buy("at 09:01"))

    async def act(driver: Driver) -> None:
        with scene.locked():
            await scene.go(driver, "09:01:01")
            driver.defined([buy("at 10:00")])
            await scene.go(driver, "09:01:03")
        await scene.go(driver, "10:01", beat=20.0)
        assert scene.told("buy") == ["schedule 09:01:00 success", "schedule 10:00:00 success"]

    play(scene, act)


def test_what_follows_another_job_and_could_not_be_written_down_follows_later(tmp_path: Path) -> None:
    scene = Scene(tmp_path, job("analysis", "", "at 09:01"), buy("after analysis succeeded", misfire=Misfire.SKIP))
    scene.life = Life(lasts=5.0)

    async def act(driver: Driver) -> None:
        await scene.go(driver, "09:01:02")
        with scene.locked():
            await scene.go(driver, "09:01:20")
        await scene.go(driver, "09:01:40")
        assert scene.told("analysis") == ["schedule 09:01:00 success"]
        assert scene.told("buy") == ["after 09:01:05 success"]

    play(scene, act)


def test_a_job_that_was_taken_out_and_put_back_owes_nothing_for_the_time_between(tmp_path: Path) -> None:
    mine, other = buy("at 16:05"), job("other", "", "at 03:00")
    scene = Scene(tmp_path, mine, other)
    play(scene, lambda driver: scene.go(driver, "+1"))
    scene.jobs = (other,)
    play(scene, lambda driver: scene.go(driver, "+1"))
    scene.true += 3 * DAY + 10 * 3600.0
    scene.jobs = (mine, other)

    async def act(driver: Driver) -> None:
        await scene.go(driver, "+10")
        assert scene.told("buy") == []
        await scene.go(driver, "16:06", beat=600.0)
        assert scene.told("buy") == ["schedule 16:05:00 success"]

    play(scene, act)


def test_a_clock_that_was_years_ahead_for_a_moment_stops_nothing(tmp_path: Path) -> None:
    scene = Scene(tmp_path, buy("at 10:00 on all days"), job("new", "", "at 10:00 on all days"))

    async def act(driver: Driver) -> None:
        await scene.go(driver, "+2")
        scene.shift = 3 * 365 * DAY
        await scene.go(driver, "+4")
        scene.shift = 0.0
        await scene.go(driver, "10:01", beat=60.0)
        await scene.go(driver, "09:59", beat=3600.0)
        await scene.go(driver, "10:01", beat=60.0)
        right = [run.due for run in scene.runs("buy") if run.outcome is Outcome.SUCCESS and run.due < scene.now()]
        assert len(right) == 2, "today and tomorrow"
        assert driver.reports(ADMIN)[0].problem is None

    play(scene, act)


def test_one_line_of_a_jobs_schedules_keeps_no_run_waiting_into_the_time_of_another(tmp_path: Path) -> None:
    scene = Scene(tmp_path, buy("at 09:01", "at 09:05", conditions=("auth valid",)))
    scene.world.auth["kite"] = "required"

    async def act(driver: Driver) -> None:
        await scene.go(driver, "09:06")
        assert scene.told("buy") == ["schedule 09:01:00 missed", "schedule 09:05:00 queued"]
        scene.world.auth["kite"] = "valid"
        await scene.go(driver, "+3")
        assert scene.told("buy")[1:] == ["schedule 09:05:00 success"]

    play(scene, act)


def test_a_due_time_between_two_looks_of_one_beat_is_not_refused_by_a_run_whose_time_is_over(tmp_path: Path) -> None:
    scene = Scene(tmp_path, buy("every 1m", conditions=("auth valid",)))
    scene.world.auth["kite"] = "required"

    async def act(driver: Driver) -> None:
        await scene.go(driver, "09:01:59")
        scene.true += 1.0  # the beat has looked at its hands, and sees now what is due
        driver._see_what_is_due()
        assert scene.told("buy") == ["schedule 09:01:00 missed", "schedule 09:02:00 queued"]

    play(scene, act)


def test_a_long_past_is_gone_through_bit_by_bit_and_people_are_shown_its_end_alone(tmp_path: Path) -> None:
    jobs = [job(name, "", "every 30s on all days", misfire=Misfire.SKIP) for name in ("one", "two", "three")]
    scene = Scene(tmp_path, *jobs)
    play(scene, lambda driver: scene.go(driver, "+1"))
    scene.true += 3 * 3600.0

    async def act(driver: Driver) -> None:
        rows = len(scene.runs("one")) + len(scene.runs("two")) + len(scene.runs("three"))
        assert 0 < rows <= 3 * 100 + 4 * 100
        shown = [each for each in scene.news if isinstance(each, Run) and each.outcome is Outcome.MISSED]
        assert len(shown) <= 3 + 4
        await scene.go(driver, "+60")
        assert all(len(scene.runs(each.name)) >= 362 for each in jobs)

    play(scene, act)


def test_how_far_all_jobs_were_looked_at_is_written_down_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(tmp_path, *(job(f"job{number}", "", "at 23:00") for number in range(20)))
    writes: list[int] = []
    real = scene.file.write

    def counted() -> AbstractContextManager[sqlite3.Connection]:
        writes.append(1)
        return real()

    monkeypatch.setattr(scene.file, "write", counted)

    async def act(driver: Driver) -> None:
        writes.clear()
        await scene.go(driver, "+301")
        assert 5 <= len(writes) <= 12, "one a minute, and one that looks for what is too old"

    play(scene, act)


@pytest.mark.parametrize(("at", "ran"), [("23:59:58", True), ("22:00:00", True), ("10:00:00", False)])
def test_what_follows_a_job_of_a_trading_day_follows_it_over_midnight(tmp_path: Path, at: str, ran: bool) -> None:  # noqa: FBT001
    scene = Scene(
        tmp_path,
        job("analysis", "", f"at {at} on all days", does=Does.WORK),
        buy("after analysis succeeded"),
        job("tell", "", "after buy succeeded"),
        at="2026-11-28 09:00" if not ran else "2026-11-27 21:00",  # a Saturday, a Friday
    )
    scene.life = Life(lasts=3.0)

    async def act(driver: Driver) -> None:
        await scene.go(driver, at, beat=600.0)
        await scene.go(driver, "+20")
        assert [len(scene.told(name)) for name in ("analysis", "buy", "tell")] == ([1, 1, 1] if ran else [1, 1, 0])
        assert [run.outcome for run in scene.runs("buy")] == [Outcome.SUCCESS if ran else Outcome.SKIPPED]

    play(scene, act)


@pytest.mark.parametrize(
    ("schedules", "why"),
    [
        (["after analysis succeeded"], "2026-11-28 is a Saturday, and NSE_EQ does not trade"),
        (["after analysis succeeded on mon"], "2026-11-28 is a Saturday; it runs on mon only"),
        (["after analysis succeeded on mon", "after analysis ended on all days"], None),
        (["after analysis failed on mon"], ""),
    ],
)
def test_what_follows_on_a_day_that_is_none_of_its_own_is_skipped_in_the_history_with_the_reason(
    tmp_path: Path, schedules: list[str], why: str | None
) -> None:
    analysis = job("analysis", "", "at 10:00 on all days", does=Does.WORK)
    scene = Scene(tmp_path, analysis, buy(*schedules, misfire=Misfire.ALERT), at="2026-11-28 09:59")

    async def act(driver: Driver) -> None:
        await scene.go(driver, "10:00:10")
        expected = [] if why == "" else [("after analysis", Outcome.SKIPPED if why else Outcome.SUCCESS, why)]
        assert [(run.by, run.outcome, run.reason) for run in scene.runs("buy")] == expected
        report = next(each for each in driver.reports(ADMIN) if each.name == "buy")
        assert (report.last is None) == (why is not None), "it did not fail"

    play(scene, act)
    play(scene, lambda driver: scene.go(driver, "+5"))
    assert len(scene.runs("buy")) == (0 if why == "" else 1), "nor is it told twice"


def test_what_is_skipped_on_a_closed_day_is_written_down_once_the_ledger_takes_it(tmp_path: Path) -> None:
    analysis = job("analysis", "", "at 10:00 on all days", does=Does.WORK)
    scene = Scene(tmp_path, analysis, buy("after analysis succeeded"), at="2026-11-28 09:59")
    scene.life = Life(lasts=5.0)

    async def act(driver: Driver) -> None:
        await scene.go(driver, "10:00:02")
        with scene.locked():
            await scene.go(driver, "10:00:20")
            assert scene.told("buy") == []
        await scene.go(driver, "10:00:40")
        assert scene.told("buy") == ["after 10:00:05 skipped"]

    play(scene, act)
