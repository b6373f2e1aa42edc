"""The command line as a person or a unit file uses it: real processes, real signals, exit codes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from desk import KEY, SECRET, USER
from tradewarden.orchestrator.clock import IST
from tradewarden.simulator.kite import KiteSimulator

LIVE = datetime(2026, 11, 23, 10, tzinfo=IST)
Process = asyncio.subprocess.Process


async def tradewarden(*arguments: str, cwd: Path, stdin: bytes = b"", **environment: str) -> tuple[int, str, str]:
    """One command, from start to end."""
    process = await start(*arguments, cwd=cwd, **environment)
    async with asyncio.timeout(40):
        out, err = await process.communicate(stdin)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def start(*arguments: str, cwd: Path, **environment: str) -> Process:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("TRADEWARDEN_", "NOTIFY_", "STATE_"))}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tradewarden",
        *arguments,
        cwd=cwd,
        env=inherited | environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


def free_port() -> int:
    """A port that is free, and so is the next one, as a demo desk needs it."""
    while True:
        with socket.socket() as probe, socket.socket() as neighbour:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
            try:
                neighbour.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


async def first_line(process: Process, holds: Callable[[str], bool]) -> str:
    """The first line on standard output that is so."""
    assert process.stdout is not None
    async with asyncio.timeout(20):
        while line := await process.stdout.readline():
            if holds(line.decode()):
                return line.decode()
    assert process.stderr is not None
    raise AssertionError((await process.stderr.read()).decode())


async def finish(process: Process, number: int = signal.SIGTERM) -> int:
    if process.returncode is None:
        process.send_signal(number)
    async with asyncio.timeout(20):
        for said in await process.communicate():
            sys.stdout.write((said or b"").decode())
    assert process.returncode is not None
    return process.returncode


@asynccontextmanager
async def daemon(folder: Path, extra: str = "", **environment: str) -> AsyncIterator[tuple[Process, str]]:
    """A daemon of its own on a simulated broker; ready when this begins."""
    async with KiteSimulator(api_key=KEY, api_secret=SECRET, user_id=USER, now=lambda: LIVE) as broker:
        port = free_port()
        write_config(folder, broker, port, extra)
        process = await start("run", cwd=folder, **environment)
        try:
            await first_line(process, lambda line: "health.headline" in line)
            await reachable(f"http://127.0.0.1:{port}/livez")
            yield process, f"http://127.0.0.1:{port}"
        finally:
            await finish(process)


def write_config(folder: Path, broker: KiteSimulator, port: int, extra: str = "") -> Path:
    path = folder / "tradewarden.toml"
    path.write_text(f"""
{extra}
[kite]
api_key = "{KEY}"
user_id = "{USER}"
rest_url = "{broker.url}"
ticker_url = "{broker.ws_url}"
login_url = "{broker.login_url}"
[feed.instruments]
full = [256265]
[http]
port = {port}
public_url = "http://127.0.0.1:{port}"
""")
    return path


async def reachable(url: str) -> None:
    async with asyncio.timeout(10), aiohttp.ClientSession() as client:
        while True:
            try:
                async with client.get(url):
                    return
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.02)


async def test_help_names_every_command(tmp_path: Path) -> None:
    code, out, _ = await tradewarden("--help", cwd=tmp_path)
    assert code == 0
    for command in ("run", "demo", "check", "selftest", "status", "verify", "login", "decode", "simulate"):
        assert re.search(rf"^\s+{command}\s", out, re.MULTILINE), command


async def test_bad_configuration_is_exit_status_78_with_one_sentence_per_problem(tmp_path: Path) -> None:
    (tmp_path / "tradewarden.toml").write_text('segments = ["NSE_EQ", "NYSE"]\n[http]\nport = 99999\nprot = 1\n')
    for command in ("run", "check"):
        code, _, err = await tradewarden(command, cwd=tmp_path)
        assert code == 78
        assert len(err.splitlines()) >= 2
        assert all(line.startswith("tradewarden: tradewarden.toml: ") for line in err.splitlines())


async def test_a_configuration_that_does_not_exist_is_named(tmp_path: Path) -> None:
    code, _, err = await tradewarden("run", "--config", "nowhere.toml", cwd=tmp_path)
    assert code == 78
    assert "nowhere.toml" in err


async def test_check_says_what_works_but_will_surprise(tmp_path: Path) -> None:
    code, out, err = await tradewarden("check", cwd=tmp_path)
    assert code == 0
    assert "The configuration is good" in out
    assert "no file was found" in out
    assert "warning: kite.api_key" in err


async def test_a_port_in_use_is_one_sentence_and_exit_status_1(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for arguments in (["run"], ["demo", "--port", str(port)], ["simulate", "kite", "--port", str(port)]):
            code, _, err = await tradewarden(*arguments, cwd=tmp_path, TRADEWARDEN_HTTP__PORT=str(port))
            assert code == 1, (arguments, err)
            sentences = [line for line in err.splitlines() if line.startswith("tradewarden: ")]
            assert len(sentences) == 1, err
            assert str(port) in sentences[0]
            assert "Traceback" not in err


@pytest.mark.parametrize("offset", [0, 1])
async def test_a_demo_whose_port_is_in_use_names_both_of_its_ports_and_the_way_out(tmp_path: Path, offset: int) -> None:
    with socket.socket() as taken:
        port = free_port()
        taken.bind(("127.0.0.1", port + offset))
        taken.listen()
        code, _, err = await tradewarden("demo", "--port", str(port), cwd=tmp_path)
    assert code == 1
    (told,) = [line for line in err.splitlines() if line.startswith("tradewarden: ")]
    assert f"127.0.0.1:{port + offset}: Address already in use" in told
    assert f"{port} for the desk and {port + 1} for the simulated broker" in told
    assert f"`make run PORT={port + 10}`" in told


async def test_check_warns_of_rules_for_a_market_that_the_desk_does_not_have(tmp_path: Path) -> None:
    (tmp_path / "tradewarden.toml").write_text('segments = ["NSE_EQ", "NFO"]\n[feed]\nrules = ["commodities"]\n')
    code, _, err = await tradewarden("check", cwd=tmp_path)
    assert code == 0
    told = [line for line in err.splitlines() if "feed.rules" in line]
    assert told
    assert all("asks for MCX, but segments has no market of it; add MCX or" in line for line in told)


async def test_a_control_socket_that_cannot_be_made_is_named_and_not_the_port(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    run = str(tmp_path / "run")
    code, _, err = await tradewarden("run", cwd=tmp_path, RUNTIME_DIRECTORY=run, TRADEWARDEN_HTTP__PORT="0")
    assert code == 1
    assert f"cannot listen for commands at {tmp_path / 'run' / 'control.sock'}: " in err
    assert "http.port" not in err
    assert "Traceback" not in err


async def test_the_daemon_takes_all_the_descriptors_that_it_may(tmp_path: Path) -> None:
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, most))
    try:
        async with daemon(tmp_path) as (process, _):
            assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == (most, most)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))


async def test_an_os_error_from_anywhere_keeps_its_traceback(tmp_path: Path) -> None:
    (tmp_path / "var" / "admin_token").mkdir(parents=True)
    code, out, err = await tradewarden("run", cwd=tmp_path, TRADEWARDEN_HTTP__PORT="0")
    assert code == 1
    assert "IsADirectoryError" in out + err
    assert "statedir.py" in out + err  # where it happened, not only what


async def test_two_daemons_never_share_a_state_directory(tmp_path: Path) -> None:
    async with daemon(tmp_path) as (first, _):
        code, _, err = await tradewarden("run", cwd=tmp_path, TRADEWARDEN_HTTP__PORT="0")
        assert code == 1
        assert f"pid {first.pid}" in err


async def test_sigterm_ends_the_daemon_at_once_with_fifty_readers_of_its_events(tmp_path: Path) -> None:
    async with daemon(tmp_path) as (process, url), aiohttp.ClientSession() as client:
        readers = [await client.get(f"{url}/api/system/health/events") for _ in range(50)]
        for reader in readers:
            await reader.content.readline()
        begun = asyncio.get_running_loop().time()
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await process.wait() == 0
        assert asyncio.get_running_loop().time() - begun < 5
        for reader in readers:
            reader.close()


async def test_systemd_hears_ready_status_and_stopping(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        ear.settimeout(0)
        async with daemon(tmp_path, NOTIFY_SOCKET=str(tmp_path / "notify")):
            pass
        heard = []
        while True:
            try:
                heard.append(ear.recv(4096).decode())
            except BlockingIOError:
                break
    assert "READY=1" in heard
    assert any(line.startswith("STATUS=auth required / feed ") for line in heard)
    assert "STOPPING=1" in heard


async def test_a_hangup_reads_the_files_again_and_ends_nothing(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        ear.settimeout(10)
        async with daemon(tmp_path, NOTIFY_SOCKET=str(tmp_path / "notify")) as (process, url):
            process.send_signal(signal.SIGHUP)
            while not (await asyncio.to_thread(ear.recv, 4096)).startswith(b"RELOADING=1\nMONOTONIC_USEC="):
                pass
            async with aiohttp.ClientSession() as client, client.get(f"{url}/readyz") as answer:
                assert answer.status == 200
            assert process.returncode is None


async def test_a_calendar_of_ones_own_with_a_mistake_is_exit_status_78(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "calendar.d"
    folder.mkdir(parents=True)
    (folder / "tonight.toml").write_text("[[closures]\n")
    code, _, err = await tradewarden("check", cwd=tmp_path)
    assert code == 78
    assert "tonight.toml" in err


async def test_a_slip_in_a_calendar_file_keeps_no_desk_shut_and_is_logged(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "calendar.d"
    folder.mkdir(parents=True)
    (folder / "tonight.toml").write_text("[[closures]\n")
    process = await start("run", cwd=tmp_path, TRADEWARDEN_HTTP__PORT=str(free_port()))
    assert process.stdout is not None
    async with asyncio.timeout(30):
        while b"market.calendar_refused" not in (line := await process.stdout.readline()):
            assert line, "the daemon ended"
    assert b"tonight.toml" in line
    process.terminate()
    await process.communicate()
    assert process.returncode == 0


async def test_a_calendar_with_a_mistake_in_the_configured_state_directory_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "calendar.d"
    folder.mkdir(parents=True)
    (folder / "tonight.toml").write_text("[[closures]\n")
    (tmp_path / "tradewarden.toml").write_text(f'state_dir = "{tmp_path / "state"}"\n')
    code, _, err = await tradewarden("check", cwd=tmp_path)
    assert code == 78
    assert "tonight.toml" in err


async def test_status_asks_the_daemon_over_its_control_socket(tmp_path: Path) -> None:
    async with daemon(tmp_path) as (_, url):
        code, out, _ = await tradewarden("status", cwd=tmp_path)
        assert "auth" in out
        assert "required" in out
        assert code in (0, 1)  # today the market may be open or not: only the words are certain
        _, out, _ = await tradewarden("status", "--json", "--url", url, cwd=tmp_path)
        assert json.loads(out)["serviceId"] == "tradewarden"


async def test_status_and_gaps_find_the_daemon_whose_state_directory_is_configured(tmp_path: Path) -> None:
    async with daemon(tmp_path, extra=f'state_dir = "{tmp_path / "state"}"'):
        code, out, _ = await tradewarden("status", cwd=tmp_path)
        assert code in (0, 1), out
        code, out, _ = await tradewarden("gaps", "--config", str(tmp_path / "tradewarden.toml"), cwd=Path("/"))
        assert (code, out) == (0, "No gap is on record.\n")


async def test_a_state_directory_too_deep_for_a_socket_is_asked_at_its_port(tmp_path: Path) -> None:
    deep = tmp_path / "deep" / ("d" * 90)
    async with daemon(tmp_path, extra=f'state_dir = "{deep}"'):
        code, out, _ = await tradewarden("status", cwd=tmp_path)
        assert code in (0, 1), out
        code, out, _ = await tradewarden("verify", cwd=tmp_path)
        assert (code, out) == (1, "No token is held: log in.\n")


async def test_verify_asks_for_a_verdict_on_the_token(tmp_path: Path) -> None:
    async with daemon(tmp_path):
        code, out, _ = await tradewarden("verify", "--json", cwd=tmp_path)
        assert (code, json.loads(out)["verdict"]) == (1, "none")
    code, out, _ = await tradewarden("verify", cwd=tmp_path)
    assert code == 69
    assert "is it running?" in out


async def test_a_command_with_a_bad_configuration_is_exit_status_78(tmp_path: Path) -> None:
    (tmp_path / "tradewarden.toml").write_text("[http]\nprot = 1\n")
    for command in ("check", "verify", "login", "logout"):
        code, _, err = await tradewarden(command, cwd=tmp_path)
        assert code == 78, command
        assert "prot" in err
    code, out, err = await tradewarden("status", cwd=tmp_path)
    assert (code, "prot" in err, "is it running?" in out) == (69, True, True)  # it only asks the daemon


async def test_a_stranger_at_the_url_is_no_tradewarden_and_no_traceback(tmp_path: Path) -> None:
    answers = {"html": "<h1>It works</h1>", "list": "[1]", "other": '{"detail": "Not Found"}', "broken": "{"}

    async def answer(request: web.BaseRequest) -> web.Response:
        kind = request.path.split("/")[1]
        return web.Response(text=answers[kind], content_type="text/html" if kind == "html" else "application/json")

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        for command, kind in [*(("status", kind) for kind in answers), ("gaps", "html"), ("selftest", "other")]:
            code, out, err = await tradewarden(command, "--url", f"{url}/{kind}", cwd=tmp_path)
            assert code == (1 if command == "selftest" else 69)
            assert "answers" in out
            assert "is no tradewarden" in out
            assert "Traceback" not in err
    finally:
        await runner.cleanup()


async def test_status_without_a_daemon_says_where_it_looked(tmp_path: Path) -> None:
    code, out, _ = await tradewarden("status", cwd=tmp_path)
    assert code == 69
    assert "control.sock" in out


async def test_selftest_tries_every_machine_and_the_health_answer(tmp_path: Path) -> None:
    code, out, err = await tradewarden("selftest", cwd=tmp_path)
    assert code == 0, out + err
    assert [line.split()[:2] for line in out.splitlines()] == [
        ["market", "working:"],
        ["market", "working:"],
        ["auth", "working:"],
        ["feed", "working:"],
        ["health", "working:"],
    ]


async def test_selftest_of_a_daemon_that_is_not_there_says_so(tmp_path: Path) -> None:
    code, out, _ = await tradewarden("selftest", "--url", f"http://127.0.0.1:{free_port()}", cwd=tmp_path)
    assert code == 1
    assert out.startswith("health   not working: no tradewarden answers at http://127.0.0.1:")


FRAME = b"\x00\x02" + b"\x00\x08" + (408065).to_bytes(4, "big") + (150005).to_bytes(4, "big") + b"\x00\x08\x00\x00"


async def test_decode_prints_the_good_ticks_and_exits_65_for_a_bad_part(tmp_path: Path) -> None:
    (tmp_path / "frame.bin").write_bytes(FRAME)
    code, out, err = await tradewarden("decode", "kite", "frame.bin", cwd=tmp_path)
    assert code == 65
    tick = json.loads(out)
    assert (tick["instrument_token"], tick["last_price"], tick["mode"]) == (408065, 1500.05, "ltp")
    assert err.startswith("tradewarden: ")


async def test_decode_reads_a_good_frame_from_standard_input(tmp_path: Path) -> None:
    good = b"\x00\x01" + FRAME[2:12]
    code, out, err = await tradewarden("decode", "kite", "-", cwd=tmp_path, stdin=good)
    assert (code, err) == (0, "")
    assert json.loads(out)["instrument_token"] == 408065


async def test_the_simulated_broker_runs_on_its_own(tmp_path: Path) -> None:
    port = free_port()
    process = await start("simulate", "kite", "--port", str(port), cwd=tmp_path)
    try:
        line = await first_line(process, lambda line: "Simulated Kite" in line)
        assert f"http://127.0.0.1:{port}" in line
        async with aiohttp.ClientSession() as client, client.get(f"http://127.0.0.1:{port}/state") as answer:
            assert (await answer.json())["user_id"] == USER
    finally:
        assert await finish(process) == 0


async def test_a_recording_with_a_mistake_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "day.csv").write_text("time,symbol,price\n09:15:00,INFY,abc\n")
    code, _, err = await tradewarden("simulate", "kite", "--port", "0", "--replay", "day.csv", cwd=tmp_path)
    assert code == 65
    assert "day.csv" in err
    assert "2" in err


async def test_the_demo_tells_its_story_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    port = free_port()
    process = await start("demo", "--port", str(port), cwd=tmp_path)
    try:
        await first_line(process, lambda line: "auth.required" in line)
        async with aiohttp.ClientSession() as client, client.get(f"http://127.0.0.1:{port}/") as page:
            text = await page.text()
        assert "Login required" in text
        assert "clock is simulated" in text
    finally:
        assert await finish(process, signal.SIGINT) == 0


async def test_on_a_terminal_the_demo_tells_of_trouble_in_plain_lines_at_the_desks_own_time(tmp_path: Path) -> None:
    port, (ours, theirs) = free_port(), os.openpty()
    arguments = ("demo", "--port", str(port), "--auto-login", "--at", "2026-11-23T10:00:00+05:30")
    command = [sys.executable, "-m", "tradewarden", *arguments]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=theirs
    )
    os.close(theirs)
    try:
        await first_line(process, lambda line: "market.live" in line)
        async with aiohttp.ClientSession() as client:
            await client.post(f"http://127.0.0.1:{port + 1}/do", json={"do": "drop_socket"})
        await first_line(process, lambda line: "feed.backing_off" in line)
        told = os.read(ours, 65536).decode()
    finally:
        assert await finish(process, signal.SIGINT) == 0
        os.close(ours)
    lines = [line for line in told.splitlines() if "feed.lost" in line]
    assert lines
    assert "{" not in told
    assert re.match(r"10:00:\d\d  ! feed\.lost +gen=\d+, ", lines[0]), told


@pytest.mark.parametrize("moment", ["yesterday", "2026-13-01T09:00"])
async def test_a_moment_that_is_none_is_refused_with_an_example(tmp_path: Path, moment: str) -> None:
    code, _, err = await tradewarden("demo", "--at", moment, cwd=tmp_path)
    assert code == 2
    assert "2026-11-23T09:14" in err
