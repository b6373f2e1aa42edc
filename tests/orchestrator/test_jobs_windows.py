"""A window that is open is kept up: whatever ended the run in it, but for the run itself, another one follows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from kept_jobs import job
from scenes_of_jobs import ADMIN, Life, Scene
from tradewarden.machines.job import Does, Job
from tradewarden.machines.run import Misfire, Outcome
from year_of_jobs import Driver, DyingRuns, KilledError

Change = Callable[[Scene, Driver], None]


def monitor(*schedules: str, name: str = "watch", **told: object) -> Job:
    return job(name, "", *(schedules or ("between 09:15 and 15:30",)), **({"does": Does.MONITOR} | told))


def play(scene: Scene, act: Callable[[Driver], Awaitable[None]]) -> None:
    async def life() -> None:
        async with scene.daemon() as driver:
            await act(driver)

    asyncio.run(life())


def down_and_up(_scene: Scene, driver: Driver) -> None:
    driver.down(by="asha")
    driver.up()


def off_and_on(_scene: Scene, driver: Driver) -> None:
    driver.stand("", "", on=False, by="asha")
    driver.stand("", "", on=True, by="asha")


def disabled_and_enabled(_scene: Scene, driver: Driver) -> None:
    for enabled in (False, True):
        driver.edit("watch", "", text=None, enabled=enabled, dry=False, by="admin")


def removed_and_put_back(scene: Scene, driver: Driver) -> None:
    driver.defined([])
    driver.defined(scene.jobs)


@pytest.mark.parametrize("change", [down_and_up, off_and_on, disabled_and_enabled, removed_and_put_back])
def test_a_job_that_stands_again_while_its_old_run_still_ends_begins_again(tmp_path: Path, change: Change) -> None:
    scene = Scene(tmp_path, monitor())

    async def act(driver: Driver) -> None:
        await scene.go(driver, "10:00")
        change(scene, driver)
        await scene.go(driver, "+5")
        assert scene.told("watch")[0] == "schedule 09:15:00 failed"
        assert scene.last("watch").outcome is Outcome.RUNNING
        assert len(scene.told("watch")) == 2

    play(scene, act)


def test_a_trader_who_is_enabled_again_while_the_old_run_still_ends_has_it_begun_again(tmp_path: Path) -> None:
    scene = Scene(tmp_path, monitor(per_user=True), traders=["asha"])

    async def act(driver: Driver) -> None:
        await scene.go(driver, "10:00")
        scene.traders.clear()
        driver.look()
        scene.traders.append("asha")
        await scene.go(driver, "+5")
        assert [each.rpartition(" ")[2] for each in scene.told("watch", "asha")] == ["failed", "running"]

    play(scene, act)


def test_windows_that_touch_each_have_their_run(tmp_path: Path) -> None:
    scene = Scene(tmp_path, monitor("between 09:15 and 12:00", "between 12:00 and 15:30", misfire=Misfire.SKIP))
    scene.life.stops = 7.0  # longer than a due time may come late

    async def act(driver: Driver) -> None:
        await scene.go(driver, "12:00:20", beat=2.0)
        assert scene.told("watch") == ["schedule 09:15:00 success", "schedule 12:00:00 running"]
        await scene.go(driver, "16:00", beat=60.0)
        assert scene.told("watch") == ["schedule 09:15:00 success", "schedule 12:00:00 success"]

    play(scene, act)


def test_always_has_a_run_each_trading_day(tmp_path: Path) -> None:
    scene = Scene(tmp_path, monitor("always on trading days"), at="2026-11-24 23:59:30")

    async def act(driver: Driver) -> None:
        for to in ("00:01", "23:59", "00:02"):
            await scene.go(driver, to, beat=600.0)
        assert [each for each in scene.told("watch") if "schedule" in each] == [
            "schedule 00:00:00 success",
            "schedule 00:00:00 running",
        ]

    play(scene, act)


def test_a_window_that_somebodys_own_run_was_in_the_way_of_begins_when_that_has_ended(tmp_path: Path) -> None:
    scene = Scene(tmp_path, monitor(), at="2026-11-23 09:14:30")

    async def act(driver: Driver) -> None:
        scene.life = Life(lasts=60.0)
        driver.run_once("watch", "", by="asha")
        await scene.go(driver, "09:15:10")
        scene.life = Life()
        await scene.go(driver, "09:20")
        assert scene.told("watch") == ["once 09:14:30 success", "schedule 09:15:00 skipped", "desk 09:16:30 running"]

    play(scene, act)


def test_a_window_whose_way_a_waiting_run_blocks_is_not_lost_for_the_day(tmp_path: Path) -> None:
    scene = Scene(tmp_path, monitor(conditions=("auth valid",)), at="2026-11-23 09:14:30")
    scene.world.auth["kite"] = "required"

    async def act(driver: Driver) -> None:
        driver.run_once("watch", "", by="asha")
        await scene.go(driver, "09:20")
        scene.world.auth["kite"] = "valid"
        await scene.go(driver, "+3")
        assert [each.rpartition(" ")[2] for each in scene.told("watch")] == ["missed", "skipped", "running"]

    play(scene, act)


def test_a_clock_that_was_ahead_for_a_moment_closes_no_window_for_good(tmp_path: Path) -> None:
    scene = Scene(tmp_path, monitor())

    async def act(driver: Driver) -> None:
        await scene.go(driver, "15:00", beat=60.0)
        scene.shift = 3600.0
        await scene.go(driver, "+5")
        scene.shift = 0.0
        await scene.go(driver, "+5")
        assert [each.rpartition(" ")[2] for each in scene.told("watch")] == ["success", "running"]

    play(scene, act)


@pytest.mark.parametrize(("until", "ends"), [("15:45", "15:45:00"), ("12:00", "12:00:00"), ("09:30", "10:00:00")])
def test_a_run_goes_on_until_its_window_closes_as_it_is_now(tmp_path: Path, until: str, ends: str) -> None:
    scene = Scene(tmp_path, monitor())
    scene.life.stops = 0.0

    async def act(driver: Driver) -> None:
        await scene.go(driver, "10:00", beat=60.0)
        driver.edit("watch", "", text=[f"between 09:15 and {until}"], enabled=None, dry=False, by="admin")
        await scene.go(driver, "16:00", beat=60.0)
        assert scene.told("watch") == ["schedule 09:15:00 success"]
        ended = scene.last("watch").ended
        assert ended is not None
        assert (ended + timedelta(hours=5.5)).isoformat()[11:19] == ends

    play(scene, act)


def test_a_monitor_that_fails_too_often_begins_again_while_its_window_is_open(tmp_path: Path) -> None:
    scene = Scene(tmp_path, monitor("always on all days", misfire=Misfire.ALERT))

    scene.life = Life(lasts=0.2, code=3)

    async def act(driver: Driver) -> None:
        await scene.go(driver, "+30")
        assert len(scene.told("watch")) == 1, "it rests for a while"
        assert "begins again" in (driver.reports(ADMIN)[0].problem or "")
        await scene.go(driver, "+40")
        assert len(scene.told("watch")) == 2
        assert len(scene.alerts) == 2
        scene.life = Life()
        await scene.go(driver, "+70")
        assert scene.last("watch").outcome is Outcome.RUNNING
        assert driver.reports(ADMIN)[0].problem is None

    play(scene, act)


@pytest.mark.parametrize(
    ("does", "code"), [(Does.MONITOR, 0), (Does.ORDERS, 0), (Does.ORDERS, 3), (Does.ORDERS, None), (Does.MONITOR, None)]
)
@pytest.mark.parametrize("schedule", ["always on all days", "between 08:45 and 15:30"])
def test_what_has_ended_by_itself_or_by_hand_begins_no_second_time(
    tmp_path: Path, does: Does, code: int | None, schedule: str
) -> None:
    scene = Scene(tmp_path, monitor(schedule, does=does))

    async def act(driver: Driver) -> None:
        if code is not None:
            scene.life = Life(lasts=5.0, code=code)
        await scene.go(driver, "+3")
        if code is None:
            driver.end_run(scene.last("watch").id, by="asha")
        await scene.go(driver, "+200")
        assert len(scene.told("watch")) == 1

    play(scene, act)
    for _ in range(2):
        play(scene, lambda driver: scene.go(driver, "+5"))
    assert len(scene.told("watch")) == 1, "the daemon's next start begins it no second time either"


def test_a_window_that_was_left_out_because_it_came_late_stays_so(tmp_path: Path) -> None:
    scene = Scene(tmp_path, monitor(misfire=Misfire.SKIP))
    play(scene, lambda driver: scene.go(driver, "+1"))
    scene.true += 3600

    async def act(driver: Driver) -> None:
        await scene.go(driver, "+5")
        assert scene.told("watch") == ["schedule 09:15:00 missed"]

    play(scene, act)


def test_what_was_stopped_with_the_desk_waits_for_whoever_starts_that_over_a_restart_too(tmp_path: Path) -> None:
    scene = Scene(tmp_path, monitor())

    async def stop(driver: Driver) -> None:
        await scene.go(driver, "10:00", beat=60.0)
        driver.down(by="asha")
        await scene.go(driver, "+5")
        assert "the desk was stopped by asha" in (driver.reports(ADMIN)[0].problem or "")

    async def start(driver: Driver) -> None:
        await scene.go(driver, "+5")
        assert len(scene.told("watch")) == 1
        driver.up()
        await scene.go(driver, "+5")
        assert [each.rpartition(" ")[2] for each in scene.told("watch")] == ["failed", "running"]

    play(scene, stop)
    play(scene, start)


@pytest.mark.parametrize("stopped_at", ["09:10", "10:00"])
def test_a_daemon_that_is_killed_while_it_starts_the_desk_leaves_the_open_window_to_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped_at: str
) -> None:
    """The ledger knows of the start; what stands had not begun. Stopped before the window opened, and within it."""
    scene = Scene(tmp_path, monitor())

    async def stop(driver: Driver) -> None:
        await scene.go(driver, stopped_at, beat=60.0)
        driver.down(by="asha")
        await scene.go(driver, "11:00", beat=60.0)

    async def start(driver: Driver) -> None:
        with monkeypatch.context() as killing:
            killing.setattr(DyingRuns, "give", _killed)
            with pytest.raises(KilledError):
                driver.up()

    async def go_on(driver: Driver) -> None:
        await scene.go(driver, "+5")
        assert scene.last("watch").outcome is Outcome.RUNNING

    play(scene, stop)
    play(scene, start)
    play(scene, go_on)


def _killed(*_told: object, **_words: object) -> None:
    raise KilledError


def test_a_window_that_was_begun_under_another_schedule_is_no_point_to_the_next_daemon(tmp_path: Path) -> None:
    scene = Scene(tmp_path, monitor())

    async def begin(driver: Driver) -> None:
        await scene.go(driver, "10:00")
        assert scene.last("watch").outcome is Outcome.RUNNING

    async def take_over(driver: Driver) -> None:
        await scene.go(driver, "+20")
        assert scene.last("watch").outcome is Outcome.SUCCESS
        assert (scene.last("watch").reason or "").startswith("its window closed")

    play(scene, begin)
    scene.jobs = (monitor("at 16:00"),)
    play(scene, take_over)
