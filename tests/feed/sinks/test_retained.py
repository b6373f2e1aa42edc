"""What the stores on this machine's disk keep for how long; those with servers are in their own files."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from servers.redis import redis_server
from ticks import OPENING, frames, write_journal
from tradewarden.feed.names import Names
from tradewarden.feed.sinks.parquet_files import HOUR_NS, path_of
from tradewarden.feed.sinks.redis import RedisSink
from tradewarden.feed.sinks.retained import DAY_NS, RETAINED, Kept, Removed, day_begin, retained_of
from tradewarden.feed.sinks.sink import SinkUnavailableError
from tradewarden.feed.sinks.sqlite import SqliteSink

NOW_NS = OPENING * 1_000_000_000


def names(directory: Path) -> Names:
    return Names(directory / "instruments.json")


async def test_every_store_that_forgets_answers_all_four_questions(tmp_path: Path) -> None:
    values = {
        "mysql": {},
        "influx": {},
        "sqlite": {},
        "parquet": {},
        "redis": {},
        "journal": {"keep_days": 7, "keep_gb": 50},
    }
    assert set(values) == set(RETAINED)
    for store, told in values.items():
        retained = retained_of(store, told, names=names(tmp_path), state_dir=tmp_path)
        assert retained.name == store
        assert all(callable(getattr(retained, verb)) for verb in ("rules", "create", "stats", "cleanup"))


def test_so_many_whole_days_are_kept_besides_today() -> None:
    midnight = NOW_NS - NOW_NS % DAY_NS
    assert day_begin(NOW_NS, 2) == day_begin(midnight, 2) == midnight - 2 * DAY_NS


async def test_the_journal_tells_its_segments_and_leaves_them_to_their_writer(tmp_path: Path) -> None:
    write_journal(tmp_path / "journal", 1000, segment_bytes=100_000)
    journal = retained_of("journal", {"keep_days": 7, "keep_gb": 50}, names=names(tmp_path), state_dir=tmp_path)
    (kept,) = await journal.stats()
    assert kept.rows == 1000
    assert kept.bytes is not None
    assert kept.bytes > 250_000
    assert [(rule.days, rule.by) for rule in await journal.rules()] == [(7, "store")]
    assert await journal.cleanup(NOW_NS) == []


async def test_redis_keeps_so_many_ticks_and_tells_from_when_to_when(tmp_path: Path) -> None:
    async with redis_server(tmp_path / "redis") as server:
        redis = retained_of("redis", {"url": server.url, "keep_ticks": 1000}, names=names(tmp_path), state_dir=tmp_path)
        assert await redis.stats() == [Kept("kite:frames", 0)]
        sink, some = RedisSink(url=server.url), frames(700)
        await sink.open()
        await sink.write(some)
        (kept,) = await redis.stats()
        await sink.write(frames(10, first_seq=701))  # whoever asks ends no writer's connection
        await sink.close()
        assert (kept.name, kept.rows) == ("kite:frames", 700)
        assert (kept.oldest_ns, kept.newest_ns) == (some[0].received_ns, some[-1].received_ns)
        assert (kept.bytes or 0) > 700 * 256
        assert [(rule.days, rule.ticks) for rule in await redis.rules()] == [(None, 1000)]
        assert await redis.cleanup(NOW_NS) == []
        assert await redis.create() == []


async def test_old_days_of_parquet_go_with_their_folders(tmp_path: Path) -> None:
    hour = (NOW_NS + 19_800_000_000_000) // HOUR_NS
    for days in (0, 1, 5):
        path = path_of(tmp_path / "ticks", hour - 24 * days, 1 + days)
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(100))
    parquet = retained_of("parquet", {"keep_days": 2}, names=names(tmp_path), state_dir=tmp_path)
    assert await parquet.cleanup(NOW_NS) == [Removed("2026-11-18")]
    (kept,) = await parquet.stats()
    assert kept.bytes == 200
    assert kept.newest_ns is not None
    assert kept.oldest_ns is not None
    assert kept.newest_ns - kept.oldest_ns == 2 * DAY_NS
    forever = retained_of("parquet", {"keep_days": 0}, names=names(tmp_path), state_dir=tmp_path)
    assert await forever.cleanup(NOW_NS + 900 * DAY_NS) == []
    assert await parquet.cleanup(NOW_NS + 900 * DAY_NS) == []  # a clock that runs ahead empties no folder


def newest_comes(directory: Path, received_ns: int) -> None:
    with closing(sqlite3.connect(directory / "ticks.db")) as db, db:
        db.execute("UPDATE quotes SET received_ns = ? WHERE seq = (SELECT max(seq) FROM quotes)", (received_ns,))


async def test_old_ticks_and_bars_of_sqlite_go_while_the_sink_is_open(tmp_path: Path) -> None:
    sink = SqliteSink(path=tmp_path / "ticks.db", names=names(tmp_path), ticks=True)
    await sink.open()
    await sink.write(frames(200))
    sqlite = retained_of("sqlite", {"ticks": True}, names=names(tmp_path), state_dir=tmp_path)
    kept = {one.name: one for one in await sqlite.stats()}
    assert (kept["ticks"].rows, kept["bars"].oldest_ns) == (200, OPENING // 60 * 60 * 1_000_000_000)
    assert await sqlite.cleanup(NOW_NS) == []
    assert await sqlite.cleanup(NOW_NS + 900 * DAY_NS) == []  # a clock that runs ahead empties no file
    newest_comes(tmp_path, NOW_NS + 6 * DAY_NS)
    gone = await sqlite.cleanup(NOW_NS + 6 * DAY_NS)
    assert gone == [Removed("ticks", 200)]
    assert (await sqlite.stats())[0] == Kept("ticks", 0)
    newest_comes(tmp_path, NOW_NS + 900 * DAY_NS)
    later = await sqlite.cleanup(NOW_NS + 401 * DAY_NS)
    assert [removed.name for removed in later] == ["bars"]
    await sink.close()


async def test_a_file_that_is_not_there_yet_is_said_and_not_made(tmp_path: Path) -> None:
    sqlite = retained_of("sqlite", {}, names=names(tmp_path), state_dir=tmp_path)
    with pytest.raises(SinkUnavailableError, match="unable to open"):
        await sqlite.stats()
    assert not await asyncio.to_thread((tmp_path / "ticks.db").exists)


async def test_nothing_of_sqlite_is_read_from_end_to_end_to_find_what_is_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A year of bars, or five days of ticks, takes longer to read than anybody waits for who writes meanwhile."""
    deletions: list[str] = []

    class Telling(sqlite3.Connection):
        def execute(self, statement: str, *rest: Any) -> sqlite3.Cursor:
            if statement.startswith("DELETE"):
                deletions.append(statement)
            return super().execute(statement, *rest)

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", partial(connect, factory=Telling))
    sink = SqliteSink(path=tmp_path / "ticks.db", names=names(tmp_path), ticks=True)
    await sink.open()
    await sink.write(frames(40))
    await sink.close()
    await retained_of("sqlite", {"ticks": True}, names=names(tmp_path), state_dir=tmp_path).cleanup(NOW_NS)
    assert len(deletions) == 4
    with closing(connect(tmp_path / "ticks.db")) as db:
        for statement in deletions:
            values = (0,) * statement.count("?")
            plan = [told[3] for told in db.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
            assert not [step for step in plan if step.startswith("SCAN") and "quotes" not in step], (statement, plan)
