"""The ZeroMQ publisher: topics and ports, nobody waits for a slow subscriber, and what it misses is counted."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import zmq
import zmq.asyncio

from servers.process import free_port
from sink_contract import frames
from tradewarden.feed.sinks.sink import SinkUnavailableError
from tradewarden.feed.sinks.zmq import ZmqSink

DEADLINE = 10.0
SOCKETS: list[Any] = []


@pytest.fixture
async def context() -> AsyncIterator[zmq.asyncio.Context]:
    made = zmq.asyncio.Context()
    SOCKETS.clear()
    yield made
    for socket in SOCKETS:
        socket.close(linger=0)
    made.term()


async def listening(sink: ZmqSink, topic: str) -> None:
    async with asyncio.timeout(DEADLINE):
        while not sink.wanted(topic):  # noqa: ASYNC110 - a socket has no event for it
            await asyncio.sleep(0.005)


async def subscribed(context: zmq.asyncio.Context, sink: ZmqSink, topic: str, **options: int) -> Any:
    socket = context.socket(zmq.SUB)
    SOCKETS.append(socket)
    for name, value in options.items():
        socket.setsockopt(getattr(zmq, name), value)
    socket.connect(f"tcp://127.0.0.1:{sink._ports[topic]}")
    socket.subscribe(topic.encode())
    await listening(sink, topic)
    return socket


async def heard(socket: Any) -> tuple[str, dict[str, Any]]:
    async with asyncio.timeout(DEADLINE):
        topic, data = await socket.recv_multipart()
    return topic.decode(), orjson.loads(data)


@pytest.fixture
async def sink() -> AsyncIterator[ZmqSink]:
    made = ZmqSink(port=free_port(), tick_port=free_port(), depth_port=free_port(), json_ticks=True, high_water=10)
    await made.open()
    yield made
    await made.close()


async def test_each_tick_and_each_order_book_is_a_message_on_its_topic(
    sink: ZmqSink, context: zmq.asyncio.Context
) -> None:
    ticks = await subscribed(context, sink, "kite_tick")
    books = await subscribed(context, sink, "kite_depth")
    await sink.write(frames(1, 3))
    told = [await heard(ticks) for _ in range(3)]
    assert [topic for topic, _ in told] == ["kite_tick"] * 3
    assert [tick["seq"] for _, tick in told] == [1, 2, 3]
    assert "depth" not in told[0][1]
    topic, book = await heard(books)
    assert topic == "kite_depth"
    assert set(book) == {"seq", "instrument", "received_at", "exchange_at", "buy", "sell"}


async def test_a_slow_subscriber_misses_messages_and_nobody_waits(sink: ZmqSink, context: zmq.asyncio.Context) -> None:
    quick = await subscribed(context, sink, "kite_frames", RCVHWM=0)
    slow = await subscribed(context, sink, "kite_frames", RCVHWM=1, RCVBUF=4096)
    took, got = 0.0, 0
    for first in range(1, 75_001, 500):
        begun = time.monotonic()
        await sink.write(frames(first, 500, each=500))
        took = max(took, time.monotonic() - begun)
        async with asyncio.timeout(DEADLINE):
            await quick.recv_multipart()  # it has them all
        got += 1
    assert (took < 1.0, got) == (True, 150)
    assert sink.dropped >= 1
    came = 0
    while await slow.poll(300):
        await slow.recv_multipart()
        came += 1
    assert came < 150


async def test_what_nobody_listens_to_is_not_made(sink: ZmqSink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradewarden.feed.sinks.zmq.told", lambda *_: pytest.fail("nobody wants it"))
    await sink.write(frames(1, 10))
    assert sink.dropped == 0


async def test_a_subscriber_that_goes_is_no_listener_any_more(sink: ZmqSink, context: zmq.asyncio.Context) -> None:
    socket = await subscribed(context, sink, "kite_tick")
    socket.close(linger=0)
    async with asyncio.timeout(DEADLINE):
        while sink.wanted("kite_tick"):  # noqa: ASYNC110 - a socket has no event for it
            await asyncio.sleep(0.005)


async def test_a_publisher_that_is_not_open_says_so() -> None:
    with pytest.raises(SinkUnavailableError):
        await ZmqSink().write(frames(1, 1))
