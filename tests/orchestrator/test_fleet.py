"""A fleet of writers shares one stream: every tick ends up in the store once, whoever dies on the way."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from redis.exceptions import ResponseError

from servers.redis import RedisProcess, redis_server
from sink_contract import count_of, frames
from tradewarden.feed.record import Frame, rows
from tradewarden.feed.redis_group import RedisGroup, Share
from tradewarden.feed.sinks.redis import RedisSink
from tradewarden.feed.sinks.sink import Batching, SetAside, SinkMisfitError, SinkUnavailableError, Stored, Written
from tradewarden.orchestrator import fleet
from tradewarden.orchestrator.fleet import FleetWriter


class Store:
    """A store that many write to; it knows how often it was given each tick, and can be away."""

    def __init__(self) -> None:
        self.given: Counter[int] = Counter()
        self.by: Counter[str] = Counter()
        self.trouble: Exception | None = None
        self.slow = 0.0
        self.deaf = False  # its driver keeps a cancellation to itself, as asyncio.wait_for of Python 3.11 may
        self.asked = asyncio.Event()
        self.changed = asyncio.Event()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.given) < count:
                self.changed.clear()
                await self.changed.wait()


class StoreSink:
    name = "store"
    batching = Batching()

    def __init__(self, store: Store, who: str) -> None:
        self._store, self._who = store, who

    async def open(self) -> None:
        self._store.asked.set()
        if self._store.deaf:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(1000)
        if self._store.trouble is not None:
            raise self._store.trouble

    async def position(self) -> int | None:
        return None

    async def write(self, some: Sequence[Frame]) -> Written:
        await asyncio.sleep(self._store.slow)
        if self._store.trouble is not None:
            raise self._store.trouble
        for row in rows(some):
            self._store.given[row.seq] += 1
            self._store.by[self._who] += 1
        self._store.changed.set()
        return Written(count_of(some), (SetAside(some[0].first_seq, "because"),))

    async def tables(self) -> list[Stored]:
        return []

    async def close(self) -> None:
        """Nothing to let go of."""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RedisProcess]:
    async with redis_server(tmp_path / "redis") as running:
        yield running


@pytest.fixture
async def bus(server: RedisProcess) -> AsyncIterator[RedisSink]:
    sink = RedisSink(url=server.url)
    await sink.open()
    yield sink
    await sink.close()


def group_of(server: RedisProcess, consumer: str, idle_ms: int = 30_000) -> RedisGroup:
    return RedisGroup(server.url, group="writers", consumer=consumer, idle_ms=idle_ms)


@asynccontextmanager
async def writer(server: RedisProcess, store: Store, who: str, idle_ms: int = 30_000) -> AsyncIterator[FleetWriter]:
    made = FleetWriter(lambda: StoreSink(store, who), group_of(server, who, idle_ms), uniform=lambda: 0.0)
    task = asyncio.ensure_future(made.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=10)


async def pending(server: RedisProcess) -> int:
    try:
        info = await server.ask("XPENDING", "kite:frames", "writers")
    except ResponseError:  # nobody has made the group yet
        return 0
    return int(info["pending"] if isinstance(info, dict) else info[0])


async def until_pending(server: RedisProcess, count: int) -> None:
    async with asyncio.timeout(10):
        while await pending(server) != count:  # noqa: ASYNC110 - only the server knows
            await asyncio.sleep(0.01)


async def test_the_writers_share_the_load_and_nothing_comes_twice(server: RedisProcess, bus: RedisSink) -> None:
    store = Store()
    store.slow = 0.01
    for first in range(1, 20001, 250):
        await bus.write(frames(first, 250))
    async with writer(server, store, "one") as one, writer(server, store, "two") as two:
        await store.until(20000)
        await until_pending(server, 0)
        assert one.written_total + two.written_total == 20000
    assert set(store.given.values()) == {1}
    assert min(store.by.values()) > 4000


async def test_an_entry_is_done_after_the_commit_and_not_before(server: RedisProcess, bus: RedisSink) -> None:
    store = Store()
    await bus.write(frames(1, 500))
    store.slow = 30.0
    async with writer(server, store, "one"):
        await until_pending(server, 1)
    assert await pending(server) == 1  # it was ended in the middle of a write
    store.slow = 0.0
    async with writer(server, store, "one"):  # and begins with what it had in hand
        await store.until(500)
        await until_pending(server, 0)
    assert set(store.given.values()) == {1}


async def test_what_a_dead_writer_had_in_hand_is_written_by_another(server: RedisProcess, bus: RedisSink) -> None:
    await bus.write(frames(1, 500))
    dead = group_of(server, "dead")
    await dead.open()
    share = await dead.read()
    assert count_of(share.frames) == 500
    await dead.close()
    store = Store()
    async with writer(server, store, "alive", idle_ms=50):
        await store.until(500)
        await until_pending(server, 0)
    assert store.by == {"alive": 500}


async def test_kills_of_the_server_and_of_writers_lose_nothing(server: RedisProcess, bus: RedisSink) -> None:
    store, chance = Store(), random.Random(3)
    store.slow = 0.002

    async def feed() -> None:
        for first in range(1, 10001, 100):
            done = False
            while not done:
                try:
                    await bus.write(frames(first, 100))
                    done = True
                except SinkUnavailableError:
                    await asyncio.sleep(0.05)
                    try:
                        await bus.open()
                    except SinkUnavailableError:
                        await asyncio.sleep(0.05)

    feeding = asyncio.ensure_future(feed())
    for _ in range(3):
        async with writer(server, store, "one", idle_ms=100):
            await asyncio.sleep(0.05 + chance.random() * 0.1)
            await server.kill()
            await asyncio.sleep(0.05)
            await server.start()
    async with writer(server, store, "two", idle_ms=100):
        await feeding
        await store.until(10000)
    assert len(store.given) == 10000


async def test_an_entry_that_nobody_can_read_is_done_and_told(server: RedisProcess, bus: RedisSink) -> None:
    await server.ask("XADD", "kite:frames", "1-0", "f", "junk")
    await server.ask("XADD", "kite:frames", "2-0", "other", "field")
    await bus.open()
    await bus.write(frames(3, 10))
    store = Store()
    async with writer(server, store, "one") as one:
        await store.until(10)
        await until_pending(server, 0)
        assert one.set_aside_total == 1
    assert sorted(store.given) == list(range(3, 13))


async def test_a_stream_that_is_taken_away_is_waited_for(server: RedisProcess, bus: RedisSink) -> None:
    store = Store()
    async with writer(server, store, "one"):
        await bus.write(frames(1, 50))
        await store.until(50)
        await server.ask("DEL", "kite:frames")
        await bus.open()
        await bus.write(frames(51, 50))
        await store.until(100)


async def test_ticks_that_left_before_anybody_read_them_are_counted(server: RedisProcess, bus: RedisSink) -> None:
    group = group_of(server, "one")
    await group.open()
    await bus.write(frames(1, 100))
    await group.done(await group.read())
    await bus.write(frames(101, 100))
    await bus.write(frames(201, 100))
    await server.ask("XTRIM", "kite:frames", "MAXLEN", "1")
    await group.open()
    share = await group.read()
    assert [frame.first_seq for frame in share.frames] == [201, 251]
    assert group.missed == 100
    await group.close()


@pytest.mark.parametrize(
    ("trouble", "wait"),
    [(SinkUnavailableError("away."), 0.1), (SinkMisfitError("no."), 60.0), (KeyError("a fault of ours"), 0.1)],
)
async def test_a_store_that_is_away_is_tried_again_soon_and_one_that_does_not_fit_once_a_minute(
    server: RedisProcess, trouble: Exception, wait: float
) -> None:
    store = Store()
    store.trouble = trouble
    made = FleetWriter(lambda: StoreSink(store, "one"), group_of(server, "one"), uniform=lambda: 0.0)
    assert await made._try() == wait


async def test_a_store_that_hangs_is_given_up_and_its_share_is_kept(
    server: RedisProcess, bus: RedisSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet, "DEADLINE", 0.2)
    store = Store()
    store.slow = 10.0
    await bus.write(frames(1, 50))
    made = FleetWriter(lambda: StoreSink(store, "one"), group_of(server, "one"), uniform=lambda: 0.0)
    assert await made._try() == 0.1
    assert await pending(server) == 1


def test_a_share_of_nothing_is_nothing() -> None:
    assert Share((), ()).frames == ()


@pytest.mark.parametrize("trouble", [None, SinkUnavailableError("away"), SinkMisfitError("not ours")])
async def test_a_writer_ends_when_told_to_though_its_store_keeps_that_to_itself(
    server: RedisProcess, trouble: Exception | None
) -> None:
    store = Store()
    store.deaf, store.trouble = True, trouble
    task = asyncio.create_task(FleetWriter(lambda: StoreSink(store, "one"), group_of(server, "one")).run())
    async with asyncio.timeout(10):
        await store.asked.wait()
    task.cancel()
    await asyncio.wait({task}, timeout=10)
    assert task.cancelled()
