"""A whole desk measures what flows while somebody wants to know, and hangs up everywhere when it stops."""

from __future__ import annotations

import asyncio
from pathlib import Path

from desk import LIVE, running_desk
from servers.influxdb import influxdb
from servers.redis import redis_server
from tradewarden.orchestrator.clock import ShiftedClock
from tradewarden.settings import SinksSettings

SOURCES = ("feed", "redis:ticks", "influx:ticks")


async def test_flows_are_measured_at_each_beat_and_let_go_at_the_end(tmp_path: Path) -> None:
    influx = influxdb()
    database = await influx.new_database()
    async with redis_server(tmp_path / "redis") as redis:
        await redis.ask("XADD", "ticks", "*", "f", "1")
        none = {"sqlite": {"enabled": False}, "parquet": {"enabled": False}}
        sinks = SinksSettings.model_validate(
            none | {"redis": {"url": redis.url}, "influx": {"url": influx.url, "database": database}}
        )
        async with running_desk(tmp_path, ShiftedClock(LIVE), sinks=sinks) as desk:
            await desk.until_feed("streaming")
            flows = desk.parts.flows
            async with asyncio.timeout(15):
                while not flows.rate("feed") or any(flows.rate(source) is None for source in SOURCES):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            assert (flows.rate("redis:ticks"), flows.rate("influx:ticks")) == (0, 0)
            clients = await redis.ask("CLIENT", "LIST")
            assert str(clients).count("cmd=xinfo") == 1
        clients = await redis.ask("CLIENT", "LIST")
        assert str(clients).count("cmd=xinfo") == 0
