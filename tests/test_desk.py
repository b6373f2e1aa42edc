"""The whole desk over the wire: the real daemon, the simulated broker, every fault it has on its buttons."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from desk import KEY, LIVE, Desk, play
from tradewarden.feed.brokers.kite import KiteStream
from tradewarden.machines.statechart import FaultError
from tradewarden.orchestrator.clock import IST
from tradewarden.orchestrator.coupling import Coupling
from virtual_time import VirtualClock


def test_a_token_that_another_program_saves_is_dialled_within_a_second_without_any_restart(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        assert desk.picture.headline.code == "auth.required"
        desk.save_token(desk.broker.mint())
        saved = desk.clock.now()
        await desk.until_feed("connected")
        assert desk.clock.now() - saved < timedelta(seconds=1)
        await desk.until_headline("market.live")

    play(tmp_path, LIVE, scene, token=False)


def test_a_newer_token_does_not_disturb_a_stream_that_ticks_and_is_used_for_the_next_dial(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        fresh = desk.broker.mint()
        desk.save_token(fresh)
        await desk.until(lambda picture: picture.auth.generation == 2 and picture.auth.state == "valid")
        assert desk.dials() == 1
        desk.broker.do("drop_socket")
        await desk.until(lambda picture: picture.feed.state != "streaming")
        await desk.until_feed("streaming")
        assert desk.parts.feed.machine.token is not None
        assert desk.parts.feed.machine.token.value == fresh

    play(tmp_path, LIVE, scene)


def test_a_dead_token_costs_one_dial_and_one_question_and_then_the_desk_waits_for_a_person(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        desk.broker.do("expire_token")
        desk.broker.do("drop_socket")
        picture = await desk.until_headline("auth.required")
        assert (picture.auth.state, picture.feed.state) == ("expired", "blocked_on_auth")
        dials = desk.dials()
        assert dials == 2
        await asyncio.sleep(3600)
        assert desk.dials() == dials
        desk.save_token(desk.broker.mint())
        await desk.until_headline("market.live")
        assert desk.dials() == dials + 1

    play(tmp_path, LIVE, scene)


def test_a_stream_that_ticks_outlives_its_token(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        desk.broker.do("expire_token")
        await desk.parts.auth.verify()
        assert desk.picture.auth.state == "expired"
        ticks = desk.picture.feed.ticks_total
        await asyncio.sleep(60)
        assert desk.picture.feed.state == "streaming"
        assert desk.picture.feed.ticks_total > ticks

    play(tmp_path, LIVE, scene)


def test_heartbeats_without_ticks_are_stale_after_ten_seconds_and_a_reconnect_follows(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        desk.broker.world.change({"ticks": "none"})
        picture = await desk.until_feed("stale")
        assert picture.feed.last_tick_at is not None
        assert (desk.clock.now() - picture.feed.last_tick_at).total_seconds() == pytest.approx(10, abs=0.05)
        assert (picture.headline.code, picture.headline.severity) == ("feed.stale", "critical")
        await desk.until_feed("backing_off")
        assert (desk.clock.now() - picture.now).total_seconds() == pytest.approx(5, abs=0.05)
        desk.broker.world.change({"ticks": "flowing"})
        await desk.until_headline("market.live", within=60)

    play(tmp_path, LIVE, scene)


def test_a_blackhole_is_noticed_by_its_missing_heartbeats(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        desk.broker.world.change({"socket": "blackhole"})
        picture = await desk.until(lambda picture: picture.feed.state != "streaming")
        assert picture.feed.last_tick_at is not None
        assert (desk.clock.now() - picture.feed.last_tick_at).total_seconds() < 6
        assert picture.feed.reason == "mute"
        await asyncio.sleep(120)
        desk.broker.world.change({"socket": "accept"})
        await desk.until_feed("streaming", within=60)

    play(tmp_path, LIVE, scene)


def test_after_a_429_nobody_knocks_for_a_minute_not_even_with_a_new_token(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        desk.broker.world.change({"socket": "429"})
        desk.broker.do("drop_socket")
        await desk.until(lambda picture: picture.feed.reason == "rate_limited")
        turned_away, dials = desk.clock.now(), desk.dials()
        desk.broker.world.change({"socket": "accept"})
        desk.save_token(desk.broker.mint())
        await desk.until_feed("connected", within=120)
        assert desk.clock.now() - turned_away >= timedelta(seconds=60)
        assert desk.dials() == dials + 1

    play(tmp_path, LIVE, scene)


def test_a_refusal_that_the_probe_contradicts_costs_one_dial_a_minute(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        desk.broker.world.change({"socket": "403"})
        desk.broker.do("drop_socket")
        await desk.until(lambda picture: picture.feed.reason == "refused" and picture.feed.state == "backing_off")
        dials = desk.dials()
        await asyncio.sleep(300)
        assert 4 <= desk.dials() - dials <= 5
        assert desk.picture.auth.state == "valid"
        desk.broker.world.change({"socket": "accept"})
        await desk.until_headline("market.live", within=70)

    play(tmp_path, LIVE, scene)


def test_a_400_costs_one_dial_until_somebody_asks_for_a_reload(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        stream = desk.parts.stream
        assert isinstance(stream, KiteStream)
        stream._api_key = ""
        desk.broker.do("drop_socket")
        await desk.until(lambda picture: picture.feed.reason == "configuration")
        dials = desk.dials()
        await asyncio.sleep(600)
        assert desk.dials() == dials
        assert "Check kite.api_key" in (await desk.health())[1]["headline"]["detail"]
        stream._api_key = KEY
        desk.parts.reload()
        await desk.until_feed("streaming")

    play(tmp_path, LIVE, scene)


def test_a_fault_of_the_machines_while_a_socket_opens_stops_the_daemon(tmp_path: Path) -> None:
    class Restless(Coupling):
        def handshake_accepted(self, gen: int) -> None:
            raise FaultError(f"socket {gen}: auth and feed do not come to rest")

    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        desk.parts.feed.attach(desk.parts.stream, Restless())
        desk.broker.do("drop_socket")
        await asyncio.sleep(30)

    with pytest.raises(ExceptionGroup) as raised:
        play(tmp_path, LIVE, scene)
    assert raised.group_contains(FaultError, match="do not come to rest")


def test_malformed_frames_are_counted_and_the_connection_is_kept(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        for _ in range(12):
            desk.broker.do("malformed_frame")
            await asyncio.sleep(1)
        assert sum(desk.picture.feed.bad_frames_total.values()) >= 10
        assert desk.picture.headline.code == "market.live"
        assert desk.dials() == 1

    play(tmp_path, LIVE, scene)


def test_the_stream_is_measured_while_it_flows(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        await asyncio.sleep(30)
        assert 14 <= desk.parts.feed.quality.ticks_per_second <= 16  # three instruments, five times a second
        lags = desk.picture.feed.lag
        assert 0 <= lags[0.5] <= lags[0.99] < 1.5
        async with desk.client.get(f"{desk.url}/metrics") as answer:
            assert 'tradewarden_feed_lag_seconds{quantile="0.5"}' in await answer.text()

    play(tmp_path, LIVE, scene)


def test_ticks_that_only_drip_are_still_ticks(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        desk.broker.world.change({"drip_ms": 400})
        await asyncio.sleep(120)
        assert desk.picture.headline.code == "market.live"

    play(tmp_path, LIVE, scene, tick_seconds=1.0)


def test_a_broker_in_trouble_is_asked_again_and_never_called_a_dead_token(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        desk.broker.world.change({"http": "500"})
        assert (await desk.parts.auth.verify()).verdict == "unreachable"
        desk.broker.world.change({"http": "ok", "profile": "throttled"})
        assert (await desk.parts.auth.verify()).verdict == "unreachable"
        assert desk.picture.auth.state == "valid"

    play(tmp_path, LIVE, scene)


@pytest.mark.parametrize("fault", [{"socket": "refuse"}, {"socket": "blackhole"}])
def test_a_long_outage_is_never_given_up_and_heals_within_the_cap(tmp_path: Path, fault: dict[str, str]) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        desk.broker.world.change(fault)
        desk.broker.do("drop_socket")
        await asyncio.sleep(1800)
        assert desk.picture.feed.state != "streaming"
        desk.broker.world.change({"socket": "accept"})
        await desk.until_feed("streaming", within=45)

    play(tmp_path, LIVE, scene, tick_seconds=1.0)


def test_a_dial_that_is_cut_off_is_one_dial(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        desk.broker.world.change({"socket": "refuse"})
        desk.broker.do("drop_socket")
        await asyncio.sleep(120)
        assert desk.dials() == desk.parts.feed.machine.gen

    play(tmp_path, LIVE, scene, tick_seconds=1.0)


def test_there_is_never_more_than_one_socket(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        for _ in range(8):
            desk.broker.do("drop_socket")
            desk.save_token(desk.broker.mint())
            await asyncio.sleep(2)
            sockets = desk.broker.state()["sockets"]
            assert isinstance(sockets, int)
            assert sockets <= 1
        await desk.until_feed("streaming", within=40)

    play(tmp_path, LIVE, scene)


def test_a_corrupt_token_file_is_kept_aside_and_a_login_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "token.json").write_text("{half a tok")

    async def scene(desk: Desk) -> None:
        assert desk.picture.headline.code == "auth.required"
        assert not list(tmp_path.glob("token.json"))
        assert [file.read_text() for file in tmp_path.glob("token.json.corrupt-*")] == ["{half a tok"]

    play(tmp_path, LIVE, scene, token=False)


def test_a_day_from_half_past_eight_to_half_past_four(tmp_path: Path) -> None:
    """Login at 08:50, ticks from nine, a drop at noon, nobody alarmed in quiet phases, closed without a fuss."""
    story: list[tuple[str, str]] = []
    opening = datetime(2026, 11, 23, 8, 30, tzinfo=IST)

    async def scene(desk: Desk) -> None:
        clock = desk.clock
        assert isinstance(clock, VirtualClock)

        def at(hour: int, minute: int) -> datetime:
            return opening.replace(hour=hour, minute=minute)

        desk.parts.reports.subscribe(lambda picture: story.append((f"{picture.now:%H:%M}", picture.headline.code)))
        await clock.until(at(8, 50))
        desk.save_token(desk.broker.mint())
        await clock.until(at(12, 0))
        desk.broker.do("drop_socket")
        await clock.until(at(16, 30))
        assert desk.picture.feed.state == "halted"
        assert desk.dials() == 2
        assert desk.picture.feed.reconnects_total == 1

    play(tmp_path, opening, scene, token=False, tick_seconds=1.0, instruments=(256265,))
    headlines = [line for i, line in enumerate(story) if i == 0 or line[1] != story[i - 1][1]]
    assert headlines == [
        ("08:40", "auth.required"),
        ("08:50", "auth.checking"),
        ("08:50", "market.closed"),
        ("09:00", "market.pre_open"),
        ("09:15", "market.live"),
        ("12:00", "feed.backing_off"),
        ("12:00", "feed.connecting"),
        ("12:00", "market.live"),
        ("15:40", "market.post_close"),  # until then NFO is live and expects more than the closing auction does
        ("16:00", "market.closed"),
        ("16:30", "system.stopping"),
    ]
