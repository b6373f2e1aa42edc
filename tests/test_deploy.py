import os
import re
import shlex
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from tradewarden.orchestrator.heartbeat import INTERVAL
from tradewarden.settings_services import StopSettings

ROOT = Path(__file__).parents[1]
UNITS = ROOT / "deploy" / "systemd"
SERVICE, ALERT = UNITS / "tradewarden.service", UNITS / "tradewarden-alert@.service"
SINK, KEEPERS = UNITS / "tradewarden-sink@.service", UNITS / "tradewarden-keepers.service"
needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env=os.environ | {"LC_ALL": "C.UTF-8"},
    )


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The shipped units, with a program that exists in the daemon's place."""
    for file in UNITS.iterdir():
        shutil.copy(file, tmp_path)
    for unit in (tmp_path / each.name for each in (SERVICE, SINK, KEEPERS)):
        text, count = re.subn(r"(?m)^ExecStart=.*$", "ExecStart=/bin/true", unit.read_text())
        assert count == 1
        unit.write_text(text)
    return tmp_path


def values(unit: Path, key: str) -> list[str]:
    return [line.partition("=")[2] for line in unit.read_text().splitlines() if line.startswith(f"{key}=")]


@needs_systemd
@pytest.mark.parametrize("name", [SERVICE.name, ALERT.name, SINK.name, KEEPERS.name])
def test_systemd_has_nothing_to_say_about_the_units(units: Path, name: str) -> None:
    done = analyze("verify", units / name)
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


@needs_systemd
@pytest.mark.parametrize(("unit", "at_most"), [(SERVICE, 1.5), (ALERT, 1.5), (SINK, 1.5), (KEEPERS, 1.9)], ids=str)
def test_the_units_are_exposed_to_little(unit: Path, at_most: float) -> None:
    """The keepers' a little more: under it live programs of all kinds."""
    done = analyze("security", "--offline=true", unit)
    found = re.search(r"Overall exposure level for \S+: (\d+\.\d)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= at_most


def test_a_wrong_configuration_is_not_started_again() -> None:
    assert values(SERVICE, "Restart") == ["on-failure"]
    assert values(SERVICE, "RestartPreventExitStatus") == ["78"]


def test_the_daemon_beats_far_more_often_than_systemd_loses_patience() -> None:
    assert float(values(SERVICE, "WatchdogSec")[0]) >= 20 * INTERVAL


def test_a_sink_is_as_locked_in_as_the_daemon_and_shares_its_user_and_state() -> None:
    def hardening(unit: Path) -> str:
        return unit.read_text().partition("NoNewPrivileges=")[2].partition("[Install]")[0]

    assert hardening(SINK) == hardening(SERVICE)
    for key in ("DynamicUser", "User", "StateDirectory", "StateDirectoryMode", "UMask", "LimitCORE"):
        assert values(SINK, key) == values(SERVICE, key), key
    assert values(SINK, "Restart") == ["always"]
    assert values(SINK, "RestartPreventExitStatus") == ["78"]


def test_a_restart_of_the_daemon_touches_no_service_and_the_end_of_the_keepers_is_a_word_to_each() -> None:
    for key in ("Wants", "After"):
        assert KEEPERS.name in values(SERVICE, key)[0].split()
    assert [values(SERVICE, key) for key in ("Requires", "BindsTo", "PartOf")] == [[], [], []]
    assert (values(KEEPERS, "Delegate"), values(KEEPERS, "KillMode")) == (["yes"], ["mixed"])
    assert (values(KEEPERS, "OOMPolicy"), values(KEEPERS, "OOMScoreAdjust")) == (["continue"], ["-900"])


def test_daemon_and_keepers_meet_in_a_directory_that_outlives_both() -> None:
    for unit in (SERVICE, KEEPERS):
        (place,) = re.findall(r"TRADEWARDEN_DESK__RUN_DIR=(\S+)", unit.read_text())
        assert Path(place).name in values(unit, "RuntimeDirectory")[0].split()
        assert Path(place).parent == Path("/run")
        assert values(unit, "RuntimeDirectoryPreserve") == ["yes"]
        assert "TRADEWARDEN_BOOT_ID=%b" in unit.read_text()
        for key in ("DynamicUser", "User", "StateDirectory", "StateDirectoryMode", "RuntimeDirectoryMode"):
            assert values(unit, key) == values(SERVICE, key), key


def test_no_service_is_given_more_time_to_stop_than_systemd_gives_the_keepers() -> None:
    field = StopSettings.model_fields["seconds"]
    most = next(rule.le for rule in field.metadata if hasattr(rule, "le"))
    minutes = re.fullmatch(r"(\d+)min", values(KEEPERS, "TimeoutStopSec")[0])
    assert minutes
    assert most < 60 * int(minutes[1])


def test_credentials_bear_the_names_of_settings() -> None:
    """The optional ones stand in comments, ready to be uncommented."""
    named = re.findall(r"LoadCredential=([a-z_]+):", SERVICE.read_text())
    assert named == ["kite__api_secret", "accounts__family__api_secret", "http__admin_token"]


class _Hook(BaseHTTPRequestHandler):
    bodies: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


def alert_commands() -> list[list[str]]:
    """What systemd would start, with its specifiers and escapes resolved."""
    resolved = [
        line.replace("%i", "tradewarden.service").replace("%H", "desk").replace("$$", "$")
        for line in values(ALERT, "ExecStart")
    ]
    return [shlex.split(line) for line in resolved]


def run_alert(credentials: Path) -> list[str]:
    environment = {"PATH": os.environ["PATH"], "CREDENTIALS_DIRECTORY": str(credentials)}
    printed = []
    for command in alert_commands():
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout + done.stderr)
    return printed


def test_the_alert_without_a_webhook_is_one_line_in_the_journal(tmp_path: Path) -> None:
    assert values(ALERT, "SyslogLevel") == ["alert"]
    default = values(ALERT, "SetCredential")[0].removeprefix("alert_webhook:")
    (tmp_path / "alert_webhook").write_text(default)
    said, webhook = run_alert(tmp_path)
    assert said == "tradewarden.service has failed on desk; see: journalctl -u tradewarden.service -n 50\n"
    assert webhook == ""


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_the_alert_reaches_its_webhook_and_keeps_the_address_out_of_every_process_list(tmp_path: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), _Hook) as server:
        thread = threading.Thread(target=server.serve_forever, name="webhook")
        thread.start()
        try:
            (tmp_path / "alert_webhook").write_text(f'url = "http://127.0.0.1:{server.server_port}/SECRET"\n')
            printed = run_alert(tmp_path)
        finally:
            server.shutdown()
            thread.join()
    assert _Hook.bodies == [b'{"text": "tradewarden.service has failed on desk"}']
    assert "SECRET" not in str([alert_commands(), printed])
