"""What every store promises, tried on each of them: nothing lost, nothing twice, and an honest position."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from sink_contract import Factory, Store, count_of, factories, frames
from tradewarden.feed.names import Names
from tradewarden.feed.record import Frame, Mark
from tradewarden.feed.sinks.sink import Sink, SinkMisfitError, SinkUnavailableError, Written

FACTORIES = list(factories())
KILLS = 3
DEADLINE = 30.0


def each(*wanted: str) -> pytest.MarkDecorator:
    """Every store that has these traits; what a store cannot be asked for, its page under docs/sinks/ says."""
    able = [factory for factory in FACTORIES if all(getattr(factory.traits, trait) for trait in wanted)]
    return pytest.mark.parametrize("factory", able, ids=lambda factory: factory.name)


@pytest_asyncio.fixture
async def store(factory: Factory, tmp_path: Path) -> AsyncIterator[Store]:
    async with factory.store(tmp_path, Names(tmp_path / "instruments.json")) as made:
        yield made


def after(some: Sequence[Frame], position: int) -> list[Frame]:
    """What a reader gives that stands there: whole frames, the first one cut."""
    found = []
    for frame in some:
        if frame.last_seq > position:
            skip = max(0, position + 1 - frame.first_seq)
            cut = frame.records[skip * (len(frame.records) // frame.count) :]
            found.append(Frame(frame.first_seq + skip, frame.count - skip, frame.received_ns, cut))
    return found


async def deliver(sink: Sink, some: Sequence[Frame], *, at_once: int = 4) -> None:
    """All of it, as the runner does: open, ask where it stands, write what follows; again after each trouble."""
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                await sink.open()
                left = after(some, await sink.position() or 0)
                while left:
                    await sink.write(left[:at_once])
                    left = left[at_once:]
            except SinkUnavailableError:
                await sink.close()
                await asyncio.sleep(0.05)
            else:
                await sink.close()
                return


def numbers(some: Sequence[Frame]) -> list[int]:
    return [seq for frame in some for seq in range(frame.first_seq, frame.last_seq + 1)]


@each()
async def test_what_is_written_is_there_once_and_the_position_says_so(factory: Factory, store: Store) -> None:
    sink, some = store.sink(), frames(1, 1200)
    await sink.open()
    assert await sink.position() == (0 if factory.traits.keeps else None)
    assert await sink.write(some[:10]) == Written(500)
    assert await sink.write(some[10:]) == Written(700)
    assert await sink.position() == (1200 if factory.traits.keeps else None)
    await sink.close()
    assert sorted(await store.kept()) == numbers(some)


@each("keeps")
async def test_what_is_written_twice_is_there_once(store: Store) -> None:
    sink, some = store.sink(), frames(1, 600)
    await sink.open()
    await sink.write(some)
    assert await sink.write(some[-4:]) == Written(count_of(some[-4:]))
    assert await sink.write(frames(590, 30, each=30)) == Written(30)  # a frame that is half new
    assert await sink.position() == 619
    await sink.close()
    assert sorted(await store.kept()) == list(range(1, 620))


@each("keeps")
async def test_another_sink_goes_on_where_the_first_one_stood(store: Store) -> None:
    some = frames(1, 900)
    first = store.sink()
    await first.open()
    await first.write(some[:7])
    await first.close()
    second = store.sink()
    await second.open()
    assert await second.position() == 350
    await second.write(some[7:])
    await second.close()
    assert sorted(await store.kept()) == numbers(some)


@each("keeps")
async def test_a_write_that_was_cancelled_is_there_once_whatever_became_of_it(store: Store) -> None:
    some, chance = frames(1, 3000), random.Random(7)
    sink = store.sink()
    for _ in range(8):
        await sink.open()
        left = after(some, await sink.position() or 0)
        write = asyncio.ensure_future(sink.write(left[:10]))
        await asyncio.wait({write}, timeout=chance.random() * 0.01)
        write.cancel()
        await asyncio.wait({write}, timeout=DEADLINE)
        await sink.close()
        sink = store.sink()
    await deliver(sink, some)
    assert sorted(await store.kept()) == numbers(some)


@each("keeps")
async def test_a_position_is_never_ahead_of_what_is_safe(store: Store) -> None:
    some, sink = frames(1, 500), store.sink()
    await sink.open()
    for frame in some:
        await sink.write([frame])
        assert await sink.position() == frame.last_seq
    await store.kill()
    await store.revive()
    position = 0
    async with asyncio.timeout(DEADLINE):
        while not position:
            try:
                await sink.open()
                position = await sink.position() or 0
            except SinkUnavailableError:
                await asyncio.sleep(0.05)
    await sink.close()
    kept = set(await store.kept())
    assert kept >= set(range(1, position + 1))
    assert len(kept) == position or min(kept) == 1


@each("keeps", "killable")
async def test_kills_of_the_store_lose_nothing_and_double_nothing(store: Store) -> None:
    some = frames(1, 6000)
    task = asyncio.ensure_future(deliver(store.sink(), some, at_once=2))
    chance = random.Random(11)
    for _ in range(KILLS):
        await asyncio.sleep(0.02 + chance.random() * 0.1)
        await store.kill()
        await asyncio.sleep(0.05)
        await store.revive()
    await task
    assert sorted(await store.kept()) == numbers(some)


@each()
async def test_a_store_that_does_not_fit_is_named_and_nothing_is_written(store: Store) -> None:
    sink, word = store.misfit()
    with pytest.raises(SinkMisfitError, match=word) as caught:
        await sink.open()
    assert str(caught.value).endswith(".")
    await sink.close()
    assert await store.kept() == []


@each("killable")
async def test_a_server_that_is_away_is_unavailable_and_comes_back(store: Store) -> None:
    await store.kill()
    sink = store.sink()
    with pytest.raises(SinkUnavailableError):
        async with asyncio.timeout(DEADLINE):
            await sink.open()
    await sink.close()
    await store.revive()
    await deliver(sink, frames(1, 100))


@each("refuses")
async def test_a_record_that_the_store_refuses_is_set_aside_and_the_rest_is_there(
    factory: Factory, store: Store
) -> None:
    sink = store.sink()
    await sink.open()
    assert factory.traits.refuses is not None
    written = await sink.write([*frames(1, 10), factory.traits.refuses(11), *frames(14, 10)])
    assert [aside.seq for aside in written.set_aside] == [12]
    assert written.set_aside[0].reason
    assert written.records == 22
    await sink.close()
    assert sorted(await store.kept()) == [*range(1, 12), *range(13, 24)]


@each("marks")
async def test_a_doubtful_record_reaches_the_store_with_its_mark(store: Store) -> None:
    sink = store.sink()
    await sink.open()
    await sink.write([*frames(1, 5), *frames(6, 1, marks=Mark.PRICE), *frames(7, 5)])
    await sink.close()
    assert await store.marked() == [6]


@each()
async def test_the_store_tells_what_it_holds(factory: Factory, store: Store) -> None:
    sink = store.sink()
    await sink.open()
    await sink.write(frames(1, 300))
    tables = await sink.tables()
    await sink.close()
    assert all(table.name for table in tables)
    if factory.traits.keeps:
        assert any(table.rows or table.bytes for table in tables)


@each()
async def test_closing_is_allowed_at_any_time(store: Store) -> None:
    sink = store.sink()
    await sink.close()
    await sink.open()
    await sink.close()
    await sink.close()
