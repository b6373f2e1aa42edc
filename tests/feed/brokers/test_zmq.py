"""A desk that listens to another desk's ZeroMQ publisher."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from buses import running, seqs
from servers.process import free_port
from sink_contract import frames
from tiny_kite import Listener
from tradewarden.feed.brokers import zmq as zmq_broker
from tradewarden.feed.brokers.bus import BusStream
from tradewarden.feed.brokers.zmq import ZmqSource
from tradewarden.feed.sinks.zmq import ZmqSink


@pytest.fixture
async def publisher() -> AsyncIterator[ZmqSink]:
    sink = ZmqSink(port=free_port())
    await sink.open()
    yield sink
    await sink.close()


def stream(publisher: ZmqSink, listener: Listener) -> BusStream:
    url = f"tcp://127.0.0.1:{publisher._ports['kite_frames']}"
    return BusStream(ZmqSource(url), subscriptions={}, events=listener)


async def heard(publisher: ZmqSink) -> None:
    """The subscription has reached the publisher."""
    async with asyncio.timeout(10):
        while not publisher.wanted("kite_frames"):  # noqa: ASYNC110 - a socket has no event for it
            await asyncio.sleep(0.005)


async def test_what_is_published_is_read_in_order(publisher: ZmqSink, listener: Listener) -> None:
    async with running(stream(publisher, listener)):
        await heard(publisher)
        for first in range(1, 501, 100):
            await publisher.write(frames(first, 100))
        await listener.until_told("ticks", 10)
    assert seqs(listener) == list(range(1, 501, 50))


async def test_a_publisher_that_goes_is_lost_and_the_next_dial_finds_it_again(
    publisher: ZmqSink, listener: Listener
) -> None:
    reader = stream(publisher, listener)
    async with running(reader) as first:
        await heard(publisher)
        await publisher.write(frames(1, 50))
        await listener.until_told("ticks")
        await publisher.close()
        _, _, reason, detail = await listener.until_told("lost")
        await first
    assert (reason, "went away" in detail) == ("network", True)
    await publisher.open()
    async with running(reader, gen=2):
        await listener.until_told("opened", 2)
        await heard(publisher)
        await publisher.write(frames(101, 50))
        await listener.until_told("ticks", 2)
    assert seqs(listener) == [1, 101]
    assert reader.missed == 50


async def test_nobody_there_is_lost_after_the_patience(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zmq_broker, "DIAL", 0.2)
    source = ZmqSource(f"tcp://127.0.0.1:{free_port()}")
    async with running(BusStream(source, subscriptions={}, events=listener)):
        _, _, reason, detail = await listener.until_told("lost")
    assert reason == "network"
    assert "no ZeroMQ publisher" in detail


async def test_an_address_that_is_none_is_told(listener: Listener) -> None:
    async with running(BusStream(ZmqSource("tcp://"), subscriptions={}, events=listener)):
        _, _, reason, detail = await listener.until_told("lost")
    assert (reason, "no address" in detail) == ("server", True)
