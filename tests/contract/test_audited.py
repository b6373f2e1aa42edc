"""What every store that can be read back promises: the records that it has, honestly, and no others."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nats
import pytest

from servers.influxdb import influxdb
from servers.mariadb import PASSWORD, USER, mariadb
from servers.nats import nats_server
from servers.process import free_port
from servers.redis import redis_server
from ticks import OPENING, write_journal
from tradewarden.feed import bus
from tradewarden.feed.names import FILE, Names
from tradewarden.feed.reader import Reader
from tradewarden.feed.record import Frame
from tradewarden.feed.sinks.parquet import Parquet
from tradewarden.feed.sinks.registry import sink_of
from tradewarden.feed.sinks.sink import Sink
from tradewarden.machines.audit import Audit, Stretch
from tradewarden.orchestrator.validate import Failure, Span, validate

COUNT = 3000
BEGAN_NS = OPENING * 10**9
SPAN = Span(BEGAN_NS, BEGAN_NS + 3600 * 10**9)


@dataclass(frozen=True, slots=True)
class Store:
    """One store: its settings, who fills it, and what takes single records away behind its back."""

    name: str
    values: dict[str, Any]
    fill: Callable[[list[Frame]], Awaitable[None]]
    forget: Callable[[], Awaitable[None]]
    gone: list[Stretch] = field(default_factory=lambda: [Stretch(1200, 1200)])


async def fill(sink: Sink, made: list[Frame]) -> None:
    await sink.open()
    try:
        for start in range(0, len(made), 10):
            await sink.write(made[start : start + 10])
    finally:
        await sink.close()


def store_of(
    name: str, values: dict[str, Any], folder: Path, forget: Callable[[], Awaitable[None]], **more: Any
) -> Store:
    sink = sink_of(name, values, names=Names(folder / FILE), state_dir=folder)
    return Store(name, values, lambda made: fill(sink, made), forget, **more)


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncIterator[Store]:
    async def forget() -> None:
        with closing(sqlite3.connect(folder / "ticks.db")) as db:
            db.execute("DELETE FROM ticks WHERE seq = 1200")
            db.commit()

    yield store_of("sqlite", {"ticks": True, "path": None}, folder, forget)


@asynccontextmanager
async def redis(folder: Path) -> AsyncIterator[Store]:
    async with redis_server(folder / "redis") as server:

        async def forget() -> None:
            ((entry, _),) = await server.ask("XRANGE", "kite:frames", "1200-0", "+", "COUNT", 1)
            await server.ask("XDEL", "kite:frames", entry)

        yield store_of("redis", {"url": server.url}, folder, forget, gone=[Stretch(1001, 1500)])


@asynccontextmanager
async def nats_stream(folder: Path) -> AsyncIterator[Store]:
    async with nats_server(folder / "nats") as server:

        async def forget() -> None:
            client = await nats.connect(server.url, allow_reconnect=False)
            await client.jetstream().delete_msg("kite_frames", 3)
            await client.close()

        yield store_of("nats", {"url": server.url}, folder, forget, gone=[Stretch(1001, 1500)])


@asynccontextmanager
async def mysql(folder: Path) -> AsyncIterator[Store]:
    server = mariadb()
    database = await server.new_database()
    values = {"host": server.host, "port": server.port, "user": USER, "password": PASSWORD, "database": database}

    async def forget() -> None:
        await server.ask("DELETE FROM ticks WHERE seq = 1200", "COMMIT", database=database)

    yield store_of("mysql", values, folder, forget)


@asynccontextmanager
async def influx(folder: Path) -> AsyncIterator[Store]:
    server = influxdb()
    database = await server.new_database()
    days = dict.fromkeys(("high_frequency_days", "default_days", "long_term_days"), 0)

    async def forget() -> None:
        question = "SELECT seq FROM high_frequency.ticks WHERE seq = 1200 GROUP BY instrument"
        (series,) = await server.ask(question, database)
        where = f"time = {series['values'][0][0]} AND instrument = '{series['tags']['instrument']}'"
        await server.ask(f'DELETE FROM "ticks" WHERE {where}', database)

    yield store_of("influx", {"url": server.url, "database": database} | days, folder, forget)


@asynccontextmanager
async def parquet(folder: Path) -> AsyncIterator[Store]:
    if find_spec("pyarrow") is None:
        pytest.skip("pyarrow is not installed: pip install 'tradewarden[parquet]'")
    sealed = Parquet(folder, folder / "journal")

    async def seal(_made: list[Frame]) -> None:
        while sealed.position < COUNT:
            await sealed.seal(COUNT)

    async def forget() -> None:
        (path,) = (folder / "ticks").rglob("*.parquet")
        without = f"import pyarrow.parquet as pq, pyarrow.compute as pc; t = pq.read_table({str(path)!r})"
        without += f"; pq.write_table(t.filter(pc.field('seq') != 1200), {str(path)!r})"
        exec(without, {})  # pyarrow has no types

    yield Store("parquet", {}, seal, forget)


STORES: list[Callable[[Path], AbstractAsyncContextManager[Store]]] = [
    sqlite,
    redis,
    nats_stream,
    mysql,
    influx,
    parquet,
]


@pytest.mark.parametrize("open_store", STORES, ids=lambda each: each.__name__)
async def test_a_store_agrees_until_something_is_taken_from_it(
    open_store: Callable[[Path], AbstractAsyncContextManager[Store]], tmp_path: Path
) -> None:
    write_journal(tmp_path / "journal", COUNT)
    reader = Reader(tmp_path / "journal", after=0)
    made = reader.read(COUNT)
    reader.close()
    async with open_store(tmp_path) as store:
        (absent,) = (await validate({store.name: store.values}, tmp_path, SPAN)).stores
        assert isinstance(absent, Failure) or absent.compared == 0  # an empty store agrees with nothing

        await store.fill(made)
        (whole,) = (await validate({store.name: store.values}, tmp_path, SPAN)).stores
        assert isinstance(whole, Audit), whole
        assert whole.agrees, whole
        assert whole.compared == COUNT

        later = Span(made[40].received_ns, SPAN.until_ns)
        (part,) = (await validate({store.name: store.values}, tmp_path, later)).stores
        assert isinstance(part, Audit)
        assert (part.agrees, part.compared) == (True, COUNT - made[40].first_seq + 1)

        await store.forget()
        (robbed,) = (await validate({store.name: store.values}, tmp_path, SPAN)).stores
        assert isinstance(robbed, Audit), robbed
        assert robbed.missing == store.gone
        assert not robbed.agrees


async def test_a_server_that_is_not_there_is_no_agreement(tmp_path: Path) -> None:
    write_journal(tmp_path / "journal", 100)
    nowhere: dict[str, dict[str, Any]] = {
        "redis": {"url": "redis://127.0.0.1:1/0"},
        "nats": {"url": "nats://127.0.0.1:1"},
        "mysql": {"host": "127.0.0.1", "port": 1},
        "influx": {"url": "http://127.0.0.1:1"},
        "zmq": {"port": 1, "seconds": 0.05},
    }
    verdict = await validate(nowhere, tmp_path, SPAN)
    assert [type(each) for each in verdict.stores] == [Failure] * 5
    assert not verdict.ok


async def test_of_zeromq_what_comes_while_one_listens_is_compared(tmp_path: Path) -> None:
    port = free_port()
    sink = sink_of("zmq", {"port": port}, names=Names(tmp_path / FILE), state_dir=tmp_path)
    await sink.open()
    made = write_journal(tmp_path / "journal", 500)

    async def talk() -> None:
        while not sink.wanted("kite_frames"):  # type: ignore[attr-defined] # noqa: ASYNC110 - a socket has no event
            await asyncio.sleep(0.005)
        await sink.write(made[2:])

    talking = asyncio.create_task(talk())
    (heard,) = (await validate({"zmq": {"port": port, "seconds": 0.5}}, tmp_path, SPAN)).stores
    await talking
    await sink.close()
    assert isinstance(heard, Audit), heard
    assert (heard.agrees, heard.compared, heard.let_go) == (True, 400, 100)
    assert bus.MESSAGE == 500
