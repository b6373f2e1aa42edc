"""In which order a daemon starts: what may be refused, the programs that wait for nothing, all the rest."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from kept_desk import end_zygote
from live_desk import TRADEWARDEN, LiveDesk, live_desk
from tradewarden.orchestrator.keeping import family
from tradewarden.settings_kept import NAME

ONE = '[services.feed]\ncommand = "sleep 1000"\nready = {process = 0}\n'
TWO = ONE + '[services.chart]\ncommand = "sleep 1000"\nready = {process = 0}\n'
MARKET = 'conditions = ["market in (closed, pre_open, live, closing_auction, post_close, halted)"]\n'


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[LiveDesk]:
    with live_desk(tmp_path, TWO) as found:
        yield found


def refused(desk: LiveDesk) -> tuple[int, str]:
    """A daemon that is not to begin: its exit code and what it said."""
    command = [str(TRADEWARDEN), "run", "--config", str(desk.file)]
    done = subprocess.run(command, cwd=desk.folder, capture_output=True, text=True, timeout=15, check=False)
    return done.returncode, done.stdout + done.stderr


def told_at(desk: LiveDesk, event: str) -> float:
    return datetime.fromisoformat(desk.events(event)[0]["timestamp"]).timestamp()


def starts(desk: LiveDesk, *names: str) -> list[int]:
    return [len(desk.happenings(name, "start")) for name in names]


def without_reader(desk: LiveDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on nobody can read settings here."""
    (desk.folder / "poison/pydantic").mkdir(parents=True)
    (desk.folder / "poison/pydantic/__init__.py").write_text("raise ImportError('nobody reads settings here')\n")
    monkeypatch.setenv("PYTHONPATH", str(desk.folder / "poison"))


def test_programs_that_wait_for_nothing_run_before_the_daemon_knows_how_it_is(desk: LiveDesk) -> None:
    desk.begin()
    desk.until(feed="up", chart="up")
    assert max(desk.happenings(name, "start")[0]["t"] for name in ("feed", "chart")) < told_at(desk, "health.headline")
    assert starts(desk, "feed", "chart") == [1, 1]


def test_where_one_waits_for_the_market_all_wait_until_it_is_known(desk: LiveDesk) -> None:
    desk.write(TWO + MARKET)
    desk.begin()
    desk.until(feed="up")
    assert desk.happenings("feed", "start")[0]["t"] > told_at(desk, "market.state")


def test_a_port_that_is_taken_starts_nothing(desk: LiveDesk) -> None:
    with socket.create_server(("127.0.0.1", desk.port)):
        code, said = refused(desk)
    assert code == 1
    assert f"cannot listen at 127.0.0.1:{desk.port}" in said
    assert starts(desk, "feed", "chart") == [0, 0]


def test_a_door_for_commands_that_cannot_be_made_starts_nothing(desk: LiveDesk) -> None:
    (desk.state / "control.sock/full").mkdir(parents=True)
    desk.state.chmod(0o700)
    code, said = refused(desk)
    assert code == 1
    assert "cannot listen for commands at" in said
    assert "Is a directory" in said
    assert starts(desk, "feed", "chart") == [0, 0]


def test_whoever_started_the_process_that_keepers_come_from_sees_it_off(desk: LiveDesk) -> None:
    desk.begin()
    desk.until(feed="up", chart="up")
    assert desk.process is not None
    pid = desk.process.pid
    desk.wait(lambda: not family.children(pid), "no child of the daemon is left")
    desk.ask("POST", "/api/desk/down", {})
    desk.until(feed="down", chart="down")
    desk.end()
    end_zygote(desk.state / "keepers")
    desk.begin()  # and nobody asks for a keeper
    pid = desk.process.pid
    desk.wait(lambda: not family.children(pid), "no child of the next daemon is left")


def test_a_ledger_that_is_none_starts_nothing(desk: LiveDesk) -> None:
    desk.state.mkdir()
    (desk.state / "ledger.db").write_text("this is no ledger, and long enough to be taken for a page of one" * 20)
    code, said = refused(desk)
    assert (code, "ledger.db" in said) == (1, True)
    assert starts(desk, "feed", "chart") == [0, 0]


def test_the_second_start_reads_no_settings(desk: LiveDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.begin()
    before = {name: each["pid"] for name, each in desk.until(feed="up", chart="up").items()}
    desk.wait((desk.state / NAME).exists, "the settings are kept")
    desk.end()
    without_reader(desk, monkeypatch)
    desk.begin()
    assert {name: each["pid"] for name, each in desk.until(feed="up", chart="up").items()} == before
    assert desk.ask("GET", "/api/system/health")["version"]  # the secret for it is known too
    desk.end()
    desk.write(TWO, more="[desk]\nphase_seconds = 31")
    code, said = refused(desk)
    assert (code, "nobody reads settings here" in said) == (1, True)


def test_what_has_become_faulty_since_is_told_and_starts_nothing(desk: LiveDesk) -> None:
    program = desk.folder / "bot"
    program.write_text("#!/bin/sh\nexec sleep 1000\n")
    program.chmod(0o700)
    good = ONE + '[services.bot]\ncommand = "./bot"\n'
    desk.write(good)
    desk.begin()
    desk.until(feed="up", bot="up")
    desk.ask("POST", "/api/desk/down", {})
    desk.end()
    desk.write(good + '[services.new]\ncommand = "sleep 1000"\ntier = "highest"\n')
    code, said = refused(desk)
    assert (code, "highest" in said) == (78, True)
    desk.write(good)
    program.unlink()
    code, said = refused(desk)
    assert (code, "there is no file" in said) == (78, True)
    assert starts(desk, "feed", "bot", "new") == [1, 1, 0]


def test_what_somebody_stopped_what_is_disabled_and_what_lacks_a_secret_is_not_started(desk: LiveDesk) -> None:
    desk.write(
        TWO
        + '[services.off]\ncommand = "sleep 1000"\nenabled = false\n'
        + '[services.poor]\ncommand = "sleep 1000"\ntier = "optional"\nenvironment = {DB = {secret = "db"}}\n'
    )
    desk.begin()
    desk.until(feed="up", chart="up")
    desk.ask("POST", "/api/services/chart/stop", {})
    desk.until(chart="down")
    for is_kept in (True, False):
        desk.end()
        if not is_kept:
            (desk.state / NAME).unlink()
        desk.begin()
        desk.wait(lambda: bool((desk.services()["poor"]["reason"] or "").count("secret")), "the secret is missed")
        desk.until(feed="up", chart="down")
        assert starts(desk, "feed", "chart", "off", "poor") == [1, 1, 0, 0]
