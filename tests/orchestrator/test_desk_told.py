import asyncio
from pathlib import Path

import pytest

from kept_desk import kept_desk, service
from tradewarden.machines.service import DeskReport, Selection
from tradewarden.orchestrator import desk_told


def test_a_picture_has_one_report_until_somebody_moves_and_whoever_asks_has_present_figures(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, service("feed"), service("chart")) as desk:
            await desk.until_state(feed="up", chart="up", desk="running")
            shown = desk.driver.shown()
            await desk.until(lambda: desk.of("feed").memory_bytes is not None)
            assert desk.driver.shown() is shown, "no beat and no figure makes a new one"

            seen: list[DeskReport | None] = []
            desk.driver.changed = lambda: seen.append(desk.driver.shown())
            desk.driver.stop(Selection(names=("chart",)), by="test")
            await desk.until_state(chart="down")
            assert seen[-1] is not None
            stood = {each.name: each for each in seen[-1].services}
            assert stood["chart"].state == "down", "the one that is told has it at once"
            assert stood["feed"].memory_bytes is not None

    asyncio.run(scene())


def test_what_makes_the_desk_worth_a_look_is_shown_at_once(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, service("feed")) as desk:
            await desk.until_state(feed="up")
            told = desk.driver.shown()
            assert told is not None
            assert told.keepers_reachable
            desk.driver._host.reachable = False
            assert (told := desk.driver.shown()) is not None
            assert not told.keepers_reachable
            desk.driver._host.reachable = True
            desk.driver.strays.names = ("old",)
            assert (told := desk.driver.shown()) is not None
            assert told.strays == ("old",)
            assert told.reason is not None
            assert "old runs here" in told.reason
            desk.driver.strays.names = ()

    asyncio.run(scene())


def test_figures_are_read_no_more_often_than_keepers_write_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_told, "MEASURED_EVERY", 0.5)

    async def scene() -> None:
        async with kept_desk(tmp_path, service("feed")) as desk:
            await desk.until_state(feed="up")
            await desk.until(lambda: desk.of("feed").memory_bytes is not None)
            first = desk.driver.report()
            assert desk.driver.report() is first
            await asyncio.sleep(desk_told.MEASURED_EVERY)
            assert desk.driver.report() is not first

    asyncio.run(scene())
