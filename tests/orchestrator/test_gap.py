import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from desk import LIVE, Desk, play
from tradewarden.gaps_command import gaps
from tradewarden.machines.gap import SESSION_ENDED
from tradewarden.orchestrator.clock import IST


async def recorded(desk: Desk) -> list[dict[str, object]]:
    headers = {"Authorization": "Bearer desktestadmin"}
    async with desk.client.get(f"{desk.url}/api/gaps", headers=headers) as answer:
        assert answer.status == 200
        found: list[dict[str, object]] = (await answer.json())["gaps"]
        return found


def test_an_hour_of_failing_dials_is_one_gap_from_the_last_tick_to_the_first_proven_one(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        desk.broker.world.change({"ticks": "none"})
        went_dark = desk.clock.now()
        await asyncio.sleep(3600)
        assert await recorded(desk) == []
        desk.broker.world.change({"ticks": "flowing"})
        await desk.until_feed("streaming", within=60)
        (gap,) = await recorded(desk)
        began = datetime.fromisoformat(str(gap["from"]))
        assert abs(began - went_dark) < timedelta(seconds=2)
        assert gap["cause"] == "stall"
        assert gap["instruments"] == [256265, 408065, 738561]
        said: list[str] = []
        assert await gaps(desk.url, None, limit=5, as_json=False, say=said.append) == 0
        assert said[0].endswith("3 instruments  stall")

    play(tmp_path, LIVE, scene, tick_seconds=1.0)


def test_a_reconnect_of_a_moment_is_no_gap(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        for _ in range(3):
            desk.broker.do("drop_socket")
            await desk.until(lambda picture: picture.feed.state != "streaming")
            await desk.until_feed("streaming")
        assert await recorded(desk) == []

    play(tmp_path, LIVE, scene)


def test_a_dead_token_is_the_cause_of_its_gap(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        desk.broker.do("expire_token")
        desk.broker.do("drop_socket")
        await asyncio.sleep(600)
        desk.save_token(desk.broker.mint())
        await desk.until_feed("streaming")
        (gap,) = await recorded(desk)
        assert "refused" in str(gap["causes"])

    play(tmp_path, LIVE, scene, tick_seconds=1.0)


def test_a_gap_that_is_open_at_the_end_of_the_session_ends_there(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await asyncio.sleep(3600)
        (gap,) = await recorded(desk)
        assert gap["causes"] == ["auth", SESSION_ENDED]
        assert str(gap["to"]).startswith("2026-11-23T16:00:00")

    play(tmp_path, datetime(2026, 11, 23, 15, 55, tzinfo=IST), scene, token=False)


def test_nobody_misses_data_on_a_holiday(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await asyncio.sleep(8 * 3600)
        assert await recorded(desk) == []

    play(tmp_path, datetime(2026, 11, 24, 8, 30, tzinfo=IST), scene, token=False)


def test_which_instruments_is_told_to_an_admin_only(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        desk.broker.world.change({"ticks": "none"})
        await asyncio.sleep(30)
        desk.broker.world.change({"ticks": "flowing"})
        await desk.until_feed("streaming", within=60)
        async with desk.client.get(f"{desk.url}/api/gaps") as answer:
            (gap,) = (await answer.json())["gaps"]
        assert "instruments" not in gap
        assert gap["instrumentCount"] == 3

    play(tmp_path, LIVE, scene)


@pytest.mark.parametrize("limit", ["0", "1001", "many", "-1"])
def test_a_wrong_limit_is_a_problem_that_says_what_is_allowed(tmp_path: Path, limit: str) -> None:
    async def scene(desk: Desk) -> None:
        async with desk.client.get(f"{desk.url}/api/gaps", params={"limit": limit}) as answer:
            assert answer.status == 422
            assert "1 to 1000" in await answer.text()

    play(tmp_path, LIVE, scene, token=False)


def test_a_daemon_that_stops_in_an_outage_writes_down_what_it_knows(tmp_path: Path) -> None:
    async def first(desk: Desk) -> None:
        await desk.until_feed("streaming")
        desk.broker.world.change({"ticks": "none"})
        await asyncio.sleep(60)

    async def second(desk: Desk) -> None:
        (gap,) = await recorded(desk)
        assert gap["causes"] == ["stall", "daemon stopped"]

    play(tmp_path, LIVE, first)
    play(tmp_path, LIVE, second, token=False)
