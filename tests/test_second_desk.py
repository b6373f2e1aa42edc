"""A desk that lives off another desk's bus: no login, the same ticks, and the same watch over their silence."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from pydantic import ValidationError

from desk import LIVE
from servers.redis import RedisProcess, redis_server
from tradewarden import daemon
from tradewarden.feed.record import Frame, pack
from tradewarden.feed.sinks.redis import RedisSink
from tradewarden.feed.sinks.sink import SinkUnavailableError
from tradewarden.feed.tick import FullTick
from tradewarden.machines.report import Picture
from tradewarden.orchestrator.calendar import load_calendar
from tradewarden.orchestrator.clock import Clock, ShiftedClock
from tradewarden.settings import FeedSettings, HttpSettings, Settings
from tradewarden.settings_sinks import SinksSettings, SqliteSettings

DEADLINE = 30.0


@asynccontextmanager
async def second_desk(url: str, state: Path, clock: Clock) -> AsyncIterator[daemon.Desk]:
    settings = Settings.model_construct(
        segments=["NSE_EQ"],
        feed=FeedSettings(source="redis", url=url),
        http=HttpSettings(port=0, admin_token="desktestadmin"),
        sinks=SinksSettings(sqlite=SqliteSettings(enabled=False)),
        state_dir=state,
    )
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(daemon.run(settings, load_calendar(None), clock, stop, ready.set_result))
    await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    try:
        yield ready.result()
    finally:
        stop.set()
        await task


async def first_desk(server: RedisProcess, clock: Clock) -> None:
    """What the sink of the first desk does all day."""
    sink = RedisSink(url=server.url)
    try:
        while True:
            with contextlib.suppress(SinkUnavailableError):
                await sink.open()
                await publish(sink, await sink.position() or 0, clock)
            await asyncio.sleep(0.05)
    finally:
        await sink.close()


async def publish(sink: RedisSink, seq: int, clock: Clock) -> None:
    while True:
        seq += 1
        now = clock.now().timestamp()
        tick = FullTick(738561, 150_000 + seq % 50, exchange_ts=int(now), volume=seq)
        await sink.write([Frame(seq, 1, int(now * 1e9), pack(tick))])
        await asyncio.sleep(0.05)


async def until(desk: daemon.Desk, code: str) -> Picture:
    arrived: asyncio.Future[Picture] = asyncio.get_running_loop().create_future()

    def look(picture: Picture) -> None:
        if picture.headline.code == code and not arrived.done():
            arrived.set_result(picture)

    desk.reports.subscribe(look)
    look(desk.reports.picture)
    async with asyncio.timeout(DEADLINE):
        return await arrived


async def test_it_streams_without_a_login_and_heals_when_the_bus_comes_back(tmp_path: Path) -> None:
    clock = ShiftedClock(LIVE)
    async with redis_server(tmp_path / "redis") as server:
        feeding = asyncio.create_task(first_desk(server, clock))
        async with second_desk(server.url, tmp_path, clock) as desk, aiohttp.ClientSession() as client:
            live = await until(desk, "market.live")
            assert (live.auth.state, live.feed.state) == ("valid", "streaming")
            assert live.auth.expires_at is None
            url = f"http://127.0.0.1:{desk.http.port}"
            async with client.get(f"{url}/api/system/health") as answer:
                assert answer.status == 200
            async with client.post(
                f"{url}/api/auth/logout", headers={"Authorization": "Bearer desktestadmin"}
            ) as answer:
                assert answer.status == 200
            desk.heartbeat.beats[0]()  # the next beat finds that nothing has changed
            assert desk.auth.machine.leaf in ("verifying", "valid")
            await until(desk, "market.live")
            await server.kill()
            await until(desk, "feed.backing_off")
            await server.start()
            assert (await until(desk, "market.live")).auth.state == "valid"
        feeding.cancel()
        await asyncio.wait({feeding})


@pytest.mark.parametrize("url", [None, "tcp://127.0.0.1:5555", "redis://user:secret-canary@host/0"])
def test_a_bus_without_its_address_is_refused(url: str | None) -> None:
    with pytest.raises(ValidationError) as caught:
        FeedSettings(source="redis", url=url)
    assert "canary" not in str(caught.value)
