"""The programs that the pages of the buses show, run against real buses."""

import asyncio
import re
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from servers.nats import nats_server
from servers.process import free_port
from servers.redis import redis_server
from sink_contract import frames
from tradewarden.feed.sinks.nats import NatsSink
from tradewarden.feed.sinks.redis import RedisSink
from tradewarden.feed.sinks.zmq import ZmqSink

PAGES = Path(__file__).parents[1] / "docs" / "sinks"


def program(page: str, port: int) -> list[str]:
    (found,) = re.findall(r"```python\n(.*?)```", (PAGES / page).read_text(), re.DOTALL)
    return [sys.executable, "-c", found.replace("PORT", str(port))]


async def said(command: list[str]) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


async def test_the_program_of_the_redis_page_reads_the_stream(tmp_path: Path) -> None:
    async with redis_server(tmp_path / "redis") as server:
        sink = RedisSink(url=server.url)
        await sink.open()
        await sink.write(frames(1, 20))
        await sink.close()
        assert len((await said(program("redis.md", server.port))).splitlines()) == 20


async def test_the_program_of_the_nats_page_reads_the_stream(tmp_path: Path) -> None:
    async with nats_server(tmp_path / "nats") as server:
        sink = NatsSink(url=server.url)
        await sink.open()
        await sink.write(frames(1, 20))
        await sink.close()
        assert await said(program("nats.md", server.port)) == "1 20\n"


@pytest.mark.parametrize("topic", ["kite_tick"])
async def test_the_program_of_the_zmq_page_hears_a_tick(topic: str) -> None:
    port = free_port()
    sink = ZmqSink(port=free_port(), tick_port=port, depth_port=free_port(), json_ticks=True)
    await sink.open()
    saying = asyncio.ensure_future(said(program("zmq.md", port)))
    async with asyncio.timeout(20):
        while not sink.wanted(topic):  # noqa: ASYNC110 - a socket has no event for it
            await asyncio.sleep(0.01)
    await sink.write(frames(7, 1))
    assert "'seq': 7" in await saying
    await sink.close()
