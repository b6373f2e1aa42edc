"""What only MariaDB and MySQL do: the tables, what is refused and how it is told, and days that go."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from asyncmy.errors import ProgrammingError

from servers.mariadb import PASSWORD, USER, Mariadb, mariadb
from sink_contract import BEGAN, frames
from tradewarden.feed.names import Names
from tradewarden.feed.record import Frame, Mark, pack
from tradewarden.feed.sinks import mysql_tables
from tradewarden.feed.sinks.mysql import MysqlSink
from tradewarden.feed.sinks.mysql_retained import MysqlRetained
from tradewarden.feed.sinks.mysql_schema import TABLES
from tradewarden.feed.sinks.sink import SinkMisfitError, SinkUnavailableError
from tradewarden.feed.tick import FullTick, LtpTick, Tick

NOW_NS = BEGAN * 1_000_000_000
DAY_NS = 86_400_000_000_000
INFY = 408065
LEVELS = b"".join((level + 1).to_bytes(4) + (150_000 + level).to_bytes(4) + b"\0\7\0\0" for level in range(10))


class Place:
    """One database of a test."""

    def __init__(self, server: Mariadb, database: str, directory: Path) -> None:
        self.server, self.database, self._directory = server, database, directory
        self.sinks: list[MysqlSink] = []

    def sink(self, **settings: Any) -> MysqlSink:
        way = {"host": self.server.host, "port": self.server.port, "user": USER, "password": PASSWORD}
        self.sinks.append(MysqlSink(names=self.names(), **{**way, "database": self.database, **settings}))
        return self.sinks[-1]

    def names(self) -> Names:
        return Names(self._directory / "instruments.json")

    def name(self, instrument: int, exchange: str, symbol: str) -> None:
        rows = [[instrument, exchange, symbol, symbol, "EQ"]]
        (self._directory / "instruments.json").write_text(json.dumps({"instruments": rows}))

    async def ask(self, *statements: str) -> list[tuple[Any, ...]]:
        return await self.server.ask(*statements, database=self.database)

    async def count(self, table: str) -> int:
        ((rows,),) = await self.ask(f"SELECT COUNT(*) FROM `{table}`")
        return int(rows)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    server = mariadb()
    place = Place(server, await server.new_database(), tmp_path)
    yield place
    for sink in place.sinks:
        await sink.close()


@pytest.fixture
async def sink(place: Place) -> MysqlSink:
    sink = place.sink()
    await sink.open()
    return sink


def a_frame(first: int, *ticks: Tick, received_ns: int = NOW_NS, marks: int = 0) -> Frame:
    return Frame(first, len(ticks), received_ns, b"".join(pack(tick, marks) for tick in ticks))


async def test_a_tick_is_there_field_by_field_and_what_did_not_come_is_null(place: Place, sink: MysqlSink) -> None:
    full = FullTick(INFY, -1, exchange_ts=BEGAN, volume=4_000_000_000, oi=3, depth_block=LEVELS)
    await sink.write([a_frame(1, full, LtpTick(256265, 2_450_005), marks=Mark.PRICE)])
    columns = "instrument, received_ns, kind, scale, marks, exchange_ns, last_price, volume, oi, open, HEX(depth)"
    assert await place.ask(f"SELECT {columns} FROM ticks ORDER BY seq") == [
        (INFY, NOW_NS, 1, 2, 1, NOW_NS, -1, 4_000_000_000, 3, 0, LEVELS.hex().upper()),
        (256265, NOW_NS, 1, 2, 1, None, 2_450_005, None, None, None, None),
    ]


async def test_of_each_instrument_the_newest_quote_and_depth_are_there_and_older_ones_change_nothing(
    place: Place, sink: MysqlSink
) -> None:
    await sink.write([a_frame(5, *(FullTick(INFY, price, depth_block=LEVELS) for price in (100, 101, 102)))])
    await sink.write([a_frame(1, FullTick(INFY, 99), LtpTick(256265, 7))])
    assert await place.ask("SELECT instrument, seq, last_price FROM quotes ORDER BY seq") == [
        (256265, 2, 7),
        (INFY, 7, 102),
    ]
    best = "bid_quantity_1, bid_price_1, bid_orders_1, bid_price_5, ask_quantity_1, ask_price_5"
    assert await place.ask(f"SELECT seq, {best} FROM depth") == [(7, 1, 150_000, 7, 150_004, 6, 150_009)]


@pytest.mark.parametrize("symbol", ["M&M", "'; DROP TABLE ticks; --", '\\"\\', "nul\0 ₹ 🙂", "`%s` %d {0}"])
async def test_a_symbol_is_only_ever_text(place: Place, symbol: str) -> None:
    place.name(INFY, "NSE", symbol)
    sink = place.sink()
    await sink.open()
    await sink.write([a_frame(1, LtpTick(INFY, 1))])
    assert await place.ask("SELECT instrument, exchange, symbol, scale FROM instruments") == [(INFY, "NSE", symbol, 2)]


async def test_an_instrument_gets_its_name_as_soon_as_the_dump_has_it(place: Place, sink: MysqlSink) -> None:
    await sink.write([a_frame(1, LtpTick(INFY, 1))])
    place.name(INFY, "NSE", "INFY")
    await sink.open()
    await sink.write([a_frame(2, LtpTick(INFY, 1))])
    assert await place.ask("SELECT exchange, symbol FROM instruments") == [("NSE", "INFY")]


async def test_without_depth_a_tick_takes_less_room(place: Place) -> None:
    sink = place.sink(depth=False)
    await sink.open()
    await sink.write([a_frame(1, FullTick(INFY, 1, depth_block=LEVELS))])
    assert await place.ask("SELECT depth FROM ticks") == [(None,)]
    assert await place.count("depth") == 1


async def test_two_desks_share_a_database_by_their_prefixes(place: Place) -> None:
    for prefix, price in (("a_", 1), ("b_", 2)):
        sink = place.sink(table_prefix=prefix)
        await sink.open()
        assert await sink.position() == 0
        await sink.write([a_frame(1, LtpTick(INFY, price))])
    assert await place.ask("SELECT last_price FROM a_ticks UNION ALL SELECT last_price FROM b_ticks") == [(1,), (2,)]
    assert len(await place.ask("SHOW TABLES")) == 2 * len(TABLES)


async def test_opening_again_changes_nothing(place: Place, sink: MysqlSink) -> None:
    before = await place.ask(
        "SELECT table_name, create_time FROM information_schema.tables WHERE table_schema=DATABASE()"
    )
    await sink.open()
    after = await place.ask(
        "SELECT table_name, create_time FROM information_schema.tables WHERE table_schema=DATABASE()"
    )
    assert sorted(before) == sorted(after)
    assert {name for name, _ in after} == set(TABLES)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"password": "wrong"}, "refuses user 'desk'.*set sinks.mysql.user and sinks.mysql.password"),
        (
            {"database": "nowhere"},
            "no database 'nowhere'; make it with: CREATE DATABASE `nowhere` CHARACTER SET utf8mb4",
        ),
    ],
)
async def test_what_a_person_must_mend_is_said_with_the_way_to_mend_it(
    place: Place, settings: dict[str, str], sentence: str
) -> None:
    sink = place.sink(**settings)
    with pytest.raises(SinkMisfitError, match=sentence):
        await sink.open()


async def test_a_user_who_may_not_make_tables_is_told_what_to_grant(place: Place) -> None:
    await place.ask(
        "CREATE OR REPLACE USER reader@'%' IDENTIFIED BY 'x'", f"GRANT SELECT ON `{place.database}`.* TO reader"
    )
    with pytest.raises(SinkMisfitError, match=r"forbids user 'reader'.*GRANT ALL ON"):
        await place.sink(user="reader", password="x").open()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("ALTER TABLE ticks DROP COLUMN oi", "table ticks .* is not ours: column oi .bigint. is missing"),
        ("ALTER TABLE ticks MODIFY last_price float NULL", "column last_price is float, not bigint"),
        (
            "ALTER TABLE ticks DROP PRIMARY KEY, ADD PRIMARY KEY (seq)",
            r"primary key is \(seq\), not \(instrument, seq\)",
        ),
        ("ALTER TABLE quotes ENGINE=MyISAM", "table quotes .* its engine is MyISAM"),
        ("ALTER TABLE quotes ADD desk int NOT NULL", "column desk is not ours and must not be empty"),
        ("INSERT INTO schema_version VALUES (99)", "have version 99, this program knows 1: use a newer tradewarden"),
        ("SET GLOBAL max_allowed_packet=524288", "no statement above 524288 bytes"),
    ],
)
async def test_tables_of_another_shape_are_named_and_left_as_they_are(
    place: Place, sink: MysqlSink, change: str, sentence: str
) -> None:
    await sink.close()
    await place.ask("DROP TABLE options_greeks", change)
    try:
        with pytest.raises(SinkMisfitError, match=sentence):
            await sink.open()
        assert len(await place.ask("SHOW TABLES")) == len(TABLES) - 1
    finally:
        await place.ask("SET GLOBAL max_allowed_packet=16777216")


async def test_more_columns_than_ours_are_no_fault_when_they_may_be_empty(place: Place, sink: MysqlSink) -> None:
    await place.ask("ALTER TABLE ticks ADD note text NULL", "ALTER TABLE quotes ADD desk int NOT NULL DEFAULT 1")
    await sink.open()
    await sink.write([a_frame(1, LtpTick(INFY, 1))])
    assert await place.count("ticks") == 1


async def test_an_older_version_is_brought_up_to_ours_with_its_rows(
    place: Place, sink: MysqlSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sink.write(frames(1, 50))
    monkeypatch.setattr(mysql_tables, "VERSION", 2)
    monkeypatch.setattr(mysql_tables, "STEPS", {2: ["ALTER TABLE `{prefix}quotes` ADD COLUMN IF NOT EXISTS iv double"]})
    await sink.open()
    assert await sink.position() == 50
    assert await place.ask("SELECT MAX(version) FROM schema_version") == [(2,)]
    assert await place.ask("SELECT COUNT(*), COUNT(iv) FROM quotes") == [(7, 0)]


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (1213, "broke a deadlock"),
        (1205, "waited too long for a lock"),
        (1114, "the table or its disk is full"),
        (1021, "its disk is full"),
        (1290, "read-only"),
        (4321, ""),
    ],
)
async def test_a_trouble_of_the_server_costs_the_batch_nothing_but_time(
    place: Place, sink: MysqlSink, code: int, sentence: str
) -> None:
    await place.ask(
        "CREATE TRIGGER trouble BEFORE INSERT ON pos FOR EACH ROW"
        f" SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO={code}, MESSAGE_TEXT='some fault'"
    )
    with pytest.raises(SinkUnavailableError, match=f"{sentence}.*some fault .{code}."):
        await sink.write(frames(1, 100))
    assert [await place.count(table) for table in ("ticks", "quotes", "pos", "instruments")] == [0, 0, 0, 0]
    await place.ask("DROP TRIGGER trouble")
    await sink.open()
    await sink.write(frames(1, 100))
    assert await place.count("ticks") == 100


async def test_a_connection_that_the_server_ends_is_unavailable_and_the_next_one_goes_on(
    place: Place, sink: MysqlSink
) -> None:
    await sink.write(frames(1, 50))
    ((ours,),) = await sink.server.ask("SELECT CONNECTION_ID()")
    await place.ask(f"KILL {ours}")
    with pytest.raises(SinkUnavailableError, match=r"MySQL at 127.0.0.1:"):
        await sink.write(frames(51, 50))
    await sink.open()
    assert await sink.position() == 50


async def test_a_table_that_refuses_everything_is_a_matter_for_a_person_and_nothing_is_set_aside(
    place: Place, sink: MysqlSink
) -> None:
    await place.ask("ALTER TABLE ticks ADD CONSTRAINT never CHECK (volume < 0)")
    with pytest.raises(SinkMisfitError, match=r"refuses record after record.*never"):
        await sink.write(frames(1, 100))
    assert await place.count("pos") == 0


async def test_a_server_that_nobody_runs_is_unavailable() -> None:
    sink = MysqlSink(names=Names(Path("nothing.json")), host="127.0.0.1", port=1)
    with pytest.raises(SinkUnavailableError, match=r"MySQL at 127.0.0.1:1: nobody answers"):
        await sink.open()


async def test_days_that_are_over_go_and_the_newest_stay(place: Place) -> None:
    sink = place.sink(keep_days=2)
    await sink.open()
    for nth, days in enumerate((5, 3, 2, 0)):
        received = NOW_NS - days * DAY_NS
        await sink.write([a_frame(1 + nth * 10, *[LtpTick(INFY, 1), LtpTick(256265, 1)] * 5, received_ns=received)])
    retained = MysqlRetained(place.sink(keep_days=2))
    assert [(rule.name, rule.days) for rule in await retained.rules()] == [("ticks", 2), ("newest", None)]
    (ticks,) = [kept for kept in await retained.stats() if kept.name == "ticks"]
    today = NOW_NS - NOW_NS % DAY_NS
    assert (ticks.oldest_ns, ticks.newest_ns) == (today - 5 * DAY_NS, today)
    assert [removed.rows for removed in await retained.cleanup(NOW_NS)] == [20]
    assert await place.ask("SELECT MIN(seq), COUNT(*) FROM ticks") == [(21, 20)]
    assert await place.count("quotes") == 2
    assert await place.count("days") == 2
    assert await retained.cleanup(NOW_NS) == []


async def test_a_clock_that_runs_years_ahead_empties_no_table(place: Place) -> None:
    sink = place.sink(keep_days=2)
    await sink.open()
    for nth, days in enumerate((2, 0)):
        await sink.write([a_frame(1 + nth, LtpTick(INFY, 1), received_ns=NOW_NS - days * DAY_NS)])
    assert await MysqlRetained(place.sink(keep_days=2)).cleanup(NOW_NS + 3000 * DAY_NS) == []
    assert await place.count("ticks") == 2


async def test_without_days_everything_is_kept(place: Place, sink: MysqlSink) -> None:
    await sink.write([a_frame(1, LtpTick(INFY, 1), received_ns=NOW_NS - 900 * DAY_NS)])
    assert await MysqlRetained(place.sink()).cleanup(NOW_NS) == []
    assert await place.count("ticks") == 1


async def test_the_writer_does_not_wait_while_old_days_go(place: Place) -> None:
    sink = place.sink()
    await sink.open()
    for first in range(1, 20_001, 5000):
        old = [Frame(f.first_seq, f.count, f.received_ns - 9 * DAY_NS, f.records) for f in frames(first, 5000)]
        await sink.write(old)
    await sink.write(frames(20_001, 50))
    cleanup = asyncio.ensure_future(MysqlRetained(place.sink(keep_days=1)).cleanup(NOW_NS))
    slowest, first = 0.0, 20_051
    while not cleanup.done() or first < 21_000:
        begun = time.monotonic()
        await sink.write(frames(first, 50))
        slowest, first = max(slowest, time.monotonic() - begun), first + 50
    assert [removed.rows for removed in await cleanup] == [20_000]
    assert await place.count("ticks") == first - 20_001
    assert slowest < 2, "one slice of the cleanup takes some twenty milliseconds"


async def test_a_path_for_a_host_is_the_servers_socket(place: Place) -> None:
    sink = place.sink(host=str(place.server.socket))
    await sink.open()
    await sink.write([a_frame(1, LtpTick(INFY, 1))])
    assert await place.count("ticks") == 1
    with pytest.raises(SinkUnavailableError, match=r"MySQL at /nowhere/s: nobody answers"):
        await place.sink(host="/nowhere/s").open()


async def test_a_server_that_takes_one_statement_at_a_time_gets_the_same_rows(
    place: Place, sink: MysqlSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = sink.server.ask

    async def one_at_a_time(statement: str) -> Any:
        if ";" in statement:
            raise ProgrammingError(1064, "client has multi-statement capability disabled")
        return await asked(statement)

    monkeypatch.setattr(sink.server, "ask", one_at_a_time)
    assert (await sink.write(frames(1, 100))).records == 100
    assert [await place.count(table) for table in ("ticks", "quotes", "depth", "instruments", "pos")] == [
        100,
        7,
        7,
        7,
        1,
    ]
