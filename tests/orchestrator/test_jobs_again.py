"""What a daemon finds when it starts, and what people say meanwhile: nothing begins that does not stand any more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date, time, timedelta
from pathlib import Path

import pytest

from kept_jobs import job
from scenes_of_jobs import ADMIN, Life, Scene
from tradewarden.machines.job import Does
from tradewarden.machines.run import Outcome
from tradewarden.machines.schedule_limits import Limits
from tradewarden.orchestrator.ledger import LedgerError
from tradewarden.orchestrator.orders import RefusedError
from year_of_jobs import Driver


def play(scene: Scene, act: Callable[[Driver], Awaitable[None]]) -> None:
    async def life() -> None:
        async with scene.daemon() as driver:
            await act(driver)

    asyncio.run(life())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("removed", "asha has no such job any more"),
        ("disabled", "the job was disabled"),
        ("trader disabled", "asha has no such job any more"),
        ("switched off", "its schedule was switched off"),
    ],
)
def test_a_run_that_waits_over_a_restart_begins_only_if_its_job_still_stands(
    tmp_path: Path, change: str, why: str
) -> None:
    buy = job("buy", "", "at 09:01", conditions=("auth valid",), per_user=True)
    scene = Scene(tmp_path, buy, traders=["asha"])
    scene.world.auth["kite"] = "required"

    async def wait(driver: Driver) -> None:
        await scene.go(driver, "09:02")
        assert scene.told("buy", "asha") == ["schedule 09:01:00 queued"]
        if change == "switched off":
            driver.standings.set("asha", {"": False}, by="another door")

    play(scene, wait)
    scene.world.auth["kite"] = "valid"
    scene.jobs = {"removed": (), "disabled": (replace(buy, enabled=False),)}.get(change, (buy,))
    if change == "trader disabled":
        scene.traders.clear()
    play(scene, lambda driver: scene.go(driver, "+5"))
    assert (scene.last("buy", "asha").outcome, scene.last("buy", "asha").reason) == (Outcome.MISSED, why)
    assert not any(scene.keepers.events.values()), "no process was begun"


def test_a_daemon_that_finds_the_ledger_locked_ends_nothing_and_plans_as_soon_as_it_can(tmp_path: Path) -> None:
    watch = job("watch", "", "between 09:00 and 15:30", does=Does.MONITOR)
    scene = Scene(tmp_path, watch, job("buy", "", "at 09:01"))
    play(scene, lambda driver: scene.go(driver, "+5"))

    async def act(driver: Driver) -> None:
        driver.woken(["watch"])
        with pytest.raises(RefusedError, match="buy is new, or the ledger could not be read: ask again in a moment"):
            driver.run_once("buy", "", by="asha")
        scene.heal()
        await scene.go(driver, "09:01:05")
        assert scene.told("watch") == ["desk 09:00:00 running"]
        assert scene.last("buy").outcome in (Outcome.RUNNING, Outcome.SUCCESS)

    scene.unreadable()
    play(scene, act)


def test_a_job_of_another_name_waits_for_its_former_self_to_end(tmp_path: Path) -> None:
    old = job("sell", "sell", "between 09:00 and 15:30", does=Does.MONITOR)
    scene = Scene(tmp_path, old)
    scene.life.stops = 5.0

    async def act(driver: Driver) -> None:
        await scene.go(driver, "+5")
        driver.defined([replace(old, name="sell_monitor")])
        await scene.go(driver, "+2")
        assert scene.last("sell_monitor").reason == "waits for sell, its former name, to end"
        await scene.go(driver, "+5")
        assert scene.last("sell").outcome is Outcome.FAILED
        assert scene.last("sell_monitor").outcome is Outcome.RUNNING

    play(scene, act)


def test_a_job_that_becomes_each_traders_own_waits_for_the_desks_one_and_no_trader_for_another(tmp_path: Path) -> None:
    old = job("sell", "sell", "between 09:00 and 15:30", does=Does.MONITOR)
    scene = Scene(tmp_path, old, traders=["asha", "ravi"])
    scene.life.stops = 5.0

    async def act(driver: Driver) -> None:
        await scene.go(driver, "+5")
        driver.stand("ravi", "", on=True, by="ravi")
        driver.defined([replace(old, per_user=True)])
        await scene.go(driver, "+2")
        assert scene.last("sell", "ravi").reason == "waits for sell, its former name, to end"
        await scene.go(driver, "+5")
        scene.traders.remove("asha")
        await scene.go(driver, "+1")
        scene.traders.append("asha")
        await scene.go(driver, "+10")
        assert [scene.last("sell", user).outcome for user in scene.traders] == [Outcome.RUNNING] * 2

    play(scene, act)


def test_a_desk_that_is_stopped_says_so_of_each_job_and_stands_again_with_a_word_for_the_whole(tmp_path: Path) -> None:
    jobs = job("buy", "", "every 10s"), job("own", "", "at 16:00", per_user=True)
    scene = Scene(tmp_path, *jobs, traders=["asha"])
    scene.life = Life(lasts=1.0)

    async def act(driver: Driver) -> None:
        driver.down(by="the command line")
        resting = "the desk was stopped by the command line: nothing of it begins before `tradewarden start --all`"
        assert [each.problem for each in driver.reports(ADMIN)] == [resting, resting]
        driver.stand("asha", "", on=False, by="asha")
        assert driver.reports(ADMIN)[1].problem is None, "it would not run anyway"
        told = driver.stand("asha", "own", on=True, by="asha")
        assert told.endswith(
            "But the desk was stopped by the command line, and nothing begins before `tradewarden start --all`."
        )
        await scene.go(driver, "+11")
        assert scene.last("buy").outcome is Outcome.MISSED
        assert driver.stand("", "", on=True, by="admin") == "The desk runs on schedule already as a whole."
        assert driver.reports(ADMIN)[0].problem is None
        await scene.go(driver, "+10")
        assert scene.last("buy").outcome is Outcome.SUCCESS

    play(scene, act)


def test_a_ledger_that_cannot_be_read_is_said_to_whoever_wants_a_run_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(tmp_path, job("buy", "", "at 16:00"))

    async def act(driver: Driver) -> None:
        def unreadable(_run: int) -> None:
            raise LedgerError("the ledger cannot be read")

        monkeypatch.setattr(driver._host.runs, "run", unreadable)
        with pytest.raises(RefusedError, match="the ledger cannot be read"):
            driver.end_run(7, by="asha")

    play(scene, act)


def test_what_jobs_handed_over_is_forgotten_with_the_history(tmp_path: Path) -> None:
    scene = Scene(tmp_path, job("buy", "", "at 16:00"))
    forgotten: list[date] = []

    async def act(driver: Driver) -> None:
        driver._around = replace(driver._around, keep=timedelta(days=30), forget=forgotten.append)
        await scene.go(driver, "+61")
        assert forgotten == [date(2026, 10, 24)]

    play(scene, act)


def test_a_schedule_that_the_desk_does_not_allow_changes_nothing(tmp_path: Path) -> None:
    scene = Scene(tmp_path, job("buy", "", "at 16:00"))
    scene.limits = Limits(earliest=time(9, 30), latest=time(15, 20), minute=30)

    async def act(driver: Driver) -> None:
        for text, wrong in (
            ("at 09:00", '"at 09:00" begins at 09:00; allowed is 09:30 to 15:20'),
            ("hourly at :15 between 10:00 and 12:00", '"hourly at :15 between 10:00 and 12:00" comes at :15'),
        ):
            for dry in (True, False):
                answer = driver.edit("buy", "", text=[text], enabled=None, dry=dry, by="admin")
                assert answer.problems[0].startswith(wrong)
                assert answer.text.startswith("Nothing was changed: ")
        assert driver.reports(ADMIN)[0].schedules == ("at 16:00",)
        assert driver.edit("buy", "", text=["at 10:30"], enabled=None, dry=False, by="admin").problems == ()
        assert driver.reports(ADMIN)[0].schedules == ("at 10:30",)

    play(scene, act)


def test_a_desk_that_was_stopped_stays_so_over_restarts_of_the_daemon(tmp_path: Path) -> None:
    scene = Scene(tmp_path, job("buy", "", "every 10s"))
    scene.life = Life(lasts=1.0)

    async def stop(driver: Driver) -> None:
        driver.down(by="the command line")

    async def look_on(driver: Driver) -> None:
        await scene.go(driver, "+11")
        assert scene.last("buy").outcome is Outcome.MISSED
        assert scene.last("buy").reason == "the desk was stopped by the command line"
        driver.up()

    async def go_on(driver: Driver) -> None:
        await scene.go(driver, "+11")
        assert scene.last("buy").outcome is Outcome.SUCCESS

    for act in (stop, look_on, go_on):
        play(scene, act)
