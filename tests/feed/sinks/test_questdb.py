"""What QuestDB is asked, against a stand-in that answers as its HTTP documentation says: there is no package of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from tradewarden.feed.names import Names
from tradewarden.feed.record import Frame, pack
from tradewarden.feed.sinks.influx import InfluxSink
from tradewarden.feed.sinks.sink import Written
from tradewarden.feed.tick import LtpTick

NOW_NS = 1_795_578_300_000_000_000


class StandIn:
    """Keeps what it was asked; refuses every line with `unlucky` in it, and the whole body with it."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.lines: list[str] = []
        self.position: int | None = None

    async def execute(self, request: web.Request) -> web.Response:
        statement = request.query["query"]
        self.statements.append(statement)
        dataset: list[list[Any]] = [[self.position]] if "max(seq)" in statement else [[len(self.lines)]]
        return web.json_response({"ddl": "OK"} if statement.startswith("CREATE") else {"dataset": dataset})

    async def write(self, request: web.Request) -> web.Response:
        assert request.query["precision"] == "n"
        lines = (await request.text()).splitlines()
        if any("instrument=13 " in line for line in lines):
            return web.json_response({"code": "invalid", "message": "no such luck", "line": 1}, status=400)
        self.lines += lines
        return web.Response(status=204)


@asynccontextmanager
async def a_server() -> AsyncIterator[tuple[StandIn, InfluxSink]]:
    stand_in, app = StandIn(), web.Application()
    app.add_routes([web.get("/exec", stand_in.execute), web.post("/write", stand_in.write)])
    async with TestServer(app) as server:
        sink = InfluxSink(
            names=Names(Path("none")), url=str(server.make_url("")), flavour="questdb", now_ns=lambda: NOW_NS
        )
        await sink.open()
        yield stand_in, sink
        await sink.close()


async def test_tables_have_keys_by_which_a_second_time_changes_nothing_and_days_that_expire() -> None:
    async with a_server() as (stand_in, _):
        ticks, cursor = stand_in.statements
        assert "CREATE TABLE IF NOT EXISTS ticks (timestamp TIMESTAMP, instrument SYMBOL, seq LONG" in ticks
        assert "last_price DOUBLE" in ticks
        assert ticks.endswith("PARTITION BY DAY TTL 7 DAYS WAL DEDUP UPSERT KEYS(timestamp, seq, instrument)")
        assert cursor.endswith("TTL 365 DAYS WAL DEDUP UPSERT KEYS(timestamp, sink)")


async def test_lines_are_written_and_the_position_after_them() -> None:
    async with a_server() as (stand_in, sink):
        assert await sink.position() == 0
        assert await sink.write([Frame(4, 2, NOW_NS, pack(LtpTick(5, 7)) * 2)]) == Written(2)
        assert [line.split()[0] for line in stand_in.lines] == ["ticks,instrument=5"] * 2 + ["cursor,sink=influx"]
        stand_in.position = 5
        assert await sink.position() == 5


async def test_a_line_that_it_refuses_is_set_aside_though_it_refuses_the_whole_body_for_it() -> None:
    async with a_server() as (stand_in, sink):
        records = b"".join(pack(LtpTick(number, 7)) for number in (11, 12, 13, 14))
        written = await sink.write([Frame(1, 4, NOW_NS, records)])
        assert [(aside.seq, aside.reason) for aside in written.set_aside] == [(3, "no such luck")]
        assert written.records == 3
        assert len(stand_in.lines) == 3 + 1
