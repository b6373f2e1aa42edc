"""Every way to know that a service is ready: good, not yet, a wrong answer, none at all, and bytes of no sense."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from servers.influxdb import influxdb
from servers.mariadb import PASSWORD, USER, mariadb
from servers.process import free_port
from servers.redis import redis_server
from tradewarden.machines.service import Ready, Service
from tradewarden.orchestrator.checks.asking import Asking
from tradewarden.orchestrator.checks.check import Check, Verdict
from tradewarden.orchestrator.checks.registry import KINDS, SERVERS, check_of, problem

PATIENCE = 0.15
SECRET = "open-sesame-42"
TARGETS = {  # how each kind writes the address of a server
    "port": "127.0.0.1:{port}",
    "http": "http://desk:" + SECRET + "@127.0.0.1:{port}/ready?token=" + SECRET,
    "redis": "redis://desk:" + SECRET + "@127.0.0.1:{port}/0",
    "mysql": "127.0.0.1:{port}",
    "influx": "http://desk:" + SECRET + "@127.0.0.1:{port}",
}
SPEAKING = sorted(set(TARGETS) - {"port"})


def check(kind: str, target: str = "", *, patience: float = PATIENCE, log: Path = Path("it.log")) -> Check:
    """The check of a service that was started a moment ago."""
    began = datetime.now(UTC)
    service = Service(name="it", command=("it",), ready=Ready(kind=kind, target=target))
    return check_of(service, log=log, started_at=lambda: began, patience=patience)


async def asked(one: Check) -> Verdict:
    """Its verdict, which comes in time whatever happens."""
    async with asyncio.timeout(PATIENCE + 2):
        verdict = await one.ask()
    assert verdict.text
    assert not verdict.text.endswith(".")
    assert SECRET not in verdict.text
    return verdict


@asynccontextmanager
async def speaker(says: bytes | None = None, *, every: float = 0.0) -> AsyncIterator[int]:
    """The port of a server that says this to everybody, at once or byte by byte; nothing: it never answers."""
    talks: set[asyncio.Task[None]] = set()

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(cast("asyncio.Task[None]", asyncio.current_task()))
        with suppress(ConnectionError, asyncio.CancelledError):  # the check has hung up, or the test is over
            for byte in says if says and every else b"":
                writer.write(bytes([byte]))
                await asyncio.sleep(every)
            if says is None:
                await asyncio.sleep(60)
            elif not every:
                writer.write(says)
                await writer.drain()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for one in talks:
            one.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


def test_every_kind_is_tried_here() -> None:
    assert set(KINDS) == {*TARGETS, "process", "exit", "file", "log_line", "rate"}
    assert set(TARGETS) == SERVERS


@pytest.mark.parametrize("kind", sorted(TARGETS))
async def test_where_nobody_listens_it_is_not_yet_ready(kind: str) -> None:
    port = free_port()
    verdict = await asked(check(kind, TARGETS[kind].format(port=port)))
    assert not verdict.good
    assert f"127.0.0.1:{port}" in verdict.text
    assert "nothing listens there" in verdict.text


@pytest.mark.parametrize("kind", sorted(TARGETS))
async def test_a_host_that_does_not_exist_is_named(kind: str) -> None:
    target = TARGETS[kind].format(port=80).replace("127.0.0.1", "desk.invalid")
    verdict = await asked(check(kind, target, patience=2))
    assert not verdict.good
    assert "desk.invalid" in verdict.text


@pytest.mark.parametrize("kind", sorted(TARGETS))
@pytest.mark.parametrize("host", ["a" * 64 + ".x", "a..b", "x\0y"])
async def test_a_host_that_can_be_none_is_a_verdict_too(kind: str, host: str) -> None:
    verdict = await asked(check(kind, TARGETS[kind].format(port=80).replace("127.0.0.1", host)))
    assert not verdict.good
    assert "correct the name of the host" in verdict.text


@pytest.mark.parametrize("kind", SPEAKING)
async def test_a_server_that_hangs_is_not_waited_for(kind: str) -> None:
    async with speaker(None) as port:
        verdict = await asked(check(kind, TARGETS[kind].format(port=port)))
    assert not verdict.good
    assert f"gave no answer within {PATIENCE:g} s" in verdict.text


@pytest.mark.parametrize("kind", SPEAKING)
async def test_a_server_that_drips_is_not_waited_for(kind: str) -> None:
    async with speaker(b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n" * 20, every=0.03) as port:
        verdict = await asked(check(kind, TARGETS[kind].format(port=port)))
    assert not verdict.good


@pytest.mark.parametrize("kind", SPEAKING)
@pytest.mark.parametrize(
    "says",
    [b"\x00\xff\x13\x37" * 100, b"SSH-2.0-OpenSSH_9.2p1\r\n", b"$999999999999\r\n", b"*3\r\n" * 50, b"\n" * 5000],
    ids=["bytes", "ssh", "huge", "nested", "empty lines"],
)
async def test_bytes_of_no_sense_are_no_answer(kind: str, says: bytes) -> None:
    async with speaker(says) as port:
        verdict = await asked(check(kind, TARGETS[kind].format(port=port)))
    assert not verdict.good
    assert f"127.0.0.1:{port}" in verdict.text


@pytest.mark.parametrize("kind", SPEAKING)
async def test_a_server_that_hangs_up_at_once_is_not_ready(kind: str) -> None:
    async with speaker(b"") as port:
        verdict = await asked(check(kind, TARGETS[kind].format(port=port)))
    assert not verdict.good
    assert "hung up" in verdict.text


async def test_a_port_is_ready_when_it_takes_connections_and_a_full_queue_does_not() -> None:
    with closing(socket.socket()) as listener, closing(socket.socket()) as first, closing(socket.socket()) as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        verdict = await asked(check("port", str(port)))
        assert verdict == Verdict(good=True, text=f"127.0.0.1:{port} takes connections")
        for caller in (first, second):
            caller.settimeout(0)
            caller.connect_ex(("127.0.0.1", port))
        assert "gave no answer" in (await asked(check("port", str(port)))).text


async def test_a_port_may_be_a_socket_of_the_file_system(tmp_path: Path) -> None:
    path = tmp_path / "s"
    assert "there is no such socket" in (await asked(check("port", str(path)))).text
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(path))
        listener.listen()
        assert (await asked(check("port", str(path)))).good


@pytest.mark.parametrize(("status", "good"), [(200, True), (204, True), (302, True), (404, False), (503, False)])
async def test_http_is_ready_with_any_success(status: int, *, good: bool) -> None:
    body = b"HTTP/1.1 %d x\r\nContent-Length: 0\r\nLocation: http://127.0.0.1:1/\r\n\r\n" % status
    async with speaker(body) as port:
        verdict = await asked(check("http", f"http://127.0.0.1:{port}/ready"))
    assert verdict.good is good
    assert f"http://127.0.0.1:{port}/ready answers with {status}" in verdict.text


async def test_redis_is_ready_when_it_answers_and_tells_what_it_wants(tmp_path: Path) -> None:
    async with redis_server(tmp_path, "--requirepass", SECRET) as server:
        place = f"127.0.0.1:{server.port}"
        verdict = await asked(check("redis", f"redis://:{SECRET}@{place}/3", patience=2))
        assert verdict == Verdict(good=True, text=f"Redis at {place} answers")
        assert "asks for a password" in (await asked(check("redis", place, patience=2))).text
        verdict = await asked(check("redis", f"redis://:wrong@{place}", patience=2))
        assert not verdict.good
        assert "correct user or password" in verdict.text
        verdict = await asked(check("redis", f"redis://:{SECRET}@{place}/99", patience=2))
        assert "DB index is out of range" in verdict.text


@pytest.mark.parametrize(
    ("says", "told"),
    [
        (b"-LOADING Redis is loading the dataset in memory\r\n", "is still reading its files"),
        (b"-DENIED Redis is running in protected mode\r\n", "is in protected mode"),
        (b"-ERR max number of clients reached\r\n", "max number of clients reached"),
        (b"+HELLO\r\n", "correct the port"),
    ],
)
async def test_a_redis_that_is_not_ready_says_why(says: bytes, told: str) -> None:
    async with speaker(says) as port:
        verdict = await asked(check("redis", str(port)))
    assert not verdict.good
    assert told in verdict.text


async def test_mysql_is_ready_when_it_greets_and_takes_the_login_that_is_asked_for() -> None:
    server = mariadb()
    place = f"127.0.0.1:{server.port}"
    verdict = await asked(check("mysql", place, patience=2))
    assert verdict.good
    assert "greets (" in verdict.text
    assert (await asked(check("mysql", str(server.socket), patience=2))).good
    login = f"mysql://{USER}:{PASSWORD.replace(' ', '%20')}@{place}"
    assert (await asked(check("mysql", f"{login}/mysql", patience=2))).good
    assert "Unknown database 'nowhere'" in (await asked(check("mysql", f"{login}/nowhere", patience=2))).text
    verdict = await asked(check("mysql", f"mysql://{USER}:{SECRET}@{place}/mysql", patience=2))
    assert not verdict.good
    assert "Access denied" in verdict.text


async def test_a_mysql_that_refuses_is_told_in_its_own_words() -> None:
    says = b"\xff\x10\x04Too many connections"
    async with speaker(len(says).to_bytes(3, "little") + b"\0" + says) as port:
        verdict = await asked(check("mysql", str(port)))
    assert verdict == Verdict(good=False, text=f"MySQL at 127.0.0.1:{port} refuses: Too many connections")


@pytest.mark.parametrize("says", [b"\x05\0\0\0\x0a", b"\xff\xff\xff\0" * 40, b"Host is blocked", b"\2\0\0\0\xff\1"])
async def test_a_login_to_what_is_no_mysql_is_a_verdict_too(says: bytes) -> None:
    async with speaker(says) as port:
        verdict = await asked(check("mysql", f"mysql://desk:{SECRET}@127.0.0.1:{port}/desk"))
    assert not verdict.good


async def test_influx_is_ready_when_it_answers_a_ping() -> None:
    url = influxdb().url
    verdict = await asked(check("influx", url, patience=2))
    assert verdict.good
    assert url.removeprefix("http://") in verdict.text
    assert (await asked(check("influx", url + "/", patience=2))).good


async def test_another_web_server_is_no_influx() -> None:
    async with speaker(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as port:
        assert not (await asked(check("influx", f"http://127.0.0.1:{port}"))).good


async def test_rate_without_measurement_says_so() -> None:
    verdict = await asked(check("rate", "redis:ticks"))
    assert verdict == Verdict(good=False, text="redis:ticks is not measured here")


@pytest.mark.parametrize("kind", ["process", "file", "log_line"])
async def test_what_does_not_run_is_not_ready(kind: str, tmp_path: Path) -> None:
    there = tmp_path / "it"
    there.touch()
    service = Service(
        name="it", command=("it",), ready=Ready(kind=kind, target="" if kind == "process" else str(there))
    )
    verdict = await asked(check_of(service, log=tmp_path / "it.log", started_at=lambda: None))
    assert verdict == Verdict(good=False, text="it does not run: its log says why")


async def test_a_file_counts_when_it_was_made_in_this_life(tmp_path: Path) -> None:
    path = tmp_path / "ready"
    began = datetime.now(UTC)
    service = Service(name="it", command=("it",), directory=str(tmp_path), ready=Ready(kind="file", target="ready"))
    one = check_of(service, log=Path("it.log"), started_at=lambda: began)
    assert "is not there yet" in (await asked(one)).text
    path.touch()
    assert await asked(one) == Verdict(good=True, text=f"{path} is there")
    began += timedelta(seconds=1)
    assert "is an old file, of 20" in (await asked(one)).text


async def test_a_file_in_a_directory_that_is_none_is_a_verdict(tmp_path: Path) -> None:
    (tmp_path / "it").touch()
    assert "cannot be looked at: Not a directory" in (await asked(check("file", f"{tmp_path}/it/ready"))).text


async def test_a_step_is_ready_when_it_ended_well() -> None:
    code: list[int | None] = [None]
    service = Service(name="it", command=("it",), ready=Ready(kind="exit", target="3"))
    one = check_of(service, log=Path("it.log"), started_at=lambda: None, exit_code=lambda: code[0])
    assert not (await asked(one)).good
    for ended, told in ((0, "with code 0"), (1, "with code 1"), (-9, "by signal SIGKILL"), (-99, "by signal 99")):
        code[0] = ended
        assert await asked(one) == Verdict(good=False, text=f"it has ended {told}: its log says why")
    code[0] = 3
    assert (await asked(one)).good


async def test_a_process_is_ready_once_it_has_lasted_and_a_new_life_begins_anew() -> None:
    life = [datetime.now(UTC)]
    service = Service(name="it", command=("it",), ready=Ready(kind="process", target="0.05"))
    one = check_of(service, log=Path("it.log"), started_at=lambda: life[0])
    began = time.monotonic()
    assert "it has run for 0.0 of 0.05 s" in (await asked(one)).text
    assert (await Asking(one).until_good(5)).good
    assert time.monotonic() - began >= 0.05
    life[0] += timedelta(seconds=1)
    assert not (await asked(one)).good


@pytest.mark.parametrize(
    ("kind", "target", "allowed"),
    [
        ("nothing", "", "allowed are process, port"),
        ("process", "soon", "how many seconds"),
        ("process", "-1", "how many seconds"),
        ("process", "inf", "how many seconds"),
        ("port", "", "host:port"),
        ("port", "99999", "host:port"),
        ("port", "desk", "host:port"),
        ("port", "http://127.0.0.1:80", "host:port"),
        ("port", "[::1", "host:port"),
        ("http", "ftp://x", "http://"),
        ("http", "http://", "http://"),
        ("http", "http://x:99999", "http://"),
        ("redis", "http://x", "redis://"),
        ("redis", "redis://127.0.0.1/ticks", "number of a database"),
        ("mysql", "postgres://x", "mysql://"),
        ("influx", "127.0.0.1:8086", "http://"),
        ("log_line", "", "text"),
        ("log_line", "/(/", "regular expression"),
        ("file", "", "path"),
        ("file", "a\0b", "path"),
        ("rate", "ticks", "redis:STREAM"),
        ("rate", "kafka:ticks", "redis:STREAM"),
        ("exit", "256", "0 to 255"),
        ("exit", "-1", "0 to 255"),
    ],
)
def test_a_target_that_no_check_can_ask_is_told_with_what_is_allowed(kind: str, target: str, allowed: str) -> None:
    told = problem(Ready(kind=kind, target=target))
    assert told is not None
    assert allowed in told


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        *((kind, text.format(port=80)) for kind, text in TARGETS.items()),
        *(("port", text) for text in ("8050", "[::1]:80", "/run/it.sock")),
        *(("redis", text) for text in ("", "6380", "unix:///run/redis.sock", "rediss://10.0.0.1")),
        *(("mysql", text) for text in ("", "/run/mysqld/mysqld.sock", "db.example.org:3307")),
        *(("rate", text) for text in ("feed", "journal", "redis:kite:frames", "mysql:ticks", "influx:ticks")),
        *(("influx", ""), ("exit", ""), ("process", ""), ("file", "ready"), ("log_line", "/ready$/")),
    ],
)
def test_a_good_target_has_no_problem(kind: str, target: str) -> None:
    assert problem(Ready(kind=kind, target=target)) is None


def test_a_password_in_a_bad_address_is_not_repeated() -> None:
    for kind in sorted(TARGETS):
        assert SECRET not in str(problem(Ready(kind=kind, target=f"ftp://desk:{SECRET}@127.0.0.1:80/x")))


async def test_asking_costs_no_descriptor() -> None:
    def held() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    async with speaker(b"\x00\xff\x13") as port:
        await once_each(port)
        before = held()
        for _ in range(3):
            await once_each(port)
        assert held() <= before


async def once_each(port: int) -> None:
    """Every kind that asks a server, once."""
    for kind in sorted(TARGETS):
        await asked(check(kind, TARGETS[kind].format(port=port)))
