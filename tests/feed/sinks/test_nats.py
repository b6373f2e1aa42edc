"""NATS over the wire: the server keeps each tick once whatever comes late, and what it refuses is told apart."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.js.api import DiscardPolicy, StreamConfig

from servers.nats import NatsProcess, nats_server
from servers.process import ServerProcess, free_port, greets, need
from sink_contract import frames
from tradewarden.feed import bus
from tradewarden.feed.sinks import nats as module
from tradewarden.feed.sinks.nats import NatsSink
from tradewarden.feed.sinks.sink import SinkMisfitError, SinkUnavailableError, Written


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsProcess]:
    async with nats_server(tmp_path / "nats") as running:
        yield running


@pytest.fixture
async def client(server: NatsProcess) -> AsyncIterator[Any]:
    client = await nats.connect(server.url, allow_reconnect=False)
    yield client
    await client.close()


async def opened(server: NatsProcess, **settings: Any) -> NatsSink:
    sink = NatsSink(url=server.url, **settings)
    await sink.open()
    return sink


async def test_a_message_has_at_most_five_hundred_ticks_and_says_which(server: NatsProcess, client: Any) -> None:
    sink = await opened(server)
    await sink.write(frames(1, 1200))
    stream = client.jetstream()
    state = (await stream.stream_info("kite_frames")).state
    some = [await stream.get_msg("kite_frames", seq=n) for n in range(1, state.last_seq + 1)]
    assert [message.headers["Nats-Msg-Id"] for message in some] == ["1", "501", "1001"]
    assert [message.headers["Tradewarden-Last"] for message in some] == ["500", "1000", "1200"]
    assert [frame for message in some for frame in bus.frames(message.data)] == frames(1, 1200)
    (told,) = await sink.tables()
    assert (told.name, told.rows) == ("kite_frames", 1200)
    await sink.close()


async def test_what_comes_late_from_a_connection_that_was_given_up_is_refused(server: NatsProcess) -> None:
    slow, sink = await opened(server), await opened(server)
    await sink.write(frames(1, 100))
    with pytest.raises(SinkUnavailableError, match="went on"):
        await slow.write(frames(1, 70))  # known by its ID
    with pytest.raises(SinkUnavailableError, match="went on"):
        await slow.write(frames(51, 100))  # not behind the message that it names
    assert await slow.position() == 100
    assert await slow.write(frames(51, 100)) == Written(100)
    await slow.close()
    await sink.close()


async def test_a_stream_that_has_let_go_of_all_cannot_tell_how_far_it_was(server: NatsProcess, client: Any) -> None:
    sink = await opened(server)
    await sink.write(frames(1, 100))
    await client.jetstream().purge_stream("kite_frames")
    assert await sink.position() is None
    assert (await sink.tables())[0].rows == 0
    await sink.write(frames(101, 100))
    assert await sink.position() == 200
    await sink.close()


async def test_the_stream_gets_the_limits_of_the_settings(server: NatsProcess, client: Any) -> None:
    await (await opened(server)).close()
    await (await opened(server, keep_hours=1, keep_gb=0.5, duplicate_minutes=3)).close()
    held = (await client.jetstream().stream_info("kite_frames")).config
    assert (held.max_age, held.max_bytes, held.duplicate_window) == (3600, 500_000_000, 180)


async def test_a_stream_that_does_not_take_our_subject_is_a_misfit(server: NatsProcess, client: Any) -> None:
    await client.jetstream().add_stream(StreamConfig(name="kite_frames", subjects=["something.else"]))
    sink = NatsSink(url=server.url)
    with pytest.raises(SinkMisfitError, match="does not take the subject"):
        await sink.open()
    await sink.close()


async def test_a_message_of_somebody_else_is_a_misfit(server: NatsProcess, client: Any) -> None:
    sink = await opened(server)
    await client.jetstream().publish("kite.frames", b"junk")
    with pytest.raises(SinkMisfitError, match="not ours"):
        await sink.position()
    await sink.close()


async def test_a_server_without_jetstream_is_a_misfit(tmp_path: Path) -> None:
    need("nats-server", "nats-server")
    port = free_port()

    async def answers() -> bool:
        return await greets(port, b"", b"INFO")

    server = ServerProcess(["nats-server", "--addr", "127.0.0.1", "--port", str(port)], tmp_path / "log", answers)
    await server.start()
    sink = NatsSink(url=f"nats://127.0.0.1:{port}")
    try:
        with pytest.raises(SinkMisfitError, match="-js"):
            await sink.open()
    finally:
        await sink.close()
        await server.kill()


async def test_a_full_stream_is_a_misfit_that_says_so(server: NatsProcess, client: Any) -> None:
    await client.jetstream().add_stream(
        StreamConfig(name="kite_frames", subjects=["kite.frames"], max_msgs=1, discard=DiscardPolicy.NEW)
    )
    sink = await opened(server)
    await sink.write(frames(1, 10))
    with pytest.raises(SinkMisfitError, match="full"):
        await sink.write(frames(11, 10))
    await sink.close()


async def test_a_server_that_says_nothing_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.3)
    listener = await asyncio.start_server(lambda *_: asyncio.sleep(5), "127.0.0.1", 0)
    sink = NatsSink(url=f"nats://127.0.0.1:{listener.sockets[0].getsockname()[1]}")
    with pytest.raises(SinkUnavailableError):
        async with asyncio.timeout(5):
            await sink.open()
    await sink.close()
    listener.close()
