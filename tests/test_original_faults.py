"""The twelve measured faults of the original state orchestration system; each test is named after the right answer."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from desk import LIVE, Desk, play, running_desk
from tradewarden.feed.brokers.kite_rest import KiteRest, Verdict
from tradewarden.orchestrator.clock import IST
from virtual_time import VirtualClock, run_virtually


def test_01_a_token_that_was_never_verified_is_not_valid(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        assert desk.picture.auth.state in ("unknown", "verifying")
        desk.broker.world.change({"profile": "unreachable"})
        for _ in range(6):
            await asyncio.sleep(20)
            assert desk.picture.auth.state in ("unknown", "verifying")
        _, body = await desk.health()
        assert body["auth"]["is_valid"] is False

    async def unreachable_from_the_start() -> None:
        clock = VirtualClock(datetime(2026, 11, 23, 7, 0, tzinfo=IST))
        async with running_desk(tmp_path, clock, rest_url="http://127.0.0.1:9") as desk:
            await scene(desk)

    run_virtually(unreachable_from_the_start)


@pytest.mark.parametrize("status", [400, 403])
async def test_02_an_error_that_only_mentions_a_token_leaves_auth_unchanged(status: int) -> None:
    async def complain(_request: web.Request) -> web.Response:
        text = "Invalid instrument_token 256265"
        kind = "InputException" if status == 400 else "PermissionException"
        return web.json_response({"status": "error", "error_type": kind, "message": text}, status=status)

    app = web.Application()
    app.router.add_get("/user/profile", complain)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        rest = KiteRest(rest_url=url, login_url=url, api_key="k", api_secret="s")
        assert (await rest.probe("token")).verdict is Verdict.UNKNOWN
    finally:
        await runner.cleanup()


def test_02_an_error_on_the_stream_that_mentions_a_token_leaves_auth_unchanged(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        before = desk.picture.auth
        feed = desk.parts.feed
        feed.text(feed.machine.gen, {"type": "error", "data": "Invalid instrument_token 256265"})
        assert desk.picture.auth.state == before.state == "valid"

    play(tmp_path, LIVE, scene)


def test_03_a_dead_token_stays_dead_however_often_health_is_asked_and_the_file_is_read(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        desk.broker.do("expire_token")
        await desk.parts.auth.verify()
        for _ in range(50):
            status, body = await desk.health()
            assert (status, body["headline"]["code"]) == (503, "auth.required")
            assert body["auth"]["requires_login"] is True
            await asyncio.sleep(1)
        (desk.state / "desk.env").touch()  # the dead token still lies in the file, and looks new
        await asyncio.sleep(5)
        assert desk.picture.auth.state == "expired"

    play(tmp_path, LIVE, scene)


def test_04_five_timeouts_in_a_row_are_a_network_fault_and_auth_is_unchanged(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        desk.broker.world.change({"profile": "unreachable"})
        for _ in range(5):
            assert (await desk.parts.auth.verify()).verdict == "unreachable"
            assert desk.picture.auth.state == "valid"
        assert desk.picture.headline.code == "market.live"

    play(tmp_path, LIVE, scene)


def test_05_a_socket_that_never_ticks_is_stale_within_the_first_tick_deadline(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        desk.broker.world.change({"ticks": "none"})
        await desk.until_feed("connected")
        opened = desk.clock.now()
        await desk.until_feed("stale")
        assert (desk.clock.now() - opened).total_seconds() == pytest.approx(10, abs=0.5)
        await asyncio.sleep(3600)
        assert desk.dials() > 60

    async def mute_from_the_start() -> None:
        async with running_desk(tmp_path, VirtualClock(LIVE), token=False) as desk:
            desk.broker.world.change({"ticks": "none"})
            desk.save_token(desk.broker.mint())
            await scene(desk)

    run_virtually(mute_from_the_start)


def test_06_when_a_reconnect_has_no_effect_the_next_one_follows_for_as_long_as_it_takes(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        desk.broker.world.change({"ticks": "none"})
        before = desk.dials()
        await asyncio.sleep(3600)
        assert desk.dials() - before > 60
        desk.broker.world.change({"ticks": "flowing"})
        await desk.until_feed("streaming", within=60)

    play(tmp_path, LIVE, scene)


def test_07_a_closed_socket_is_dialled_again(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        desk.broker.do("drop_socket")
        await desk.until(lambda picture: picture.feed.state != "streaming")
        await desk.until_feed("streaming", within=5)
        assert desk.dials() == 2

    play(tmp_path, LIVE, scene)


def market_at(state: Path, at: datetime) -> dict[str, Any]:
    """What the health answer says of the market at this moment."""
    said: dict[str, Any] = {}

    async def scene(desk: Desk) -> None:
        _, body = await desk.health("/market")
        said.update(body)

    play(state, at, scene, token=False)
    return said


def test_08_bakri_id_is_a_holiday(tmp_path: Path) -> None:
    said = market_at(tmp_path, datetime(2026, 5, 28, 11, tzinfo=IST))
    assert (said["check"]["observedValue"], said["phase"]) == ("closed", "CLOSED")


def test_09_an_ordinary_monday_is_live(tmp_path: Path) -> None:
    said = market_at(tmp_path, datetime(2026, 4, 6, 11, tzinfo=IST))
    assert (said["check"]["observedValue"], said["phase"]) == ("live", "LIVE")


def test_10_after_friday_comes_monday(tmp_path: Path) -> None:
    friday = datetime(2026, 11, 20, 16, 0, tzinfo=IST)
    upcoming = market_at(tmp_path, friday)["check"]["next"]
    assert (datetime.fromisoformat(upcoming["at"]) - friday).total_seconds() == 65 * 3600


def test_11_the_budget_sunday_is_live(tmp_path: Path) -> None:
    said = market_at(tmp_path, datetime(2026, 2, 1, 11, tzinfo=IST))
    assert (said["check"]["observedValue"], said["check"]["session"]) == ("live", "special")


def test_12_muhurat_is_a_live_session_of_its_own(tmp_path: Path) -> None:
    said = market_at(tmp_path, datetime(2026, 11, 8, 18, 30, tzinfo=IST))
    assert (said["check"]["observedValue"], said["check"]["session"]) == ("live", "muhurat")
