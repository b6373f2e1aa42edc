"""A fault in the file keeps nobody from the daemon: who mends it can still look, and stop a program."""

import os
from pathlib import Path

import pytest

from tradewarden import redaction
from tradewarden.__main__ import main
from tradewarden.settings_way import way

UNREACHABLE, BAD_CONFIGURATION = 69, 78
NO_TOML = "x = ["
ONE_FAULT = 'state_dir = "own"\n[http]\nport = 18600\n[services.feed]\nkind = "steep"\n'


@pytest.fixture(autouse=True)
def _bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("TRADEWARDEN_") or name.endswith(("CREDENTIALS_DIRECTORY", "STATE_DIRECTORY")):
            monkeypatch.delenv(name)
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "desk").mkdir()
    return tmp_path / "desk" / "tradewarden.toml"


def test_of_a_file_that_is_no_toml_the_usual_place_beside_it_is_left(file: Path) -> None:
    file.write_text(NO_TOML)
    settings = way(file)
    assert (settings.state_dir, settings.http.port, settings.programs) == (file.parent / "var", 8700, ())
    assert way(file.with_name("gone.toml")).state_dir == file.parent / "var"


def test_of_a_file_with_faults_all_is_left_that_leads_to_the_daemon(file: Path) -> None:
    file.write_text(ONE_FAULT)
    settings = way(file)
    assert (settings.state_dir, settings.http.port) == (file.parent / "own", 18600)
    assert settings.run_dir == file.parent / "own" / "keepers"


@pytest.mark.parametrize("fault", ['port = "many"', "port = 70000", "prot = 1", "port = 1\n[[desk]]"])
def test_a_faulty_part_of_the_way_has_its_default(file: Path, fault: str) -> None:
    file.write_text(f'state_dir = "own"\n[http]\nadmin_token = "tokentoken"\n{fault}\n')
    settings = way(file)
    assert settings.state_dir == file.parent / "own"
    assert settings.http.admin_token is not None
    assert settings.desk.run_dir is None


def test_a_faulty_variable_keeps_nobody_out_either(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWARDEN_SEGMENTS", "[")
    monkeypatch.setenv("TRADEWARDEN_HTTP__PORT", "many")
    file.write_text('state_dir = "own"')
    assert way(file).state_dir == file.parent / "own"
    monkeypatch.setenv("TRADEWARDEN_HTTP", "[")
    assert way(file).state_dir == file.parent / "var"


@pytest.mark.parametrize("text", [NO_TOML, ONE_FAULT])
@pytest.mark.parametrize(
    "words",
    [
        "stop feed",
        "start feed",
        "restart feed",
        "disable feed",
        "auto-restart feed off",
        "down",
        "services",
        "status",
        "gaps",
        "sinks",
        "calendar override NSE_EQ --lift",
    ],
)
def test_who_only_asks_the_daemon_is_told_of_the_fault_and_goes_on(
    file: Path, words: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(text)
    state = file.parent / ("var" if text == NO_TOML else "own")
    assert main([*words.split(), "--config", str(file)]) == UNREACHABLE
    told = "".join(capsys.readouterr())
    assert told.count("tradewarden.toml: ") == 1
    assert f"going on all the same, with the state in {state}." in told
    assert f"no tradewarden answers at {state}/control.sock" in told


def test_without_a_daemon_the_logs_are_found_all_the_same(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(ONE_FAULT)
    logs = file.parent / "own" / "logs"
    logs.mkdir(parents=True)
    (logs / "feed.log").write_text("2026-11-23T03:45:00.123456Z feed well\n")
    assert main(["logs", "--config", str(file)]) == 0
    told = capsys.readouterr()
    assert "feed well" in told.out
    assert "kind = 'steep'" in told.err


def test_the_files_of_the_logs_are_shown_without_the_services_secrets(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redaction, "_secrets", {})
    state = file.parent / "var"
    file.write_text('[services.feed]\ncommand = "sleep 1"\nenvironment.PW = { secret = "db" }\n')
    (state / "logs").mkdir(parents=True)
    (state / "secrets").mkdir()
    (state / "secrets" / "db").write_text("hunter2hunter2\n")
    (state / "logs" / "feed.log").write_text("2026-11-23T03:45:00.123456Z feed leak hunter2hunter2\n")
    assert main(["logs", "--config", str(file)]) == 0
    assert capsys.readouterr().out == "2026-11-23T03:45:00.123456Z feed leak [redacted]\n"


@pytest.mark.parametrize("words", ["services", "stop feed", "status", "down", "logs"])
def test_with_an_address_nothing_of_the_file_is_needed(
    file: Path, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(NO_TOML)
    assert main([*words.split(), "--config", str(file), "--url", "http://127.0.0.1:9"]) == UNREACHABLE
    assert "no tradewarden answers at http://127.0.0.1:9" in "".join(capsys.readouterr())


@pytest.mark.parametrize("words", ["check", "reload", "keepers"])
def test_who_reads_the_file_itself_wants_it_without_fault(
    file: Path, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(NO_TOML)
    assert main([words, "--config", str(file)]) == BAD_CONFIGURATION
    assert "is not TOML" in "".join(capsys.readouterr())
