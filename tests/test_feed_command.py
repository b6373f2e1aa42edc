"""`tradewarden feed` and `tradewarden sink NAME --from redis`, as a person types them."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from servers.process import free_port
from servers.redis import redis_server
from sink_contract import frames
from tradewarden.__main__ import main
from tradewarden.feed.sinks.redis import RedisSink
from tradewarden.feed.sinks.zmq import ZmqSink


@asynccontextmanager
async def command(folder: Path, *words: str) -> AsyncIterator[Process]:
    environment = {**os.environ, "STATE_DIRECTORY": str(folder)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tradewarden", *words, stdout=PIPE, stderr=PIPE, env=environment, cwd=folder
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_a_redis_bus_is_told_tick_by_tick_until_there_were_enough(tmp_path: Path) -> None:
    async with redis_server(tmp_path / "redis") as server:
        sink = RedisSink(url=server.url)
        await sink.open()
        async with command(tmp_path, "feed", "redis", "--url", server.url, "--count", "75") as process:
            async with asyncio.timeout(20):
                while "xread" not in str(await server.ask("CLIENT", "LIST")):  # noqa: ASYNC110 - only the server knows
                    await asyncio.sleep(0.02)
                await sink.write(frames(1, 100))
                out, err = await process.communicate()
        await sink.close()
    told = [json.loads(line) for line in out.splitlines()]
    assert (process.returncode, err) == (0, b"")
    assert [tick["seq"] for tick in told] == list(range(1, 76))
    assert {"instrument", "symbol", "received_at", "exchange_at", "last_price", "depth"} <= set(told[0])


async def test_a_zmq_bus_is_told_as_well(tmp_path: Path) -> None:
    sink = ZmqSink(port=free_port())
    await sink.open()
    try:
        url = f"tcp://127.0.0.1:{sink._ports['kite_frames']}"
        async with command(tmp_path, "feed", "zmq", "--url", url, "--count", "3") as process:
            async with asyncio.timeout(20):
                while not sink.wanted("kite_frames"):  # noqa: ASYNC110 - a socket has no event for it
                    await asyncio.sleep(0.02)
                await sink.write(frames(1, 100))
                out, _ = await process.communicate()
    finally:
        await sink.close()
    assert [json.loads(line)["seq"] for line in out.splitlines()] == [1, 2, 3]


def test_a_bus_that_is_not_there_is_a_sentence_and_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    assert main(["feed", "redis", "--url", f"redis://127.0.0.1:{free_port()}/0"]) == 1
    assert "cannot be reached" in capsys.readouterr().err


def test_a_store_that_wants_its_ticks_in_order_has_no_fleet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    monkeypatch.setattr("tradewarden.log.configure", lambda *_: None)
    assert main(["sink", "sqlite", "--from", "redis"]) == 78
    assert "in order" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["feed", "kafka"], ["feed", "redis", "--count", "0"], ["sink", "mysql", "--group", "a b"]]
)
def test_what_makes_no_sense_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(words)
    assert "tradewarden" in capsys.readouterr().err
