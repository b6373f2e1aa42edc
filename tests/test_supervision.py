"""The whole way: a real daemon over real keepers. Whatever becomes of the daemon, the desk's programs run on, once."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from live_desk import TRADEWARDEN, LiveDesk, live_desk

NAMES = [f"bot{number}" for number in range(11)]
ELEVEN = "\n".join(f'[services.{name}]\ncommand = "sleep 1000"\nready = {{process = 0}}' for name in NAMES)
UP = dict.fromkeys(NAMES, "up")


@pytest.fixture
def eleven(tmp_path: Path) -> Iterator[LiveDesk]:
    with live_desk(tmp_path, ELEVEN) as desk:
        yield desk


def pids(desk: LiveDesk) -> dict[str, int]:
    return {name: each["pid"] for name, each in desk.services().items()}


def test_a_daemon_that_is_killed_finds_everything_again_and_tells_what_it_missed(eleven: LiveDesk) -> None:
    eleven.begin()
    eleven.until(**UP)
    before = pids(eleven)
    eleven.end(signal.SIGKILL)
    os.kill(before["bot3"], signal.SIGKILL)
    eleven.wait_for_line("bot3", "start", 2)
    eleven.begin()
    eleven.until(**UP)
    (adopted,) = eleven.events("desk.adopted")
    assert adopted["services"] == 11
    assert adopted["cpu_seconds"] <= 0.05
    after = pids(eleven)
    assert {name for name in NAMES if before[name] != after[name]} == {"bot3"}
    assert [len(eleven.happenings(name, "start")) for name in NAMES] == [2 if name == "bot3" else 1 for name in NAMES]
    (missed,) = [line for line in eleven.events("service.exited") if line.get("while_away")]
    assert (missed["service"], missed["code"]) == ("bot3", -signal.SIGKILL)


def test_ctrl_c_ends_the_daemon_alone_and_says_so_and_down_ends_the_programs(tmp_path: Path) -> None:
    with live_desk(tmp_path, '[services.feed]\ncommand = "sleep 1000"') as desk:
        screen, terminal = os.openpty()
        try:
            desk.begin(complains_to=terminal)
            pid = desk.until(feed="up")["feed"]["pid"]
            desk.end(signal.SIGINT)
            told = os.read(screen, 65536).decode()
        finally:
            os.close(screen)
            os.close(terminal)
        want = "1 program keeps running: feed. `tradewarden down` stops them; the next daemon takes them over."
        assert want in told
        assert f"tradewarden: the page is at http://127.0.0.1:{desk.port}." in told
        assert "stays down" not in told
        alone = [str(TRADEWARDEN), "down", "--config", str(desk.file)]
        said = subprocess.run(alone, capture_output=True, text=True, timeout=60, check=True).stdout
        assert said.splitlines()[0] == "Stopping feed."
        assert not Path(f"/proc/{pid}").exists()
        screen, terminal = os.openpty()
        try:
            desk.begin(complains_to=terminal)
            desk.until(feed="down")
            want = "feed stays down, as somebody has stopped it: `tradewarden start feed` starts it."
            told = ""
            while want not in told:
                told += os.read(screen, 65536).decode()
        finally:
            os.close(screen)
            os.close(terminal)
        desk.ask("POST", "/api/desk/start", {"all": True})
        pid = desk.until(feed="up")["feed"]["pid"]
        desk.end()
        desk.begin()
        assert desk.until(feed="up")["feed"]["pid"] == pid
        assert desk.ask("POST", "/api/desk/down", {})["accepted"] == ["feed"]
        desk.until(feed="down")
        assert not Path(f"/proc/{pid}").exists()
        assert (desk.health() or {})["checks"]["services:supervised"][0]["status"] == "pass"
        desk.ask("POST", "/api/desk/start", {"all": True})
        desk.until(feed="up")


def test_a_critical_failure_is_the_headline_and_no_secret_is_anywhere(tmp_path: Path) -> None:
    services = """
        [services.feed]
        command = ["sh", "-c", "echo working with $DB_PASSWORD; test -e broken && exit 3; exec sleep 1000"]
        tier = "critical"
        environment = {DB_PASSWORD = {secret = "db"}}
        ready = {log_line = "working"}
        restarts = {attempts = 2, base = 0.01, cap = 0.01}
        [services.chart]
        command = "sleep 1000"
        tier = "optional"
        needs = ["feed"]
    """
    with live_desk(tmp_path, services) as desk:
        (desk.state / "secrets").mkdir(parents=True)
        (desk.state / "secrets" / "db").write_text("hunter2hunter2")
        desk.begin()
        desk.until(feed="up", chart="up")
        check = (desk.health() or {})["checks"]["services:supervised"][0]
        assert (check["status"], check["observedValue"], check["affected"]) == ("pass", 2, [])
        (tmp_path / "broken").touch()
        os.kill(desk.services()["feed"]["pid"], signal.SIGKILL)
        told = desk.until(feed="paused")["feed"]
        assert "exit code 3" in told["reason"]
        check = (desk.health() or {})["checks"]["services:supervised"][0]
        assert check["affected"] == ["feed"]
        assert check["status"] in ("warn", "fail")
        assert check["output"].startswith("Feed is paused: exit code 3")
        paths = ("/api/system/health", "/api/services", "/api/logs")
        said = "".join(desk.text("GET", path) for path in paths)
        assert "working with [redacted]" in said
        written = [path.read_bytes() for path in (desk.state / "keepers").iterdir() if path.is_file()]
        assert b"hunter2" not in b"".join([said.encode(), desk.log().encode(), *written])
        (tmp_path / "broken").unlink()
        desk.ask("POST", "/api/services/feed/start", {})
        desk.until(feed="up")


def test_a_changed_file_is_taken_on_at_sighup_and_faults_change_nothing(tmp_path: Path) -> None:
    one, two = '[services.a]\ncommand = "sleep 1000"\n', '[services.b]\ncommand = "sleep {}"\n'
    with live_desk(tmp_path, one + two.format(1000)) as desk:
        desk.begin()
        before = {name: each["pid"] for name, each in desk.until(a="up", b="up").items()}
        desk.write(one + two.format(1000) + '[services.c]\ncommand = "no-such-program"\n')
        desk.hang_up()
        desk.wait(lambda: bool(desk.events("desk.configuration")), "the fault is told")
        assert "'no-such-program', which is in no directory of PATH" in desk.events("desk.configuration")[0]["problem"]
        desk.write(one + two.format(1001) + '[services.c]\ncommand = "sleep 1000"\n')
        shown = desk.ask("POST", "/api/desk/reload", {"dry": True})
        assert (shown["added"], shown["restarted"], shown["kept"]) == (["c"], {"b": ["command"]}, {})
        assert desk.states.keys() == {"a", "b"}
        desk.hang_up()
        desk.until(c="up")
        desk.wait(lambda: desk.services()["b"]["pid"] not in (None, before["b"]), "b has a new life")
        assert desk.services()["a"]["pid"] == before["a"]


def test_a_run_directory_that_nobody_may_write_to_stops_the_daemon_with_a_sentence(tmp_path: Path) -> None:
    with live_desk(tmp_path, '[services.a]\ncommand = "sleep 1000"') as desk:
        desk.state.mkdir()
        (desk.state / "keepers").write_text("a file")
        with (tmp_path / "said").open("wb") as said:
            code = subprocess.run(
                [TRADEWARDEN, "run", "--config", desk.file], stderr=said, stdout=said, timeout=30, check=False
            ).returncode
        assert code == 1
        assert "set desk.run_dir and desk.log_dir to directories of this user" in (tmp_path / "said").read_text()
