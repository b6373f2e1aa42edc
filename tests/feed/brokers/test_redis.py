"""A desk that lives off another desk's Redis: what came there comes here, once and in order, through kills too."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from buses import running, seqs, tokens
from servers.redis import RedisProcess, redis_server
from sink_contract import frames
from ticks import frames as mixed
from tiny_kite import Listener
from tradewarden.feed import bus
from tradewarden.feed.brokers.bus import BusStream
from tradewarden.feed.brokers.redis import RedisSource
from tradewarden.feed.record import Frame, rows
from tradewarden.feed.sinks.redis import RedisSink
from tradewarden.feed.tick import Mode


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RedisProcess]:
    async with redis_server(tmp_path / "redis") as running_server:
        yield running_server


@pytest.fixture
async def sink(server: RedisProcess) -> AsyncIterator[RedisSink]:
    sink = RedisSink(url=server.url)
    await sink.open()
    yield sink
    await sink.close()


def stream(server: RedisProcess, listener: Listener, *wanted: int) -> BusStream:
    modes = dict.fromkeys(wanted, Mode.FULL)
    return BusStream(RedisSource(server.url), subscriptions=modes, events=listener)


async def test_what_the_first_desk_received_comes_with_its_numbers_and_both_times(
    server: RedisProcess, sink: RedisSink, listener: Listener
) -> None:
    await sink.write(frames(1, 100))  # before anybody listened: not for us
    async with running(stream(server, listener)):
        await listener.until_told("opened")
        some = mixed(300, first_seq=101)
        await sink.write(some)
        await listener.until_told("ticks", len(some))
        assert seqs(listener) == [frame.first_seq for frame in some]
        assert tokens(listener) == [row.instrument for row in rows(some)]
        received = [told[2] for told in listener.of("ticks")]
        assert [ticks.received_ns for ticks in received] == [frame.received_ns for frame in some]
        assert received[0][0].to_kite_dict() == bus.received(some[0])[0].to_kite_dict()
    assert listener.of("lost") == []  # it was closed by us


async def test_only_the_instruments_that_are_wanted_here_are_handed_on(
    server: RedisProcess, sink: RedisSink, listener: Listener
) -> None:
    some = frames(1, 70, each=7)
    first, second, *_ = (row.instrument for row in rows(some))
    reader = stream(server, listener, first)
    async with running(reader):
        await listener.until_told("opened")
        await sink.write(some[:5])
        await listener.until_told("ticks", 5)
        reader.set_subscriptions({second: Mode.LTP})
        await sink.write(some[5:])
        await listener.until_told("ticks", 10)
        assert tokens(listener) == [first] * 5 + [second] * 5


async def test_after_a_kill_of_the_server_it_goes_on_where_it_was(
    server: RedisProcess, sink: RedisSink, listener: Listener
) -> None:
    reader = stream(server, listener)
    async with running(reader) as first:
        await listener.until_told("opened")
        await sink.write(frames(1, 200))
        await listener.until_told("ticks", 4)
        await server.kill()
        assert (await listener.until_told("lost"))[:3] == ("lost", 1, "network")
        await first
    await server.start()
    await sink.open()
    await sink.write(frames(201, 200))
    async with running(reader, gen=2):
        await listener.until_told("ticks", 8)
    assert seqs(listener) == list(range(1, 401, 50))
    assert [gen for _, gen, *_ in listener.of("ticks")] == [1] * 4 + [2] * 4


async def test_ticks_that_the_stream_let_go_of_are_counted(
    server: RedisProcess, sink: RedisSink, listener: Listener
) -> None:
    reader = stream(server, listener)
    async with running(reader):
        await listener.until_told("opened")
        await sink.write(frames(1, 50))
        await listener.until_told("ticks")
    await sink.write(frames(51, 100))
    await sink.write(frames(151, 50))
    await server.ask("XTRIM", "kite:frames", "MAXLEN", "1")
    async with running(reader, gen=2):
        await listener.until_told("ticks", 2)
    assert reader.missed == 100
    assert listener.of("bad_frame") == [("bad_frame", 2, "missed")]


async def test_a_stream_that_was_begun_anew_is_read_from_its_beginning(
    server: RedisProcess, sink: RedisSink, listener: Listener
) -> None:
    reader = stream(server, listener)
    async with running(reader):
        await listener.until_told("opened")
        await sink.write(frames(5001, 50))
        await listener.until_told("ticks")
    await server.ask("DEL", "kite:frames")
    await sink.open()
    await sink.write(frames(1, 50))
    async with running(reader, gen=2):
        await listener.until_told("ticks", 2)
    assert seqs(listener) == [5001, 1]


async def test_a_message_that_is_none_of_ours_is_a_bad_frame_and_the_next_one_is_read(
    server: RedisProcess, sink: RedisSink, listener: Listener
) -> None:
    async with running(stream(server, listener)):
        await listener.until_told("opened")
        await server.ask("XADD", "kite:frames", "7-0", "f", "junk")
        await sink.open()
        await sink.write(frames(8, 10))
        await listener.until_told("ticks")
    assert listener.of("bad_frame") == [("bad_frame", 1, "message")]
    assert seqs(listener) == [8]


async def test_records_that_no_tick_can_hold_are_counted_and_the_rest_is_handed_on(
    server: RedisProcess, sink: RedisSink, listener: Listener
) -> None:
    async with running(stream(server, listener)):
        await listener.until_told("opened")
        await sink.open()
        whole = frames(1, 10)[0]
        await sink.write([Frame(1, 10, whole.received_ns, whole.records[:1] + b"\x0b" + whole.records[2:])])
        await listener.until_told("ticks")
    assert listener.of("bad_frame") == [("bad_frame", 1, "scale")]
    assert len(listener.of("ticks")[0][2]) == 9


async def test_a_quiet_bus_is_alive_and_a_dead_one_is_lost(server: RedisProcess, listener: Listener) -> None:
    async with running(stream(server, listener)):
        await listener.until_told("opened")
        await listener.until(lambda: listener.frames >= 2)
        await server.kill()
        assert (await listener.until_told("lost"))[2] == "network"
    async with running(stream(server, listener), gen=2):
        assert "cannot be reached" in (await listener.until_told("lost", 2))[3]


async def test_a_wrong_password_is_told_and_tried_again_by_whoever_dials(tmp_path: Path, listener: Listener) -> None:
    async with redis_server(tmp_path / "locked", "--requirepass", "secret") as locked:
        async with running(stream(locked, listener)):
            _, _, reason, detail = await listener.until_told("lost")
        assert reason == "server"
        assert "password" in detail


async def test_a_bug_of_the_listener_costs_a_bad_frame_and_not_the_stream(
    server: RedisProcess, sink: RedisSink, listener: Listener
) -> None:
    def stumble(_ticks: object) -> None:
        raise ValueError("a bug")

    listener.on_ticks = stumble
    async with running(stream(server, listener)):
        await listener.until_told("opened")
        await sink.write(frames(1, 100))
        await listener.until_told("ticks", 2)
        await listener.until_told("bad_frame", 2)
    assert listener.of("bad_frame") == [("bad_frame", 1, "callback")] * 2


async def test_a_second_dial_ends_the_first_and_a_close_before_the_first_step_counts(
    server: RedisProcess, listener: Listener
) -> None:
    reader = stream(server, listener)
    first = asyncio.ensure_future(reader.run(1, ""))
    await listener.until_told("opened")
    second = asyncio.ensure_future(reader.run(2, ""))
    await listener.until_told("opened", 2)
    await asyncio.wait({first}, timeout=5)
    third = reader.run(3, "")
    reader.close()
    await third
    await asyncio.wait({second}, timeout=5)
    assert [gen for _, gen in listener.of("opened")] == [1, 2]
    assert listener.of("lost") == []
    await reader.aclose()
