"""A real Redis hears of each new headline, once, and of those that came while it was away."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
from structlog.testing import capture_logs

from pictures import all_well, asks_for_a_login, lost
from servers.redis import RedisProcess, redis_server
from tradewarden.feed.redis_server import RedisServer
from tradewarden.http.banner import banner
from tradewarden.machines.report import Picture
from tradewarden.orchestrator.alert_stream import AlertStream
from tradewarden.settings import Settings
from tradewarden.settings_sinks import RedisSettings, SinksSettings
from tradewarden.wiring.alerts import tell_redis


class Scene:
    def __init__(self, server: RedisProcess) -> None:
        self.server = server
        self.deeds: list[asyncio.Task[None]] = []
        self.stream = AlertStream(RedisServer(server.url), self.spawn, broker="kite", words=banner)

    def spawn(self, deed: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        self.deeds.append(asyncio.create_task(deed, name=name))
        return self.deeds[-1]

    async def see(self, *pictures: Picture) -> None:
        for picture in pictures:
            self.stream.look(picture)
            await asyncio.gather(*self.deeds)

    async def entries(self) -> list[dict[str, Any]]:
        found = await self.server.ask("XRANGE", "kite:alerts:stream", "-", "+")
        return [orjson.loads(fields[b"data"]) for _, fields in found]


async def test_each_new_headline_is_told_once_in_words(tmp_path: Path) -> None:
    async with redis_server(tmp_path / "redis") as server:
        scene = Scene(server)
        await scene.see(all_well(), all_well(), replace(all_well(), seq=99), asks_for_a_login(), lost())
        told = await scene.entries()
        assert [each["code"] for each in told] == [
            picture.headline.code for picture in (all_well(), asks_for_a_login(), lost())
        ]
        assert told[1]["message"] == banner(asks_for_a_login()).text
        assert told[1]["type"] == "alert"
        assert {"layer", "severity", "status", "detail", "timestamp"} <= told[1].keys()


async def test_who_listens_hears_it_as_a_message(tmp_path: Path) -> None:
    async with redis_server(tmp_path / "redis") as server:
        scene = Scene(server)
        listener = RedisServer(server.url)
        await listener.open()
        await listener.ask("SUBSCRIBE", "kite:alerts")
        assert await server.ask("PUBSUB", "NUMSUB", "kite:alerts") == [b"kite:alerts", 1]
        await scene.see(lost())
        await listener.close()
        assert [each["code"] for each in await scene.entries()] == [lost().headline.code]


async def test_what_could_not_be_told_is_told_with_the_next_one(tmp_path: Path) -> None:
    async with redis_server(tmp_path / "redis") as server:
        scene = Scene(server)
        await server.kill()
        with capture_logs() as logs:
            await scene.see(lost(), asks_for_a_login())
        assert [line["event"] for line in logs] == ["redis.alert_waits"]
        await server.start()
        await scene.see(all_well())
        assert [each["code"] for each in await scene.entries()] == [
            picture.headline.code for picture in (lost(), asks_for_a_login(), all_well())
        ]


def test_a_running_desk_tells_its_headlines_where_the_originals_names_are_kept() -> None:
    settings = Settings(sinks=SinksSettings(redis=RedisSettings(enabled=True, originals=True)))
    reports = Subscribed()
    tell_redis(settings, reports, Scene.spawn)  # type: ignore[arg-type]
    assert len(reports.callbacks) == 1
    for other in (RedisSettings(enabled=True), RedisSettings(originals=True)):
        reports = Subscribed()
        tell_redis(Settings(sinks=SinksSettings(redis=other)), reports, Scene.spawn)  # type: ignore[arg-type]
        assert reports.callbacks == []


class Subscribed:
    def __init__(self) -> None:
        self.callbacks: list[object] = []

    def subscribe(self, callback: object) -> None:
        self.callbacks.append(callback)
