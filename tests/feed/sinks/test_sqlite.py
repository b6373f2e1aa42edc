from __future__ import annotations

import asyncio
import json
import os
import random
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import tradewarden
from sink_contract import BEGAN, frames
from tradewarden.feed.names import Names
from tradewarden.feed.record import Frame, Mark, pack, rows
from tradewarden.feed.sinks.sink import SinkMisfitError, SinkUnavailableError
from tradewarden.feed.sinks.sqlite import PRUNED_AT_ONCE, SqliteSink
from tradewarden.feed.sinks.sqlite_tables import UPGRADES
from tradewarden.feed.tick import IndexTick

KILLS = 4
SHARE = 256 * 1000 + 1


def made(folder: Path, **how: Any) -> SqliteSink:
    known: dict[str, Any] = {"path": folder / "ticks.db", "names": Names(folder / "instruments.json")}
    return SqliteSink(**(known | how))


def asked(folder: Path, question: str) -> list[Any]:
    with closing(sqlite3.connect(folder / "ticks.db")) as db:
        return db.execute(question).fetchall()


async def test_the_latest_of_each_instrument_is_there_with_its_name_and_its_real_price(tmp_path: Path) -> None:
    row = [SHARE, "NSE", "INFY", "INFOSYS", "EQ", None, 0.0, 0.0]
    (tmp_path / "instruments.json").write_text(json.dumps({"instruments": [row]}))
    sink = made(tmp_path)
    await sink.open()
    await sink.write(frames(1, 500))
    await sink.write(frames(501, 200))
    await sink.close()
    (told,) = asked(tmp_path, "SELECT exchange, symbol, last_price, volume, seq FROM latest WHERE symbol = 'INFY'")
    assert told == ("NSE", "INFY", (150_000 + 700 * 7 % 400) / 100, 2100, 700)
    assert asked(tmp_path, "SELECT count(*) FROM quotes") == [(7,)]
    assert asked(tmp_path, "SELECT count(*) FROM ticks") == [(0,)]


async def test_bars_are_those_of_the_ticks(tmp_path: Path) -> None:
    some = frames(1, 20_000)
    sink = made(tmp_path)
    await sink.open()
    for start in range(0, len(some), 7):
        await sink.write(some[start : start + 7])
    await sink.close()
    mine = [row for row in rows(some) if row.instrument == SHARE]
    first = [row for row in mine if row.exchange_ns // 1_000_000_000 < BEGAN + 60]
    prices = [row.last_price / 100 for row in first]
    told = asked(
        tmp_path,
        f"SELECT open, high, low, close, volume, ticks FROM candles WHERE instrument = {SHARE} ORDER BY minute",
    )
    gained = first[-1].volume - first[0].volume
    assert told[0] == (prices[0], max(prices), min(prices), prices[-1], gained, len(first))
    assert sum(each[5] for each in told) == len(mine)
    assert sum(each[4] for each in told) == mine[-1].volume - mine[0].volume


async def test_what_did_not_come_is_null_and_a_doubtful_record_bears_its_mark(tmp_path: Path) -> None:
    sink = made(tmp_path, ticks=True)
    await sink.open()
    index = pack(IndexTick(256265, -5, open_raw=1, high_raw=2, low_raw=3, close_raw=4), Mark.PRICE)
    await sink.write([Frame(1, 1, BEGAN * 10**9, index)])
    await sink.close()
    told = asked(tmp_path, "SELECT last_price, open, volume, exchange_ns, depth, marks FROM quotes")
    assert told == [(-5, 1, None, None, None, 1)]
    assert asked(tmp_path, "SELECT marks, depth FROM ticks") == [(1, None)]
    assert asked(tmp_path, "SELECT * FROM bars") == []


async def test_a_name_that_comes_later_is_written_later(tmp_path: Path) -> None:
    sink = made(tmp_path)
    await sink.open()
    await sink.write(frames(1, 50))
    dump = tmp_path / "instruments.json"
    dump.write_text(json.dumps({"instruments": [[SHARE, "NSE", "INFY", "", "EQ", None, 0.0, 0.0]]}))
    assert sink._names.refresh()
    await sink.write(frames(51, 50))
    await sink.close()
    assert (SHARE, "NSE", "INFY", "NSE") in asked(tmp_path, "SELECT * FROM instruments")


# The file and its versions


async def test_a_file_of_a_newer_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "ticks.db")) as db:
        db.execute("PRAGMA user_version = 7")
    before = (tmp_path / "ticks.db").read_bytes()
    with pytest.raises(SinkMisfitError, match=r"written by a newer tradewarden \(version 7, this one knows 1\)"):
        await made(tmp_path).open()
    assert (tmp_path / "ticks.db").read_bytes() == before


async def test_an_older_file_is_upgraded_after_a_copy_is_taken(tmp_path: Path) -> None:
    sink = made(tmp_path)
    await sink.open()
    await sink.write(frames(1, 100))
    await sink.close()
    newer = made(tmp_path, upgrades=(*UPGRADES, "ALTER TABLE bars ADD COLUMN trades INTEGER NOT NULL DEFAULT 0"))
    await newer.open()
    assert await newer.position() == 100
    await newer.close()
    assert asked(tmp_path, "PRAGMA user_version") == [(2,)]
    with closing(sqlite3.connect(tmp_path / "ticks.db.v1")) as copy:
        assert copy.execute("SELECT seq FROM cursor").fetchone() == (100,)
        assert copy.execute("PRAGMA user_version").fetchone() == (1,)


async def test_an_upgrade_that_fails_changes_nothing(tmp_path: Path) -> None:
    sink = made(tmp_path)
    await sink.open()
    await sink.close()
    broken = made(tmp_path, upgrades=(*UPGRADES, "CREATE TABLE more (x); CREATE TABLE bars (x)"))
    with pytest.raises(SinkUnavailableError, match="already exists"):
        await broken.open()
    await broken.close()
    assert asked(tmp_path, "PRAGMA user_version") == [(1,)]
    assert asked(tmp_path, "SELECT count(*) FROM sqlite_master WHERE name = 'more'") == [(0,)]


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        ("CREATE TABLE prices (x)", r"another program's database \(it has prices\)"),
        (f"{UPGRADES[0]}; PRAGMA user_version = 1; DROP TABLE quotes", "the table quotes is missing"),
        (
            f"{UPGRADES[0]}; PRAGMA user_version = 1; ALTER TABLE quotes DROP COLUMN oi_low",
            r"the table quotes has other columns than ours \(oi_low\)",
        ),
    ],
)
async def test_a_file_of_another_shape_is_named_and_left_alone(tmp_path: Path, spoil: str, sentence: str) -> None:
    with closing(sqlite3.connect(tmp_path / "ticks.db")) as db:
        db.executescript(spoil)
    before = (tmp_path / "ticks.db").read_bytes()
    sink = made(tmp_path)
    with pytest.raises(SinkMisfitError, match=sentence):
        await sink.open()
    await sink.close()
    assert (tmp_path / "ticks.db").read_bytes() == before


async def test_a_file_that_is_none_and_a_directory_that_is_not_there_need_a_person(tmp_path: Path) -> None:
    (tmp_path / "ticks.db").write_text("not a database at all, whatever its name says\n" * 100)
    with pytest.raises(SinkMisfitError, match=r"ticks.db: file is not a database; .*move it away"):
        await made(tmp_path).open()
    with pytest.raises(SinkMisfitError, match=r"gone/ticks.db: unable to open database file"):
        await made(tmp_path, path=tmp_path / "gone" / "ticks.db").open()


async def test_a_file_that_another_program_holds_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradewarden.feed.sinks.sqlite.BUSY", 0.1)
    sink = made(tmp_path)
    await sink.open()
    with closing(sqlite3.connect(tmp_path / "ticks.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SinkUnavailableError, match="database is locked"):
            await sink.write(frames(1, 10))
        other.execute("ROLLBACK")
    await sink.write(frames(1, 10))
    assert await sink.position() == 10
    await sink.close()


async def test_two_writers_of_one_file_count_nothing_twice(tmp_path: Path) -> None:
    """A daemon and a process of its own, by a slip of the settings; or a write that was given up and came through."""
    one, two, some = made(tmp_path), made(tmp_path), frames(1, 2000)
    await one.open()
    await two.open()
    for start in range(0, len(some), 4):
        await asyncio.gather(one.write(some[start : start + 4]), two.write(some[start : start + 4]))
    await one.close()
    await two.close()
    assert asked(tmp_path, "SELECT sum(ticks) FROM bars") == [(2000,)]
    latest = {row.instrument: row for row in rows(some)}
    first = {row.instrument: row for row in reversed(list(rows(some)))}
    gained = sum(latest[number].volume - first[number].volume for number in latest)
    assert asked(tmp_path, "SELECT sum(volume) FROM bars") == [(gained,)]


async def test_old_bars_and_ticks_go_a_few_at_a_time(tmp_path: Path) -> None:
    day = 86_400_000_000_000
    now = BEGAN * 10**9
    sink = made(tmp_path, ticks=True, ticks_days=2, bars_days=3)
    await sink.open()
    await sink.write(frames(1, PRUNED_AT_ONCE + 500, each=500))
    now += 5 * day
    later = frames(PRUNED_AT_ONCE + 501, 2, each=1)
    fresh = [Frame(each.first_seq, 1, now, each.records) for each in later]
    await sink.write(fresh[:1])
    assert asked(tmp_path, "SELECT count(*) FROM ticks") == [(501,)]
    await sink.write(fresh[1:])
    assert asked(tmp_path, "SELECT count(*) FROM ticks") == [(2,)]
    await sink.close()
    assert asked(tmp_path, "SELECT count(*) FROM bars") == [(1,)]  # the last tick's, with its old time


async def test_the_bars_of_a_large_file_are_not_counted_each_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = made(tmp_path)
    await sink.open()
    await sink.write(frames(1, 40, each=20))
    told = {table.name: table.rows for table in await sink.tables()}
    assert told["bars"]
    monkeypatch.setattr("tradewarden.feed.sinks.sqlite.LARGE", 1)
    assert {table.name: table.rows for table in await sink.tables()} == told | {"bars": None}
    await sink.close()


# Kills

WRITER = """
import asyncio, sys
from pathlib import Path
from sink_contract import frames
from tradewarden.feed.names import Names
from tradewarden.feed.sinks.sqlite import SqliteSink

async def write(folder, last):
    sink = SqliteSink(path=folder / "ticks.db", names=Names(folder / "none"), ticks=True)
    await sink.open()
    some = [frame for frame in frames(1, last, each=20)]
    print("open", flush=True)
    position = await sink.position()
    for frame in some:
        if frame.last_seq > position:
            await sink.write([frame])
    await sink.close()

asyncio.run(write(Path(sys.argv[1]), int(sys.argv[2])))
"""


async def test_a_writer_that_is_killed_again_and_again_leaves_every_record_once(tmp_path: Path) -> None:
    last, chance = 80_000, random.Random(3)  # more than all kills together have time for
    support = Path(__file__).parents[2] / "support"
    path = f"{support}:{Path(tradewarden.__file__).parents[1]}"

    async def start() -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", WRITER, str(tmp_path), str(last)),
            env=os.environ | {"PYTHONPATH": path},
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        async with asyncio.timeout(30):
            assert await process.stdout.readline() == b"open\n"
        return process

    stood = []
    for _ in range(KILLS):
        process = await start()
        await asyncio.sleep(chance.random() * 0.2)
        process.kill()
        await process.wait()
        stood += asked(tmp_path, "SELECT seq FROM cursor")[0]
    process = await start()
    async with asyncio.timeout(40):
        assert await process.wait() == 0
    assert stood == sorted(stood)
    assert asked(tmp_path, "SELECT count(*), min(seq), max(seq) FROM ticks") == [(last, 1, last)]
    counted = Counter(row.instrument for row in rows(frames(1, last)))
    assert dict(asked(tmp_path, "SELECT instrument, sum(ticks) FROM bars GROUP BY 1")) == dict(counted)
