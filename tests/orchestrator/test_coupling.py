import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from desk import LIVE, Desk, play
from tradewarden.orchestrator.clock import IST


def test_the_feed_is_dialled_at_its_lead_time_and_hung_up_when_nothing_is_due_any_more(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        assert desk.picture.feed.state == "halted"
        await desk.until_feed("connected", within=900)
        assert f"{desk.clock.now():%H:%M:%S}" == "08:40:00"

    play(tmp_path, datetime(2026, 11, 23, 8, 30, tzinfo=IST), scene, tick_seconds=1.0)


def test_the_market_never_cares_about_token_or_feed(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        before = desk.picture.market.segments
        desk.broker.do("expire_token")
        desk.broker.do("drop_socket")
        await desk.until_auth("expired")
        assert desk.picture.market.segments[0].since == before[0].since
        assert [s.state for s in desk.picture.market.segments] == [s.state for s in before]

    play(tmp_path, LIVE, scene)


def test_an_accepted_handshake_makes_a_token_valid_before_the_probe_answers(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        desk.broker.world.change({"profile": "unreachable"})
        desk.save_token(desk.broker.mint())
        await desk.until_feed("streaming")
        assert desk.picture.auth.state == "valid"

    play(tmp_path, LIVE, scene, token=False)


@pytest.mark.parametrize("phase", ["09:08:30", "09:10", "09:13"])
def test_silence_in_a_phase_that_expects_nothing_is_no_staleness(tmp_path: Path, phase: str) -> None:
    start = datetime.fromisoformat(f"2026-11-23T{phase}").replace(tzinfo=IST)

    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        desk.broker.world.change({"ticks": "none"})
        await asyncio.sleep(60)
        assert desk.picture.feed.state == "streaming"

    play(tmp_path, start, scene)


def test_the_deadline_of_the_first_dense_tick_begins_with_its_phase(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        desk.broker.world.change({"ticks": "none"})
        opening = datetime(2026, 11, 23, 9, 15, tzinfo=IST)
        await desk.until_feed("stale", within=300)
        assert timedelta(seconds=10) <= desk.clock.now() - opening < timedelta(seconds=10.05)

    play(tmp_path, datetime(2026, 11, 23, 9, 13, tzinfo=IST), scene)


def test_a_stream_that_was_dialled_with_somebody_elses_token_is_hung_up(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        desk.save_token(desk.broker.mint("ZZ9999"))
        picture = await desk.until(lambda picture: picture.auth.reason == "other_account")
        assert picture.headline.code == "auth.required"
        await asyncio.sleep(5)
        assert desk.picture.feed.state == "blocked_on_auth"
        assert desk.broker.state()["sockets"] == 0

    play(tmp_path, LIVE, scene, token=False)
