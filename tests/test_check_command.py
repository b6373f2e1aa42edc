"""`tradewarden check` explains the desk: how it starts, what can never start, what will surprise. Nobody is asked."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tradewarden import __main__ as command_line
from tradewarden.check_command import Finding, Grade, about_desk, is_good
from tradewarden.settings import load

PROGRAM = 'command = "sleep 1"\n'


@pytest.fixture(autouse=True)
def _bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of ours, and a directory of its own."""
    for name in list(os.environ):
        if name.startswith("TRADEWARDEN_") or name in ("CREDENTIALS_DIRECTORY", "STATE_DIRECTORY"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def found(text: str) -> list[Finding]:
    """What is found in these settings."""
    path = Path("tradewarden.toml")
    path.write_text(text)
    return list(about_desk(load(path)))


def told(text: str, grade: Grade = Grade.FAULT) -> list[str]:
    """The sentences of this grade."""
    return [finding.text for finding in found(text) if finding.grade is grade]


def test_a_desk_without_programs_needs_no_explanation() -> None:
    assert found("") == []


def test_the_order_of_a_start_is_told_and_who_is_left_out() -> None:
    text = f'[services.a]\n{PROGRAM}[services.b]\n{PROGRAM}needs = ["a"]\n[services.c]\n{PROGRAM}enabled = false\n'
    assert told(text, Grade.GOOD) == ["A start has 2 phases: 1: a; 2: b. 1 is disabled."]
    assert told(f"[services.a]\n{PROGRAM}", Grade.GOOD) == ["A start has 1 phase: 1: a."]


@pytest.mark.parametrize(
    ("desk", "port", "setting"),
    [
        ("[http]\nport = 8701\n", 8701, "http.port"),
        ("[sinks.zmq]\nenabled = true\nport = 5600\n", 5600, "sinks.zmq.port"),
        ("[sinks.zmq]\nenabled = true\njson_ticks = true\ndepth_port = 5601\n", 5601, "sinks.zmq.depth_port"),
    ],
)
def test_a_port_of_the_desk_itself_is_no_service_s(desk: str, port: int, setting: str) -> None:
    sentence = f"services.a wants port {port}, which is {setting}: choose another for one of them."
    assert told(f"{desk}[services.a]\n{PROGRAM}ports = [{port}]\n") == [sentence]
    assert told(f"{desk}[services.a]\n{PROGRAM}ports = [{port + 50}]\n") == []
    assert told(f"[http]\nport = 0\n[services.a]\n{PROGRAM}ports = [5600]\n") == []


@pytest.mark.parametrize(
    ("condition", "desk", "why"),
    [
        ("market.MCX in (live)", "", "this desk does not follow MCX: add it to segments (NSE_EQ, NFO)."),
        ("market.NFO in (live)", "", None),
        ("market in (live)", "", None),
        ("auth.family valid", "", "there is no account 'family'; known are kite."),
        ("auth valid", "", None),
        (
            "auth valid",
            '[feed]\nsource = "redis"\nurl = "redis://127.0.0.1/0"\n',
            'a desk with feed.source = "redis" has no token.',
        ),
        ("flow journal >= 1/s", "", None),
        ("flow journal >= 1/s", "[journal]\nrecord = false\n", "journal.record is false, so there is no journal."),
        ("flow redis:ticks >= 1/s", "", None),
    ],
)
def test_a_condition_that_can_never_hold_is_a_fault(condition: str, desk: str, why: str | None) -> None:
    sentences = told(f'{desk}[services.a]\n{PROGRAM}conditions = ["{condition}"]\n')
    assert sentences == ([] if why is None else [f"services.a would wait for ever for `{condition}`: {why}"])


def test_a_rate_that_can_never_come_is_a_fault_too() -> None:
    text = f'[journal]\nrecord = false\n[services.a]\n{PROGRAM}ready.rate = "journal >= 5/s"\n'
    assert told(text) == [
        "services.a would wait for ever for `ready.rate = journal`: journal.record is false, so there is no journal."
    ]


def test_a_flow_of_mysql_needs_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradewarden.check_command.find_spec", lambda _: None)
    (sentence,) = told(f'[services.a]\n{PROGRAM}conditions = ["flow mysql:ticks >= 1/s"]\n')
    assert sentence.endswith("it needs a package: pip install 'tradewarden[mysql]'.")


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        ("python3 -u feed.py --force", "feed.py"),
        ("bash run.sh", "run.sh"),
        ("python3 -m feed.py", None),
        ("python3 -c print() feed.py", None),
        ("python3 there.py", None),
        ("sleep feed.py", None),
        ("python3", None),
    ],
)
def test_a_script_that_is_not_there_is_found_before_its_interpreter_finds_out(
    command: str, missing: str | None
) -> None:
    Path("there.py").touch()
    sentences = told(f'[services.a]\ncommand = "{command}"\n')
    path = Path.cwd() / str(missing)
    assert sentences == (
        [] if missing is None else [f"services.a.command runs {missing!r}, but there is no file {path}."]
    )


def test_a_service_that_needs_longer_to_stop_than_its_phase_has_is_a_warning() -> None:
    text = f"[desk]\nphase_seconds = 20\n[services.a]\n{PROGRAM}stop.seconds = "
    assert told(f"{text}20\n", Grade.WARNING) == []
    (sentence,) = told(f"{text}21\n", Grade.WARNING)
    assert sentence.startswith("services.a.stop.seconds is 21, but a phase has 20 s to stop")


def test_a_disabled_service_is_left_alone() -> None:
    text = f'[services.a]\n{PROGRAM}enabled = false\nports = [8700]\nconditions = ["auth.x valid"]\n'
    assert is_good(found(text))


def test_a_fault_is_exit_status_78_and_everything_is_told_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    Path("tradewarden.toml").write_text(f"[services.a]\n{PROGRAM}ports = [8700]\n")
    assert command_line.main(["check"]) == 78
    out, err = capsys.readouterr()
    assert "tradewarden: services.a wants port 8700, which is http.port" in err
    assert "The configuration is good" not in out
    assert command_line.main(["check", "--json"]) == 78
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert {finding["grade"] for finding in findings} == {"good", "warning", "fault"}
    assert all(finding["text"] for finding in findings)
    Path("tradewarden.toml").write_text("[sinks.redis]\nenabled = true\n")
    assert command_line.main(["check"]) == 0
    out, _ = capsys.readouterr()
    assert "The configuration is good" in out
    assert "Nobody was asked whether redis can be reached: `check --live` does." in out
