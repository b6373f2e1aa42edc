"""What only InfluxDB and its like do: policies, bars that catch up, and points that are refused."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from servers.influxdb import Influxdb, influxdb
from sink_contract import frames
from tradewarden.feed.names import Names
from tradewarden.feed.record import HAS_LTP, RECORD, Frame, Kind, Mark, pack
from tradewarden.feed.sinks.influx import A_REQUEST, InfluxSink
from tradewarden.feed.sinks.influx_retained import InfluxRetained
from tradewarden.feed.sinks.sink import SinkMisfitError, SinkUnavailableError, Written
from tradewarden.feed.tick import FullTick, LtpTick, Tick

SECOND, DAY_NS = 1_000_000_000, 86_400_000_000_000
MINUTE = 60 * SECOND
INFY, NIFTY = 408065, 256265


class Place:
    """One database of a test."""

    def __init__(self, server: Influxdb, database: str, directory: Path) -> None:
        self.server, self.database, self._directory = server, database, directory
        self.sinks: list[InfluxSink] = []

    def sink(self, **settings: Any) -> InfluxSink:
        values = {"url": self.server.url, "database": self.database, **settings}
        self.sinks.append(InfluxSink(names=Names(self._directory / "instruments.json"), **values))
        return self.sinks[-1]

    async def rows(self, question: str) -> list[list[Any]]:
        """The values of all series, one after the other."""
        return [row for series in await self.server.ask(question, self.database) for row in series["values"]]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    server = influxdb()
    place = Place(server, await server.new_database(), tmp_path)
    yield place
    for sink in place.sinks:
        await sink.close()


@pytest.fixture
async def sink(place: Place) -> InfluxSink:
    sink = place.sink()
    await sink.open()
    return sink


def a_frame(first: int, received_ns: int, *ticks: Tick, marks: int = 0) -> Frame:
    return Frame(first, len(ticks), received_ns, b"".join(pack(tick, marks) for tick in ticks))


def a_minute_ago() -> int:
    """The beginning of a minute that is over: what is newer than the policies keep."""
    now = time.time_ns()
    return now - now % MINUTE - 10 * MINUTE


def told(rows: Iterable[list[Any]], begin: int) -> list[list[Any]]:
    """Rows with their time in seconds since `begin`."""
    return [[(at - begin) // SECOND, *rest] for at, *rest in rows]


async def test_each_policy_has_its_duration_and_its_shards_and_opening_again_changes_nothing(
    place: Place, sink: InfluxSink
) -> None:
    for _ in range(2):
        found = {
            row[0]: (*row[1:3], row[4]) for row in await place.rows(f'SHOW RETENTION POLICIES ON "{place.database}"')
        }
        assert found == {
            "autogen": ("0s", "168h0m0s", False),
            "default": ("720h0m0s", "24h0m0s", True),
            "high_frequency": ("168h0m0s", "24h0m0s", False),
            "long_term": ("8760h0m0s", "168h0m0s", False),
        }
        assert await sink.database.ensure() == []
        await sink.open()


async def test_a_policy_follows_the_settings(place: Place) -> None:
    await place.sink().open()
    await place.sink(high_frequency_days=14).open()
    rows = await place.rows(f'SHOW RETENTION POLICIES ON "{place.database}"')
    assert [row[1] for row in rows if row[0] == "high_frequency"] == ["336h0m0s"]


async def test_a_tick_is_there_with_exact_prices(place: Place, sink: InfluxSink) -> None:
    received = a_minute_ago()
    await sink.write([a_frame(5, received, FullTick(INFY, 152_345, volume=2**53 + 1, exchange_ts=1_795_578_300))])
    fields = "instrument, seq, received_ns, last_price, volume, exchange_ns"
    assert await place.rows(f"SELECT {fields} FROM high_frequency.ticks") == [
        [received + 5, str(INFY), 5, received, 1523.45, 2**53 + 1, 1_795_578_300 * SECOND]
    ]


async def test_an_instrument_can_be_found_by_its_symbol(place: Place, tmp_path: Path) -> None:
    (tmp_path / "instruments.json").write_text(f'{{"instruments": [[{INFY}, "NSE", "INFY", "INFOSYS", "EQ"]]}}')
    sink = place.sink()
    await sink.open()
    await sink.write([a_frame(1, a_minute_ago(), LtpTick(INFY, 1), LtpTick(NIFTY, 1))])
    question = "SHOW TAG VALUES FROM long_term.instruments WITH KEY = instrument WHERE symbol = 'INFY'"
    assert await place.rows(question) == [["instrument", str(INFY)]]


def a_market(begin: int, minutes: int, first: int = 1) -> list[Frame]:
    """A tick every 10 s for each of two instruments; the price climbs by one rupee a tick."""
    return [
        a_frame(first + 2 * nth, begin + nth * 10 * SECOND, FullTick(INFY, 100 * nth, volume=nth), LtpTick(NIFTY, 700))
        for nth in range(minutes * 6)
    ]


async def test_bars_are_there_when_the_sink_closes_the_open_minute_too(place: Place, sink: InfluxSink) -> None:
    begin = a_minute_ago()
    await sink.write(a_market(begin, 2))
    await sink.write([a_frame(25, begin + 2 * MINUTE + 3 * SECOND, FullTick(INFY, 90_000, volume=50))])
    await sink.close()
    fields = "open, high, low, close, volume, ticks"
    minutes = await place.rows(f"SELECT {fields} FROM long_term.bars_1m WHERE instrument = '{INFY}'")
    assert told(minutes, begin) == [
        [0, 0, 5, 0, 5, 5, 6],
        [60, 6, 11, 6, 11, 11, 6],
        [120, 900, 900, 900, 900, 50, 1],
    ]
    seconds = await place.rows(f"SELECT {fields} FROM \"default\".bars_1s WHERE instrument = '{INFY}'")
    assert told(seconds, begin)[:2] == [[0, 0, 0, 0, 0, 0, 1], [10, 1, 1, 1, 1, 1, 1]]
    assert len(seconds) == 13


async def test_bars_of_an_outage_are_made_when_its_ticks_come_late(place: Place, sink: InfluxSink) -> None:
    begin = a_minute_ago() - 180 * MINUTE  # three hours behind, as after an outage
    await sink.write(a_market(begin, 150))
    await sink.close()
    counted = await place.rows(f"SELECT count(ticks), sum(ticks) FROM long_term.bars_1m WHERE instrument = '{INFY}'")
    assert [row[1:] for row in counted] == [[150, 900]]


async def test_bars_that_a_kill_left_open_are_made_by_the_next_sink(place: Place, sink: InfluxSink) -> None:
    begin, some = a_minute_ago(), a_market(a_minute_ago(), 3)
    await sink.write(some[:9])
    assert sink._bars is not None
    await sink._bars.catch_up()
    await sink.write(some[9:14])
    await sink.http.close()  # no goodbye: the bars of the last five ticks are not made
    follower = place.sink()
    await follower.open()
    await follower.close()
    minutes = await place.rows(f"SELECT ticks FROM long_term.bars_1m WHERE instrument = '{INFY}'")
    assert told(minutes, begin) == [[0, 6], [60, 6], [120, 2]]


async def test_bars_are_made_anew_when_the_clock_is_set_back(place: Place, sink: InfluxSink) -> None:
    begin = a_minute_ago()
    await sink.write(a_market(begin, 4))
    assert sink._bars is not None
    await sink._bars.catch_up()
    await sink.write([a_frame(100, begin + SECOND, FullTick(INFY, 777))])
    await sink.close()
    minutes = await place.rows(f"SELECT high, ticks FROM long_term.bars_1m WHERE instrument = '{INFY}'")
    assert told(minutes, begin)[0] == [0, 7.77, 7]


async def test_a_desk_that_wants_no_bars_has_none(place: Place) -> None:
    sink = place.sink(bars=False)
    await sink.open()
    await sink.write(a_market(a_minute_ago(), 2))
    await sink.close()
    assert await place.rows("SELECT ticks FROM long_term.bars_1m") == []


async def test_a_doubtful_price_is_kept_and_makes_no_bar(place: Place, sink: InfluxSink) -> None:
    begin = a_minute_ago()
    await sink.write([a_frame(1, begin, LtpTick(INFY, 100)), a_frame(2, begin, LtpTick(INFY, 1), marks=Mark.PRICE)])
    await sink.close()
    assert [row[1] for row in await place.rows("SELECT low FROM long_term.bars_1m")] == [1.0]
    assert [row[1] for row in await place.rows("SELECT marks FROM high_frequency.ticks")] == [0, 1]


async def test_the_position_is_noted_after_all_requests_of_which_two_are_under_way_at_most(
    tmp_path: Path,
) -> None:
    under_way, most, came = 0, 0, list[str]()
    both = asyncio.Event()

    async def write(request: web.Request) -> web.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if under_way > 1:
            both.set()
        text = await request.text()
        async with asyncio.timeout(5):
            await both.wait()  # the first is answered when the second has come, and not before
        under_way -= 1
        came.append(text.partition(" ")[0].partition(",")[0])
        return web.Response(status=204)

    async def status(_: web.Request) -> web.Response:
        return web.json_response({})

    app = web.Application()
    app.add_routes([web.get("/api/v1/status/tsdb", status), web.post("/write", write)])
    ticks = [LtpTick(INFY, price) for price in range(1, A_REQUEST + 1)]
    async with TestServer(app) as server:
        sink = InfluxSink(names=Names(tmp_path / "none"), url=str(server.make_url("")), flavour="victoriametrics")
        await sink.open()
        await sink.write([a_frame(1 + nth * A_REQUEST, a_minute_ago(), *ticks) for nth in range(4)])
        await sink.close()
    assert came == [*["ticks"] * 4, "cursor"]
    assert most == 2


async def test_points_older_than_the_policy_are_counted_and_the_rest_is_there(place: Place, sink: InfluxSink) -> None:
    now = a_minute_ago()
    old = [Frame(f.first_seq, f.count, now - 8 * DAY_NS, f.records) for f in frames(1, 100)]
    new = [Frame(f.first_seq, f.count, now, f.records) for f in frames(101, 50)]
    assert await sink.write([*old, *new]) == Written(50)
    assert sink.dropped == 100
    assert await sink.position() == 150
    assert [row[1] for row in await place.rows("SELECT count(seq) FROM high_frequency.ticks")] == [50]


async def test_a_measurement_that_refuses_everything_is_a_matter_for_a_person(place: Place, sink: InfluxSink) -> None:
    now = a_minute_ago()
    await place.server.write(place.database, "high_frequency", f'odds last_price="text" {now}')
    odds = RECORD.pack(Kind.ODDS, 2, 0, HAS_LTP, 0, NIFTY, 0, 0, 100, *[0] * 12, bytes(120))
    with pytest.raises(SinkMisfitError, match=r"refuses point after point.*field type conflict"):
        await sink.write([Frame(1, 30, now, odds * 30)])
    assert await sink.position() == 0


async def test_a_measurement_of_another_shape_is_named_and_nothing_is_written(place: Place, sink: InfluxSink) -> None:
    await place.server.write(place.database, "high_frequency", "ticks last_price=5i")
    with pytest.raises(SinkMisfitError, match=r"ticks .* is not ours: field last_price is integer, not float"):
        await sink.open()


async def test_a_missing_database_is_named_with_the_statement_that_makes_it(place: Place) -> None:
    with pytest.raises(SinkMisfitError, match="no database 'nowhere'; make it with: CREATE DATABASE \"nowhere\""):
        await place.sink(database="nowhere").open()


async def test_a_database_that_goes_while_we_write_is_asked_for_again_at_the_next_opening(
    place: Place, sink: InfluxSink
) -> None:
    await place.server.ask(f'DROP DATABASE "{place.database}"')
    with pytest.raises(SinkUnavailableError, match="database not found"):
        await sink.write(frames(1, 10))
    with pytest.raises(SinkMisfitError, match="make it with"):
        await sink.open()


async def test_a_policy_that_goes_while_we_write_is_made_again_at_the_next_opening(
    place: Place, sink: InfluxSink
) -> None:
    await place.server.ask(f'DROP RETENTION POLICY high_frequency ON "{place.database}"')
    with pytest.raises(SinkUnavailableError, match="retention policy not found"):
        await sink.write(frames(1, 10))
    await sink.open()
    await sink.write([a_frame(1, a_minute_ago(), LtpTick(INFY, 1))])


async def test_a_wrong_password_is_said_and_so_is_what_an_administrator_has_to_run(tmp_path: Path) -> None:
    influxdb()  # says it when there is none
    server = Influxdb(tmp_path, HTTP_AUTH_ENABLED="true")
    server.start()
    try:
        await server.ask("CREATE USER root WITH PASSWORD 'r' WITH ALL PRIVILEGES")
        place = Place(server, "desk", tmp_path)
        with pytest.raises(SinkMisfitError, match=r"refuses the user: .*; set sinks.influx.username and"):
            await place.sink(username="root", password="wrong").open()
        root = place.sink(username="root", password="r")
        await root.http.open()
        for statement in ("CREATE DATABASE desk", "CREATE USER desk WITH PASSWORD 'd'", "GRANT ALL ON desk TO desk"):
            await root.http.post("/query", {"q": statement})
        user = place.sink(username="desk", password="d")
        with pytest.raises(SinkMisfitError, match="an administrator has to run: CREATE RETENTION POLICY"):
            await user.open()
        await root.open()
        await user.open()
        assert await user.write([a_frame(1, a_minute_ago(), LtpTick(INFY, 1))]) == Written(1)
        for sink in place.sinks:
            await sink.close()
    finally:
        server.kill()


async def test_what_is_kept_how_long_is_told_and_old_shards_go(place: Place, sink: InfluxSink) -> None:
    now = a_minute_ago()
    for days in (0, 3):
        await sink.write([a_frame(1 + days, now - days * DAY_NS, LtpTick(INFY, 1))])
    retained = InfluxRetained(sink)
    rules = {rule.name: rule.days for rule in await retained.rules()}
    assert rules == {"default": 30, "high_frequency": 7, "long_term": 365, "autogen": None}
    stats = {kept.name: kept for kept in await retained.stats()}
    raw = stats["high_frequency"]
    today = now - now % DAY_NS
    assert (raw.oldest_ns, raw.newest_ns) == (today - 3 * DAY_NS, today + DAY_NS)
    assert raw.bytes
    assert await retained.create() == []
    gone = await retained.cleanup(now + 5 * DAY_NS)
    assert [removed.name.split()[0] for removed in gone] == ["high_frequency"]
    await sink.open()
    assert [row[1] for row in await place.rows("SELECT seq FROM high_frequency.ticks")] == [1]


# A server that loses what it had acknowledged


@pytest.mark.parametrize("notices", [True, False], ids=["at the broken connection", "at the next write"])
async def test_what_the_server_loses_of_its_log_is_written_again(tmp_path: Path, notices: bool) -> None:  # noqa: FBT001
    (tmp_path / "influxdb").mkdir()
    server = Influxdb(tmp_path / "influxdb")
    server.start()
    try:
        place = Place(server, await server.new_database(), tmp_path)
        sink = place.sink(bars=False)
        for until, found in ((100, 0), (200, 50)):
            await sink.open()
            assert await sink.position() == found
            for each in frames(found + 1, until - found):
                await sink.write([each])
            server.kill()
            if until == 100:
                tear(tmp_path)
            server.start()
        if not notices:
            with pytest.raises(SinkUnavailableError, match="has lost ticks that it had acknowledged"):
                await sink.write(frames(201, 50))
        await sink.open()
        assert await sink.position() == 50
        await sink.write(frames(51, 250))
        assert await sink.position() == 300
        there = await place.rows('SELECT "seq" FROM "high_frequency"."ticks"')
        assert sorted(row[1] for row in there) == list(range(1, 301))
        await sink.close()
    finally:
        server.kill()


def tear(folder: Path) -> None:
    """The end of the log as a SIGKILL in the middle of a write leaves it: what follows is lost at the next start."""
    logs = (folder / "influxdb").glob("wal/*/high_frequency/*/_*.wal")
    log = max(logs, key=lambda log: log.stat().st_size)  # another has the first day's position alone
    os.truncate(log, log.stat().st_size - 20)
