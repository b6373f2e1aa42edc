"""`tradewarden check --live` asks this machine: servers, ports and who has them, docker, disks, keepers."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from servers.influxdb import influxdb
from servers.mariadb import PASSWORD, USER, mariadb
from servers.process import free_port
from servers.redis import redis_server
from tradewarden import __main__ as command_line
from tradewarden.check_command import Grade
from tradewarden.check_live import about_machine
from tradewarden.feed.segment import file_name
from tradewarden.orchestrator.clock import IST
from tradewarden.orchestrator.keepers import SOCKET
from tradewarden.orchestrator.keeping import lock
from tradewarden.orchestrator.launch import ZYGOTE
from tradewarden.settings import load

BARE = 'state_dir = "var"\n[http]\nport = 0\n'
PROGRAM = 'command = "sleep 1"\n'
LISTENS = (
    "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); print('', flush=True); input()"
)


@pytest.fixture(autouse=True)
def _bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of ours, and a directory of its own."""
    for name in list(os.environ):
        if name.startswith("TRADEWARDEN_") or name in ("CREDENTIALS_DIRECTORY", "STATE_DIRECTORY"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


async def told(text: str = "") -> dict[str, Grade]:
    """Every sentence with its grade."""
    path = Path("tradewarden.toml")
    path.write_text(BARE + text)
    async with asyncio.timeout(20):
        return {finding.text: finding.grade async for finding in about_machine(load(path))}


async def about(what: str, text: str) -> list[tuple[Grade, str]]:
    """The sentences about this."""
    return [(grade, sentence) for sentence, grade in (await told(text)).items() if sentence.startswith(what)]


@contextmanager
def listening(port: int, **marks: str) -> Iterator[int]:
    """The pid of a program that has this port."""
    command = [sys.executable, "-c", LISTENS, str(port)]
    with subprocess.Popen(
        command, env=os.environ | marks, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "\n"
        try:
            yield process.pid
        finally:
            process.kill()


async def test_a_bare_desk_has_a_disk_and_may_write() -> None:
    findings = await told()
    assert set(findings.values()) == {Grade.GOOD}
    assert any(text.endswith("(state, logs, journal) has ", 0, text.index(" has ") + 5) for text in findings)
    assert "state_dir: this user may write there." in findings
    assert not Path("var").exists()


# Servers


async def test_servers_of_stores_are_asked_as_the_user_who_will_write(tmp_path: Path) -> None:
    mysql, influx = mariadb(), influxdb()
    database, series = await mysql.new_database(), await influx.new_database()
    async with redis_server(tmp_path, "--requirepass", "sesame") as redis:
        text = f"""
[sinks.redis]
enabled = true
url = "{redis.url}"
password = "sesame"
[sinks.mysql]
enabled = true
port = {mysql.port}
user = "{USER}"
password = "{PASSWORD}"
database = "{database}"
[sinks.influx]
enabled = true
url = "{influx.url}"
database = "{series}"
"""
        assert await about("sinks.", text) == [
            (Grade.GOOD, f"sinks.redis: Redis at 127.0.0.1:{redis.port} answers."),
            (Grade.GOOD, f"sinks.mysql: MySQL at 127.0.0.1:{mysql.port} takes the login of '{USER}'."),
            (Grade.GOOD, f"sinks.influx: InfluxDB at {influx.url} answers, and has the database '{series}'."),
        ]
        text = text.replace("sesame", "wrong").replace(database, "nowhere").replace(series, "nowhere")
        (redis_says, mysql_says, influx_says) = await about("sinks.", text)
    assert {redis_says[0], mysql_says[0], influx_says[0]} == {Grade.FAULT}
    assert "refuses the login" in redis_says[1]
    assert "Access denied" in mysql_says[1] or "Unknown database" in mysql_says[1]
    assert "make it with: CREATE DATABASE" in influx_says[1]


async def test_a_server_that_is_away_is_a_fault_unless_the_desk_starts_it() -> None:
    port = free_port()
    sink = f'[sinks.redis]\nenabled = true\nurl = "redis://127.0.0.1:{port}/0"\n'
    ((grade, sentence),) = await about("sinks.redis", sink)
    assert grade is Grade.FAULT
    assert sentence.endswith("nothing listens there; start it, or correct the port.")
    ours = f'[services.cache]\n{PROGRAM}ready.redis = "{port}"\n'
    assert await about("sinks.redis", sink + ours) == [
        (Grade.GOOD, f"sinks.redis: nothing answers at 127.0.0.1:{port} yet; services.cache will.")
    ]


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ('[sinks.nats]\nenabled = true\nurl = "nats://127.0.0.1:{port}"\n', "sinks.nats"),
        ('[sinks.influx]\nenabled = true\nflavour = "questdb"\nurl = "http://127.0.0.1:{port}"\n', "sinks.influx"),
        ('[feed]\nsource = "zmq"\nurl = "tcp://127.0.0.1:{port}"\n', "feed.url"),
    ],
)
async def test_a_server_that_only_takes_connections_is_taken_at_its_word(text: str, setting: str) -> None:
    port = free_port()
    ((grade, _),) = await about(setting, text.format(port=port))
    assert grade is Grade.FAULT
    with listening(port):
        assert await about(setting, text.format(port=port)) == [
            (Grade.GOOD, f"{setting}: 127.0.0.1:{port} takes connections.")
        ]


# Ports


async def test_a_port_that_somebody_else_has_is_a_fault_with_pid_and_command() -> None:
    port = free_port()
    text = f"[services.chart]\n{PROGRAM}ports = [{port}]\n"
    assert (Grade.GOOD, f"services.chart: port {port} is free.") in await about("services.", text)
    with listening(port) as pid:
        sentences = [each for grade, each in await about("services.chart", text) if grade is Grade.FAULT]
    (sentence,) = sentences
    assert sentence.startswith(f"services.chart: port {port} is taken by pid {pid} ({sys.executable} -c")
    assert sentence.endswith(": end it, or let one of them use another port.")


async def test_a_port_that_the_service_has_itself_is_as_it_should_be(tmp_path: Path) -> None:
    port = free_port()
    text = f"[services.chart]\n{PROGRAM}ready.port = {port}\n"
    with listening(port, TRADEWARDEN_SERVICE="chart", TRADEWARDEN_KEEPER=f"{tmp_path}/var/keepers/chart"):
        findings = await about("services.chart", text)
    assert (Grade.GOOD, f"services.chart runs: 127.0.0.1:{port} takes connections.") in findings
    assert Grade.FAULT not in dict(findings)


@pytest.mark.parametrize(("folder", "whose"), [("var/keepers", "this"), ("elsewhere", "another")])
async def test_a_port_that_another_of_the_desk_s_programs_has_is_told(tmp_path: Path, folder: str, whose: str) -> None:
    port = free_port()
    with listening(port, TRADEWARDEN_SERVICE="old", TRADEWARDEN_KEEPER=f"{tmp_path}/{folder}/old"):
        findings = await about("services.chart", f"[services.chart]\n{PROGRAM}ports = [{port}]\n")
    (sentence,) = [each for grade, each in findings if grade is Grade.FAULT]
    assert f", which is services.old of {whose} desk: end it" in sentence


async def test_a_stranger_who_would_make_a_service_look_ready_is_named() -> None:
    port = free_port()
    text = f'[services.api]\n{PROGRAM}ready.http = "http://127.0.0.1:{port}/health"\n'
    with listening(port) as pid:
        ((grade, sentence),) = await about("services.api", text)
    assert grade is Grade.WARNING
    assert f"counts as ready once 127.0.0.1:{port} answers, and pid {pid} (" in sentence
    assert await about("services.api", text) == [
        (Grade.GOOD, f"services.api: nothing answers at 127.0.0.1:{port} yet, as long as it does not run.")
    ]


async def test_a_service_that_is_ready_by_another_machine_is_asked_for_there() -> None:
    text = f'[services.api]\n{PROGRAM}ready.port = "desk.invalid:80"\n'
    ((grade, sentence),) = await about("services.api", text)
    assert grade is Grade.WARNING
    assert "is ready by another machine: desk.invalid:80 cannot be" in sentence


async def test_the_desk_s_own_port_may_be_its_daemon_s_and_nobody_else_s() -> None:
    port = free_port()
    text = f"[sinks.zmq]\nenabled = true\nport = {port}\n"
    assert await about("sinks.zmq", text) == [(Grade.GOOD, f"sinks.zmq.port: port {port} is free.")]
    with closing(socket.create_server(("127.0.0.1", port))):
        ((grade, sentence),) = await about("sinks.zmq", text)
        assert grade is Grade.FAULT
        assert f"is taken by pid {os.getpid()} (" in sentence
        Path("var").mkdir()
        Path("var/lock").write_text(str(os.getpid()))
        assert await about("sinks.zmq", text) == [
            (Grade.GOOD, f"sinks.zmq.port: port {port} is the running daemon's ({os.getpid()}).")
        ]


async def test_a_port_that_outgoing_connections_may_take_is_a_warning() -> None:
    first, last = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    findings = await about("services.chart", f"[services.chart]\n{PROGRAM}ports = [{last}, {int(first) - 1}]\n")
    (sentence,) = [each for grade, each in findings if grade is Grade.WARNING]
    assert f"port {last} is one of those that this machine takes for outgoing connections" in sentence


# Docker, disks, keepers


async def test_docker_is_asked_for_when_a_group_of_containers_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\necho 'docker: unknown command' >&2\nexit 1\n")
    docker.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    Path("boxes.yaml").touch()
    text = '[services.boxes]\nkind = "containers"\ncompose = "boxes.yaml"\n'
    (sentence,) = [each for grade, each in await about("services.boxes", text) if grade is Grade.FAULT]
    assert sentence == (
        "services.boxes: `docker compose version` fails (docker: unknown command): install docker's compose plugin."
    )
    docker.write_text("#!/bin/sh\necho 27.0\n")
    assert (Grade.GOOD, "services.boxes: docker 27.0 answers (27.0).") in await about("services.boxes", text)


async def test_the_journal_says_how_long_the_disk_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Path("var/journal")
    journal.mkdir(parents=True)
    for day, size in ((2, 10), (2, 30), (3, 20)):
        segment = journal / file_name(day * 1000 + size)
        segment.write_bytes(b"x" * size * 1000)
        at = datetime(2026, 11, day, 10, tzinfo=IST).timestamp()
        os.utime(segment, (at, at))
    full = os.statvfs_result((4096, 4096, 10**9, 0, 10**6, 10**6, 1000, 1000, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: full)
    findings = await told("[journal]\nkeep_gb = 5\n")
    assert any(" has 4.1 GB free, 102,400 days at 40 kB a day" in text for text in findings)
    (sentence,) = [text for text, grade in findings.items() if grade is Grade.WARNING]
    assert sentence.startswith(
        "journal.keep_gb = 5, but the journal's 60 kB and the 4.1 GB that are free there are less"
    )
    findings = await told(f"[journal]\nkeep_gb = 1\n[services.a]\n{PROGRAM}log.megabytes = 1000\n")
    assert any(text.startswith("The logs of all services may grow to 6 GB, and 4.1 GB are free") for text in findings)


async def test_a_directory_that_takes_no_file_is_a_fault() -> None:
    Path("file").touch()
    findings = await about("desk.", f'[desk]\nrun_dir = "file/keepers"\n[services.a]\n{PROGRAM}')
    ((grade, sentence),) = findings
    assert grade is Grade.FAULT
    assert sentence.endswith("/file is no directory; choose another, or allow it.")


async def test_whether_keepers_can_be_had_is_told(tmp_path: Path) -> None:
    run_dir = tmp_path / "var/keepers"
    text = f"[services.a]\n{PROGRAM}"
    ((grade, _),) = await about("Nobody starts keepers", text)
    assert grade is Grade.GOOD
    run_dir.mkdir(parents=True, mode=0o700)
    with zygote_of(run_dir):
        await until((run_dir / SOCKET).exists)
        assert await about("Keepers can be had", text) == [(Grade.GOOD, f"Keepers can be had in {run_dir}.")]


async def test_what_runs_under_a_name_that_nobody_knows_any_more_is_told(tmp_path: Path) -> None:
    run_dir = tmp_path / "var/keepers"
    run_dir.mkdir(parents=True, mode=0o700)
    for name in ("a", "old", "ended"):
        (run_dir / f"{name}.status").touch()
    held = [lock.take(str(run_dir / f"{name}.lock")) for name in ("a", "old")]
    findings = await told(f"[services.a]\n{PROGRAM}")
    assert any(text.endswith("the daemon does, or tradewarden-keepers. It keeps a.") for text in findings)
    (sentence,) = [text for text, grade in findings.items() if grade is Grade.WARNING]
    assert sentence.startswith("old runs under a keeper of this desk, but no service is called so")
    for one in held:
        assert one is not None
        os.close(one.descriptor)
    assert Grade.WARNING not in (await told(f"[services.a]\n{PROGRAM}")).values()


async def test_somebody_else_where_the_keepers_should_answer_is_a_fault(tmp_path: Path) -> None:
    run_dir = tmp_path / "var/keepers"
    run_dir.mkdir(parents=True)

    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\xff\n")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_unix_server(babble, run_dir / SOCKET):
        findings = await told(f"[services.a]\n{PROGRAM}")
    assert [text for text, grade in findings.items() if grade is Grade.FAULT and str(run_dir / SOCKET) in text]


def test_the_command_tells_it_all_and_ends_with_78_on_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    Path("tradewarden.toml").write_text(BARE)
    assert command_line.main(["check", "--live"]) == 0
    assert "this user may write there" in capsys.readouterr().out
    port = free_port()
    Path("tradewarden.toml").write_text(f'{BARE}[sinks.nats]\nenabled = true\nurl = "nats://127.0.0.1:{port}"\n')
    assert command_line.main(["check", "--live"]) == 78
    out, err = capsys.readouterr()
    assert "The configuration is good" in out
    assert f"tradewarden: sinks.nats: 127.0.0.1:{port} cannot be reached" in err


@contextmanager
def zygote_of(run_dir: Path) -> Iterator[None]:
    """Somebody who starts keepers there."""
    with subprocess.Popen([sys.executable, "-I", "-S", str(ZYGOTE), str(run_dir)]) as process:
        try:
            yield
        finally:
            process.terminate()


async def until(holds: Callable[[], bool]) -> None:
    """Wait for it."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - a file of another process
            await asyncio.sleep(0.01)
