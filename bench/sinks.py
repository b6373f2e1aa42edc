"""What carrying the journal costs: the daemon's memory with its stores, each sink's alone, and how soon a tick is safe.

A simulated broker streams full ticks, each instrument once a second, all in one burst. First `tradewarden run` carries
SQLite, Redis and MariaDB beside the journal, MariaDB set to latency (a batch waits 1 ms): its memory with the 128
instruments of the original and with 3,000, and the time from receipt to commit as `/api/sinks` tells it. Then every
sink is a process of its own, `tradewarden sink NAME`, for the 3,000. Real servers of Debian on loopback. The processes
of ours run in an environment of `requirements/stores.txt` alone, as an installation has it. MB are millions of bytes.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from broker import Broker, simulated
from measured_desk import LIVE, Daemon, daemon_process
from process import HERE, rss_mb, running
from result import Figure, Run, say

sys.path.insert(0, str(HERE.parent / "tests" / "support"))

from servers.influxdb import Influxdb
from servers.mariadb import PASSWORD, USER, Mariadb
from servers.nats import nats_server
from servers.redis import redis_server

PYTHON = HERE.parent / ".venv-bench/stores/bin/python"
FEW, MANY = 128, 3000  # instruments
SETTLING, STREAMED = 15.0, 45.0  # seconds
ALONE = ("sqlite", "redis", "mysql", "influx", "zmq", "nats")
INSIDE = ("sqlite", "redis", "mysql")


def tables(values: dict[str, dict[str, Any]], names: tuple[str, ...], process: str) -> str:
    """The settings of these sinks; the others are off."""
    lines = []
    for name in ALONE:
        told = values[name] if name in names else {}
        lines += [f"[sinks.{name}]", f"enabled = {json.dumps(name in names)}", f'process = "{process}"']
        lines += [f"{key} = {json.dumps(value)}" for key, value in told.items()]
    return "\n".join([*lines, "[sinks.parquet]", "enabled = false", ""])


@asynccontextmanager
async def servers(folder: Path) -> AsyncIterator[dict[str, dict[str, Any]]]:
    """All of them, and how each sink reaches its own."""
    for name in ("mariadb", "influxdb"):
        (folder / name).mkdir()
    mariadb, influxdb = Mariadb(folder / "mariadb"), Influxdb(folder / "influxdb")
    mariadb.start()
    influxdb.start()
    try:
        await mariadb.ask("CREATE DATABASE desk CHARACTER SET utf8mb4")
        await influxdb.ask('CREATE DATABASE "desk"')
        async with redis_server(folder / "redis") as redis, nats_server(folder / "nats") as nats:
            yield {
                "sqlite": {},
                "redis": {"url": redis.url},
                "mysql": {
                    "port": mariadb.port,
                    "user": USER,
                    "password": PASSWORD,
                    "database": "desk",
                    "batch": 50,
                    "seconds": 0.001,
                },
                "influx": {"url": influxdb.url, "database": "desk"},
                "zmq": {"port": 15555},
                "nats": {"url": nats.url},
            }
    finally:
        mariadb.kill()
        influxdb.kill()


async def _inside(run: Run, broker: Broker, values: dict[str, dict[str, Any]], count: int) -> None:
    """The daemon carries them itself."""
    more = tables(values, INSIDE, "daemon")
    desk = daemon_process(LIVE, broker, count=count, token=await broker.mint(), more=more, python=PYTHON)
    async with desk as daemon:
        await daemon.until_streaming()
        await asyncio.sleep(SETTLING + STREAMED)
        run.add(
            Figure(
                name=f"RSS of the daemon with journal, SQLite, Redis and MariaDB sinks, {count:,} instruments",
                value=rss_mb(daemon.pid),
                unit="MB",
                samples=1,
                at_most=75.0,
            )
        )
        for sink in await _told(daemon):
            run.add(
                Figure(
                    name=f"receipt to commit, {sink['name']}, {count:,} instruments, p50",
                    value=1000 * sink["commitSeconds"]["p50"],
                    unit="ms",
                    samples=1,
                    note=f"p99 {1000 * sink['commitSeconds']['p99']:.1f} ms",
                )
            )


async def _told(daemon: Daemon) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(await daemon.get("/api/sinks"))["sinks"]
    wrong = [sink for sink in told if sink["state"] != "writing"]
    if wrong or len(told) != len(INSIDE):
        raise RuntimeError(f"not every sink writes: {told}")
    return told


async def _apart(run: Run, broker: Broker, values: dict[str, dict[str, Any]]) -> None:
    """Each in a process of its own."""
    more = tables(values, ALONE, "own")
    desk = daemon_process(LIVE, broker, count=MANY, token=await broker.mint(), more=more, python=PYTHON)
    async with desk as daemon, AsyncExitStack() as stack:
        await daemon.until_streaming()
        processes: dict[str, Process] = {}
        for name in ALONE:
            command = (
                str(PYTHON),
                "-m",
                "tradewarden",
                "sink",
                name,
                "--config",
                str(daemon.state / "tradewarden.toml"),
            )
            env = {**os.environ, "STATE_DIRECTORY": str(daemon.state), "PYTHONPATH": ""}
            processes[name] = await stack.enter_async_context(running(*command, env=env))
        await asyncio.sleep(SETTLING + STREAMED)
        for name, process in processes.items():
            if process.returncode is not None:
                raise RuntimeError(f"the process of sink {name} ended with {process.returncode}")
            run.add(Figure(name=f"RSS of sink {name}", value=rss_mb(process.pid), unit="MB", samples=1, at_most=50.0))


async def _all() -> None:
    run = Run(__file__)
    say("sinks.py: two minutes into three stores, another into six")
    with tempfile.TemporaryDirectory(prefix="tradewarden-bench-", dir="/var/tmp") as folder:
        async with servers(Path(folder)) as values, simulated(LIVE, tick_seconds=1.0) as broker:
            for count in (FEW, MANY):
                await _inside(run, broker, values, count)
            await _apart(run, broker, values)
    run.keep()


if __name__ == "__main__":
    asyncio.run(_all())
