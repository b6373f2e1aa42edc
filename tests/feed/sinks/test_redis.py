"""Redis over the wire: what it refuses is told apart, its stream is right, and the originals' programs still read."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis

from servers.process import free_port
from servers.redis import RedisProcess, redis_server
from sink_contract import frames
from tradewarden.feed import bus
from tradewarden.feed.record import Frame, pack, rows
from tradewarden.feed.sinks.redis import FIELD, RedisSink
from tradewarden.feed.sinks.sink import SinkMisfitError, SinkUnavailableError, Written
from tradewarden.feed.tick import FullTick, IndexTick, LtpTick, QuoteTick

# What the original's readers take, and not one field more: they build their objects from it.
TICK = {"security_id", "exchange_segment", "ltp", "ltt", "received_at"}
QUOTE = TICK | {"ltq", "atp", "volume", "total_sell_qty", "total_buy_qty", "open_interest"}
QUOTE |= {"day_open", "day_close", "day_high", "day_low"}
DEPTH = QUOTE | {"oi_high", "oi_low", "bid_prices", "bid_qtys", "ask_prices", "ask_qtys"}
SHARE, FUTURE, INDEX = 2885 << 8 | 1, 49543 << 8 | 2, 256265
NS = 1_795_578_300_123_456_789


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RedisProcess]:
    async with redis_server(tmp_path / "redis") as running:
        yield running


async def entries(server: RedisProcess, stream: str) -> list[tuple[str, dict[bytes, bytes]]]:
    return [(entry.decode(), dict(fields)) for entry, fields in await server.ask("XRANGE", stream, "-", "+")]


async def opened(server: RedisProcess, **settings: Any) -> RedisSink:
    sink = RedisSink(url=server.url, **settings)
    await sink.open()
    return sink


# The stream


async def test_an_entry_is_one_batch_and_its_id_is_the_number_of_its_last_tick(server: RedisProcess) -> None:
    sink = await opened(server)
    await sink.write(frames(1, 120))
    await sink.write(frames(121, 1300))
    found = await entries(server, "kite:frames")
    assert [entry for entry, _ in found] == ["120-0", "620-0", "1120-0", "1420-0"]
    assert [row.seq for _, fields in found for row in rows(bus.frames(fields[FIELD]))] == list(range(1, 1421))
    assert bus.frames(found[0][1][FIELD]) == frames(1, 120)  # the moments of receipt, too
    await sink.close()


async def test_old_ticks_leave_by_their_number_and_the_position_stays(server: RedisProcess) -> None:
    sink = await opened(server, keep_ticks=1000)
    for first in range(1, 5001, 250):
        await sink.write(frames(first, 250))
    found = await entries(server, "kite:frames")
    assert 1000 <= sum(len(bus.frames(fields[FIELD])) * 50 for _, fields in found) <= 2000
    await server.ask("XTRIM", "kite:frames", "MAXLEN", "0")
    assert await sink.position() == 5000
    (told,) = await sink.tables()
    assert (told.name, told.rows) == ("kite:frames", 0)
    await sink.close()


async def test_pub_sub_gets_each_entry_once_and_only_when_it_was_new(server: RedisProcess) -> None:
    client: Any = Redis(port=server.port)
    channel = client.pubsub(ignore_subscribe_messages=True)
    await channel.subscribe("kite:frames")
    await channel.get_message(timeout=5)
    sink = await opened(server, publish=True)
    await sink.write(frames(1, 100))
    await sink.write(frames(1, 100))
    await sink.write(frames(101, 50))
    heard = [await channel.get_message(timeout=5) for _ in range(2)]
    assert [frame.last_seq for message in heard for frame in bus.frames(message["data"])] == [50, 100, 150]
    assert await channel.get_message(timeout=0.05) is None
    await sink.close()
    await channel.aclose()
    await client.aclose()


async def test_ticks_of_another_journal_under_the_same_numbers_are_a_misfit(server: RedisProcess) -> None:
    first = await opened(server)
    await first.write(frames(1, 500))
    await first.close()
    other = await opened(server)
    with pytest.raises(SinkMisfitError, match="another journal"):
        await other.write(
            [Frame(frame.first_seq, frame.count, NS, pack(LtpTick(SHARE, 1)) * 50) for frame in frames(1, 100)]
        )
    await server.ask("XTRIM", "kite:frames", "MINID", "400")
    later = [
        Frame(frame.first_seq, frame.count, frame.received_ns + 86_400 * 10**9, frame.records) for frame in frames(1, 9)
    ]
    with pytest.raises(
        SinkMisfitError, match="another journal"
    ):  # a new journal's first ticks, when all old ones are gone
        await other.write(later)
    assert await other.write(frames(1, 500)) == Written(500)  # but these are its own
    await other.close()


async def test_who_writes_beside_us_is_ended_when_we_begin(server: RedisProcess) -> None:
    zombie = await opened(server)
    sink = await opened(server)
    await sink.write(frames(1, 50))
    with pytest.raises(SinkUnavailableError):
        await zombie.write(frames(1, 70))
    assert await sink.position() == 50
    await sink.close()
    await zombie.close()


async def test_a_stream_that_went_on_behind_our_back_is_looked_at_again(server: RedisProcess) -> None:
    sink = await opened(server)
    await server.ask("XADD", "kite:frames", "100-0", "f", bus.message(frames(1, 100)))
    with pytest.raises(SinkUnavailableError, match="somebody else"):
        await sink.write(frames(1, 50))
    assert await sink.position() == 100
    await sink.close()


# What the server refuses


async def fill(sink: RedisSink) -> None:
    await sink.open()
    for first in range(1, 20001, 500):
        await sink.write(frames(first, 500))


@pytest.mark.parametrize(
    ("options", "word"),
    [(["--requirepass", "secret"], "password"), (["--maxmemory", "1mb"], "full")],
    ids=["NOAUTH", "OOM"],
)
async def test_what_a_person_must_mend_is_a_misfit(tmp_path: Path, options: list[str], word: str) -> None:
    async with redis_server(tmp_path / "redis", *options) as server:
        sink = RedisSink(url=server.url)
        with pytest.raises(SinkMisfitError, match=word) as caught:
            await fill(sink)
        assert f"127.0.0.1:{server.port}" in str(caught.value)
        await sink.close()


async def test_a_wrong_password_is_a_misfit_and_is_not_repeated(tmp_path: Path) -> None:
    async with redis_server(tmp_path / "redis", "--requirepass", "secret") as server:
        sink = RedisSink(url=server.url, password="wrong-canary", username="canary-user")
        with pytest.raises(SinkMisfitError, match="correct user or password") as caught:
            await sink.open()
        assert "canary" not in str(caught.value)
        await sink.close()


async def test_a_user_that_may_not_write_is_a_misfit_that_names_the_command(server: RedisProcess) -> None:
    await server.ask("ACL", "SETUSER", "reader", "on", ">pw", "~*", "+@read", "+@connection", "-client")
    sink = RedisSink(url=server.url, username="reader", password="pw")
    await sink.open()  # a user that may not list clients can still write, so that alone is no misfit
    with pytest.raises(SinkMisfitError, match="XADD"):
        await sink.write(frames(1, 10))
    await sink.close()


async def test_another_key_under_our_name_is_a_misfit(server: RedisProcess) -> None:
    await server.ask("SET", "kite:frames", "mine")
    sink = RedisSink(url=server.url)
    with pytest.raises(SinkMisfitError, match="something else under this name"):
        await sink.open()
    await sink.close()


def cluster_options(port: int) -> list[str]:
    return ["--cluster-enabled", "yes", "--cluster-port", str(port)]


async def test_in_a_cluster_the_node_that_has_the_stream_is_found_from_any_node(tmp_path: Path) -> None:
    buses = free_port(), free_port()
    async with (
        redis_server(tmp_path / "one", *cluster_options(buses[0])) as one,
        redis_server(tmp_path / "two", *cluster_options(buses[1])) as two,
    ):
        await one.ask("CLUSTER", "ADDSLOTSRANGE", 0, 8191)
        await two.ask("CLUSTER", "ADDSLOTSRANGE", 8192, 16383)
        await two.ask("CLUSTER", "MEET", "127.0.0.1", one.port, buses[0])
        async with asyncio.timeout(20):
            for node in (one, two):
                while "ok" not in str(await node.ask("CLUSTER", "INFO")).split("cluster_slots")[0]:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        for nth, node in enumerate((one, two)):
            sink = await opened(node, broker="{kite}", originals=True)
            await sink.write(frames(1 + 100 * nth, 100))
            assert await sink.position() == 100 * (nth + 1)
            await sink.close()


async def test_a_replica_is_unavailable_until_it_is_the_primary(tmp_path: Path, server: RedisProcess) -> None:
    async with redis_server(tmp_path / "replica", "--replicaof", "127.0.0.1", str(server.port)) as replica:
        sink = await opened(replica)
        with pytest.raises(SinkUnavailableError, match="replica"):
            await sink.write(frames(1, 10))
        await replica.ask("REPLICAOF", "NO", "ONE")
        await sink.write(frames(1, 10))
        await sink.close()


async def said(answer: bytes) -> Exception:
    """What becomes of a server that gives this answer to everything."""
    ended = asyncio.Event()

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while await reader.read(4096):
                writer.write(answer)
                await writer.drain()
        writer.close()
        ended.set()

    listener = await asyncio.start_server(answers, "127.0.0.1", 0)
    sink = RedisSink(url=f"redis://127.0.0.1:{listener.sockets[0].getsockname()[1]}/0")
    try:
        with pytest.raises((SinkMisfitError, SinkUnavailableError)) as caught:
            await sink.open()
    finally:
        await sink.close()
        await asyncio.wait_for(ended.wait(), 5)
        listener.close()
    return caught.value


@pytest.mark.parametrize(
    ("answer", "kind", "word"),
    [
        (b"-LOADING Redis is loading the dataset in memory\r\n", SinkUnavailableError, "reading its files"),
        (b"-MASTERDOWN Link with MASTER is down\r\n", SinkUnavailableError, "lost its primary"),
        (b"-ERR max number of clients reached\r\n", SinkUnavailableError, "clients"),
        (b"-DENIED Redis is running in protected mode\r\n", SinkMisfitError, "protected mode"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", SinkMisfitError, "does not answer as Redis"),
    ],
)
async def test_answers_that_are_hard_to_provoke_are_told_apart_too(
    answer: bytes, kind: type[Exception], word: str
) -> None:
    error = await said(answer)
    assert isinstance(error, kind)
    assert word in str(error)


async def test_a_server_that_says_nothing_is_given_up_in_time(server: RedisProcess) -> None:
    sink = await opened(server)
    sink._server._patience = 0.2
    await server.ask("CLIENT", "PAUSE", "3000", "ALL")
    with pytest.raises(SinkUnavailableError, match="did not answer within"):
        await sink.write(frames(1, 10))
    await sink.close()


# The originals' names and JSON


def mixed() -> list[Frame]:
    full = {"exchange_ts": 1_795_578_300, "last_trade_ts": 1_795_578_299, "oi": 12, "oi_high": 20, "oi_low": 3}
    quote = {"last_quantity": 5, "average_price_raw": 2_590_050, "volume": 900, "buy_quantity": 70, "sell_quantity": 60}
    day = {"open_raw": 2_580_000, "high_raw": 2_600_000, "low_raw": 2_570_000, "close_raw": 2_575_000}
    ticks = [
        LtpTick(SHARE, 150_050),
        QuoteTick(SHARE, 150_060, **quote, **day),
        FullTick(FUTURE, 2_590_000, **full, **quote, **day, depth_block=bytes(range(120))),
        IndexTick(INDEX, 2_585_000, **day),
    ]
    return [Frame(901, len(ticks), NS, b"".join(map(pack, ticks)))]


async def test_the_originals_streams_have_the_fields_that_its_readers_know_and_no_other(server: RedisProcess) -> None:
    sink = await opened(server, broker="dhan", originals=True)
    await sink.write(mixed())
    ms = NS // 1_000_000
    ticks, quotes, fno, depth = [
        await entries(server, f"dhan:{name}:stream") for name in ("ticks", "quotes", "fno_quotes", "depth")
    ]
    assert [entry for entry, _ in ticks] == [f"{ms}-901"]
    assert [entry for entry, _ in quotes] == [f"{ms}-902", f"{ms}-903", f"{ms}-904"]
    assert fno == quotes[1:2]
    assert {key.decode() for key in ticks[0][1]} == TICK
    assert all({key.decode() for key in fields} == QUOTE for _, fields in quotes)
    assert (quotes[1][1][b"security_id"], quotes[1][1][b"exchange_segment"]) == (b"49543", b"2")
    assert float(quotes[1][1][b"ltp"]) == 25900.0
    assert int(quotes[1][1][b"ltt"]) == 1_795_578_299
    assert set(depth[0][1]) == {b"data"}
    book = orjson.loads(depth[0][1][b"data"])
    assert set(book) == DEPTH
    assert book["bid_qtys"] == [int.from_bytes(bytes(range(120))[12 * n : 12 * n + 4]) for n in range(5)]
    assert len(book["ask_prices"]) == 5
    await sink.close()


async def test_the_originals_channels_have_a_message_a_tick(server: RedisProcess) -> None:
    client: Any = Redis(port=server.port)
    channel = client.pubsub(ignore_subscribe_messages=True)
    await channel.psubscribe("dhan:*")
    await channel.get_message(timeout=5)
    sink = await opened(server, broker="dhan", originals=True)
    await sink.write(mixed())
    heard = [await channel.get_message(timeout=5) for _ in range(6)]
    by_channel: dict[str, list[dict[str, Any]]] = {}
    for message in heard:
        by_channel.setdefault(message["channel"].decode(), []).append(orjson.loads(message["data"]))
    assert {name: len(some) for name, some in by_channel.items()} == {
        "dhan:ticks": 1,
        "dhan:quotes": 3,
        "dhan:fno_quotes": 1,
        "dhan:depth": 1,
    }
    assert set(by_channel["dhan:quotes"][0]) == QUOTE | {"prev_close"}
    await sink.close()
    await channel.aclose()
    await client.aclose()


async def test_the_originals_streams_get_a_tick_once_whatever_is_written_twice(server: RedisProcess) -> None:
    await server.ask("XADD", "kite:quotes:stream", f"{NS // 1_000_000 - 60_000}-7", "by", "the original itself")
    some = frames(1, 400)
    first = await opened(server, originals=True)
    await first.write(some[:3])
    await first.close()
    await server.ask("DEL", "kite:frames")  # as if it had died between the two: everything is written again
    again = await opened(server, originals=True)
    back = [Frame(frame.first_seq, frame.count, frame.received_ns - 10**9, frame.records) for frame in some]
    await again.write(some[:5])
    await again.write(back[5:])  # the clock was put back
    await again.close()
    quotes, depth = [await entries(server, f"kite:{name}:stream") for name in ("quotes", "depth")]
    assert [int(entry.partition("-")[2]) for entry, _ in quotes[1:]] == list(range(1, 401))
    assert [int(entry.partition("-")[2]) for entry, _ in depth] == list(range(1, 401))
