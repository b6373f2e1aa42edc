"""How much flows, by source: entries of Redis, rows of MariaDB, points of InfluxDB, and what the desk counts itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from servers.influxdb import influxdb
from servers.mariadb import PASSWORD, USER, mariadb
from servers.process import free_port
from servers.redis import redis_server
from tradewarden.machines.service import Ready, Service
from tradewarden.orchestrator.checks.flow import WANTED, Flows
from tradewarden.orchestrator.checks.flow_window import Window
from tradewarden.orchestrator.checks.registry import check_of
from tradewarden.orchestrator.clock import IST

SECOND = 10**9


class Desk:
    """Flows with time as an argument: a second passes when the test says so."""

    simulated = False

    def __init__(
        self, servers: Mapping[str, Mapping[str, Any]], counts: Mapping[str, Callable[[], int]] | None = None
    ) -> None:
        self.ns = 100 * SECOND
        self._deeds: list[asyncio.Task[None]] = []
        self.looks = 0
        self.flows = Flows(servers, counts or {}, self, self._spawn)

    def mono_ns(self) -> int:
        return self.ns

    def now(self) -> datetime:
        return datetime(2026, 11, 23, 9, tzinfo=IST)

    def _spawn(self, deed: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        self.looks += 1
        self._deeds.append(asyncio.create_task(deed, name=name))
        return self._deeds[-1]

    async def second(self, source: str | None = None, *, seconds: float = 1.0) -> float | None:
        """A beat, and what it brought; the time passes before it."""
        self.ns += int(seconds * SECOND)
        rate = None if source is None else self.flows.rate(source)
        self.flows.look()
        await asyncio.gather(*self._deeds)
        self._deeds.clear()
        return rate if source is None else self.flows.rate(source)


@pytest.fixture
async def redis_desk(tmp_path: Path) -> AsyncIterator[tuple[Desk, Any]]:
    async with redis_server(tmp_path, "--requirepass", "sesame") as server:
        desk = Desk({"redis": {"url": server.url, "username": None, "password": "sesame"}})
        yield desk, server
        await desk.flows.close()


async def test_entries_of_a_stream_are_counted_whatever_is_trimmed(redis_desk: tuple[Desk, Any]) -> None:
    desk, server = redis_desk

    async def add(count: int) -> None:
        for _ in range(count):
            await server.ask("XADD", "ticks", "MAXLEN", "3", "*", "f", "1", password="sesame")

    await add(10)
    assert desk.flows.why("redis:ticks") == "redis:ticks is not measured yet"
    assert await desk.second("redis:ticks") is None
    await add(20)
    assert await desk.second("redis:ticks") == 20
    await add(10)
    assert await desk.second("redis:ticks") == 15
    for _ in range(6):
        await desk.second("redis:ticks")
    assert await desk.second("redis:ticks") == 0


async def test_what_is_no_stream_is_told(redis_desk: tuple[Desk, Any]) -> None:
    desk, server = redis_desk
    await server.ask("RPUSH", "list", "1", password="sesame")
    assert await desk.second("redis:list") is None
    assert "is no stream; nothing else counts" in desk.flows.why("redis:list")
    assert await desk.second("redis:none") is None
    assert desk.flows.why("redis:none").endswith(f"Redis at 127.0.0.1:{server.port} has no stream 'none'")


async def test_a_server_that_dies_and_comes_back_is_measured_again(redis_desk: tuple[Desk, Any]) -> None:
    desk, server = redis_desk
    await server.ask("XADD", "ticks", "*", "f", "1", password="sesame")
    await desk.second("redis:ticks")
    assert await desk.second("redis:ticks") == 0
    await server.kill()
    assert await desk.second("redis:ticks") is None
    assert "cannot be measured: Redis at" in desk.flows.why("redis:ticks")
    await server.start()
    await desk.second("redis:ticks")
    assert await desk.second("redis:ticks") == 0


async def test_a_server_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradewarden.orchestrator.checks.flow.PATIENCE", 0.1)
    stuck = asyncio.Event()

    async def never(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await stuck.wait()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(never, "127.0.0.1", 0) as server:
        desk = Desk({"redis": {"url": f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"}})
        assert await desk.second("redis:ticks") is None
        assert desk.flows.why("redis:ticks").endswith("the server gave no answer within 0.1 s")
        stuck.set()
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("place", "why"), [("127.0.0.1:PORT", "nothing listens there"), ("a..b", "label empty or too long")]
)
async def test_a_server_that_is_not_there_is_told(place: str, why: str) -> None:
    there = place.replace("PORT", str(free_port()))
    desk = Desk({name: {"url": f"{name}://{there}", "database": "x"} for name in ("redis", "influx")})
    assert await desk.second("redis:ticks") is None
    assert why in desk.flows.why("redis:ticks")


async def test_a_wrong_password_is_told(redis_desk: tuple[Desk, Any]) -> None:
    _, server = redis_desk
    desk = Desk({"redis": {"url": server.url, "password": "wrong"}})
    assert await desk.second("redis:ticks") is None
    assert "refuses: WRONGPASS" in desk.flows.why("redis:ticks")


@pytest.mark.parametrize(
    ("columns", "insert"),
    [
        (
            "id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, x INT",
            "INSERT INTO `q``uotes` (x) SELECT seq FROM seq_1_to_{n}",
        ),
        ("at DATETIME(6), x INT, KEY (at)", "INSERT INTO `q``uotes` SELECT NOW(6), seq FROM seq_1_to_{n}"),
    ],
    ids=["by its key", "by the server's count"],
)
async def test_rows_of_a_table_are_counted_without_reading_them(columns: str, insert: str) -> None:
    server = mariadb()
    database = await server.new_database()
    way = {"host": server.host, "port": server.port, "user": USER, "password": PASSWORD, "tls": False}
    desk = Desk({"mysql": {**way, "database": database}})
    assert await desk.second("mysql:q`uotes") is None
    assert f"has no table 'q`uotes' in '{database}'" in desk.flows.why("mysql:q`uotes")
    await server.ask(f"CREATE TABLE `q``uotes` ({columns})", database=database)
    assert await desk.second("mysql:q`uotes") is None
    await server.ask(insert.format(n=30), database=database)
    assert await desk.second("mysql:q`uotes") == pytest.approx(30, rel=0.1)
    await server.ask(insert.format(n=10), database=database)
    assert await desk.second("mysql:q`uotes") == pytest.approx(20, rel=0.1)
    await desk.flows.close()


async def test_a_login_that_mysql_refuses_is_told() -> None:
    server = mariadb()
    way = {"host": server.host, "port": server.port, "user": USER, "password": "wrong", "tls": False}
    desk = Desk({"mysql": {**way, "database": "mysql"}})
    assert await desk.second("mysql:ticks") is None
    assert "set sinks.mysql.user and sinks.mysql.password" in desk.flows.why("mysql:ticks")


async def test_points_of_a_measurement_are_counted_in_every_policy() -> None:
    server = influxdb()
    database = await server.new_database()
    await server.ask(f'CREATE RETENTION POLICY "fast" ON "{database}" DURATION 1d REPLICATION 1')
    desk = Desk({"influx": {"url": server.url, "database": database}})
    assert await desk.second("influx:ticks") == 0
    for policy in ("fast", "autogen"):
        assert await server.write(database, policy, *(f"ticks,i={i} a=1,b={i}" for i in range(5))) == 204
    assert await desk.second("influx:ticks") == 2
    await desk.flows.close()


async def test_a_database_that_is_not_there_is_told() -> None:
    desk = Desk({"influx": {"url": influxdb().url, "database": "nowhere"}})
    assert await desk.second("influx:ticks") is None
    assert "database not found: nowhere" in desk.flows.why("influx:ticks")
    await desk.flows.close()


async def test_the_desk_counts_its_own_ticks_without_asking_anybody() -> None:
    ticks = [100]
    desk = Desk({}, {"feed": lambda: ticks[0]})
    assert await desk.second("feed") is None
    ticks[0] += 50
    assert await desk.second("feed") == 50
    assert await desk.second("journal") is None
    assert desk.flows.why("journal") == "journal cannot be measured: this desk has none"
    assert await desk.second("redis:ticks") is None
    assert desk.flows.why("redis:ticks") == "redis:ticks cannot be measured: this desk knows no redis server"


async def test_nothing_is_measured_that_nobody_asks_for(redis_desk: tuple[Desk, Any]) -> None:
    desk, _ = redis_desk
    await desk.second()
    assert desk.looks == 0
    await desk.second("redis:ticks")
    await desk.second("redis:ticks", seconds=0.5)
    assert desk.looks == 1
    await desk.second(seconds=0.5)
    assert desk.looks == 2
    await desk.second(seconds=WANTED / SECOND)
    assert desk.looks == 3  # it hangs up
    await desk.second()
    assert desk.looks == 3


async def test_a_service_is_ready_when_enough_flows() -> None:
    ticks = [0]
    desk = Desk({}, {"feed": lambda: ticks[0]})
    service = Service(name="feed", command=("feed",), ready=Ready(kind="rate", target="feed", at_least=20))
    check = check_of(service, log=Path("feed.log"), started_at=lambda: None, flows=desk.flows)
    assert (await check.ask()).text == "feed is not measured yet"
    await desk.second()
    ticks[0] += 19
    await desk.second()
    assert (await check.ask()).text == "feed brings 19/s, 20/s are wanted: look at what feeds it"
    ticks[0] += 21
    await desk.second()
    verdict = await check.ask()
    assert verdict.good
    assert verdict.text == "feed brings 20/s"


def test_a_rate_is_that_of_the_last_five_seconds() -> None:
    window = Window()
    assert window.add(0, 1000) is None
    assert window.add(0, 1000) is None
    rates = [window.add(second * SECOND, 1000 + 100 * min(second, 10)) for second in range(1, 20)]
    assert rates[:10] == [100] * 10
    assert rates[-1] == 0
    assert rates[10:16] == [80, 60, 40, 20, 0, 0]  # of what came before the tenth, less falls into five each time


def test_a_count_that_falls_begins_anew() -> None:
    window = Window()
    window.add(0, 1000)
    assert window.add(SECOND, 1100) == 100
    assert window.add(2 * SECOND, 5) is None
    assert window.add(3 * SECOND, 25) == 20
