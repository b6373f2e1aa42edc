"""The tables of the desk's programs: what they may say, and how every fault of them is told."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tradewarden.machines.service import Again, Kind, OnToken, Place, Reference, Tier
from tradewarden.orchestrator.clock import SystemClock
from tradewarden.settings import Settings, load
from tradewarden.settings_apart import pack, plain
from tradewarden.settings_sources import ConfigError
from tradewarden.wiring.programs import programs_of

Write = Callable[[str], Settings]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)

    def read(text: str) -> Settings:
        file = tmp_path / "tradewarden.toml"
        file.write_text(text)
        file.chmod(0o600)
        return load(file)

    return read


async def _nothing(deed: Coroutine[Any, Any, None], name: str) -> None:
    deed.close()
    raise AssertionError(name)


def test_files_that_a_login_writes_are_known_to_whoever_starts_programs(write: Write, tmp_path: Path) -> None:
    settings = write(f"""
        [kite]
        user_id = "AB1234"
        token_files = ["{tmp_path}/came"]
        export_files = ["{tmp_path}/went"]
        [accounts.family]
        user_id = "XY7890"
        export_files = ["{tmp_path}/family"]
    """)
    desk = programs_of(settings, SystemClock(), lambda deed, *, name: asyncio.ensure_future(_nothing(deed, name)))
    assert desk.crew.host.comes == {tmp_path / "came", tmp_path / "went", tmp_path / "family"}


def test_a_service_is_what_its_table_says(write: Write, tmp_path: Path) -> None:
    (service,) = write("""
        [services.db-writer]
        description = "ticks into the database"
        command = "sleep '10 0'"
        tier = "critical"
        environment = {A = "x", N = 3, ON = true, PW = {secret = "db"}, F = {file = "/f"}, E = {env = "HOME"}}
        ready = {rate = "redis:ticks >= 20.5/s", within = 5}
        restarts = {when = "failure", attempts = 7}
        stop = {signal = "SIGINT", seconds = 3}
        log = {megabytes = 1.5, files = 2, compress = true}
        conditions = ["market in (pre_open, live)"]
        on_token = "restart"
        ports = [8050]
    """).programs
    assert service.command == ("sleep", "10 0")
    assert (service.tier, service.kind, service.enabled) == (Tier.CRITICAL, Kind.PROGRAM, True)
    assert service.environment == {
        "A": "x",
        "N": "3",
        "ON": "true",
        "PW": Reference(Place.SECRET, "db"),
        "F": Reference(Place.FILE, "/f"),
        "E": Reference(Place.ENV, "HOME"),
    }
    assert (service.ready.kind, service.ready.target, service.ready.at_least) == ("rate", "redis:ticks", 20.5)
    assert (service.restarts.when, service.restarts.attempts) == (Again.FAILURE, 7)
    assert (service.stop_signal, service.stop_seconds) == ("INT", 3)
    assert (service.output.bytes, service.output.files, service.output.compress) == (1_500_000, 2, True)
    assert service.on_token is OnToken.RESTART
    assert service.directory == str(tmp_path), "a service runs beside its file unless it says where"


def test_what_is_not_said_follows_from_kind_and_tier(write: Write) -> None:
    program, step, chart = write("""
        [services.program]
        command = ["sleep", "1"]
        ready = {port = 8051}
        ports = [8052]
        [services.step]
        kind = "step"
        command = "true"
        [services.chart]
        command = "sleep 1"
        tier = "optional"
    """).programs
    assert (program.restarts.when, program.restarts.attempts) == (Again.ALWAYS, 5)
    assert program.ports == (8052, 8051), "a program that is ready with a port of this machine listens there"
    assert (step.ready.kind, step.restarts.when, step.restarts.attempts) == ("exit", Again.FAILURE, 3)
    assert (chart.ready.kind, chart.restarts.attempts) == ("process", 3)


def test_containers_are_what_docker_compose_is_told(write: Write, tmp_path: Path) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\n")
    (tmp_path / "docker").chmod(0o755)
    (tmp_path / "stores.yaml").write_text("services: {}\n")
    (service,) = write(f"""
        [services.Stores]
        kind = "containers"
        compose = "stores.yaml"
        environment = {{PATH = "{tmp_path}"}}
    """).programs
    assert service.command == ("docker", "compose", "-f", str(tmp_path / "stores.yaml"), "-p", "stores", "up")


def test_the_daemon_gets_the_services_without_their_reader(write: Write) -> None:
    settings = write('[services.a]\ncommand = "sleep 1"\n[desk]\nlog_dir = "/var/log/desk"\n')
    seen = plain(settings)
    assert seen.programs == settings.programs
    assert seen.log_dir == Path("/var/log/desk")
    assert seen.run_dir == settings.state_dir / "keepers"
    assert pack(seen.programs)


FAULTS = {
    "a name with a slash": ('[services."a/b"]\ncommand = "sleep 1"', "allowed is a name of up to 64 letters"),
    "a name with a dot": ('[services."a.b"]\ncommand = "sleep 1"', "services.a.b: allowed is a name"),
    "a name with a line end": ('[services."a\\nb"]\ncommand = "sleep 1"', "allowed is a name"),
    "a name of the keepers' own": ('[services.host]\ncommand = "sleep 1"', "host is a name of the keepers' own"),
    "no command": ("[services.a]\n", "services.a: has no command"),
    "half a command": ('[services.a]\ncommand = "sleep \'x"', "cannot be split into words (No closing quotation)"),
    "a command with a zero byte": ('[services.a]\ncommand = ["sleep", "\\u0000"]', "has a command with a zero byte"),
    "no such program": ('[services.a]\ncommand = "no-such-program"', "'no-such-program', which is in no directory of"),
    "no such file": ('[services.a]\ncommand = "./nothing"', "begins with './nothing', but there is no file"),
    "a file that may not run": ('[services.a]\ncommand = "./tradewarden.toml"', "may not be executed: chmod +x"),
    "no such directory": ('[services.a]\ncommand = "true"\ndirectory = "/no/where"', "'/no/where' is no directory"),
    "a need nobody knows": ('[services.a]\ncommand = "true"\nneeds = ["b"]', "'a' needs 'b', which is not defined"),
    "a circle": (
        '[services.a]\ncommand = "true"\nneeds = ["b"]\n[services.b]\ncommand = "true"\nneeds = ["a"]',
        "services need each other in a circle: a -> b -> a",
    ),
    "a port used twice": (
        '[services.a]\ncommand = "true"\nports = [80]\n[services.b]\ncommand = "true"\nready = {port = 80}',
        "port 80 is used by a and b",
    ),
    "an unknown tier": ('[services.a]\ncommand = "true"\ntier = "vital"', "services.a.tier = 'vital': allowed is"),
    "two ways to be ready": (
        '[services.a]\ncommand = "true"\nready = {port = 1, file = "x"}',
        "services.a.ready: has port and file; allowed is one of them",
    ),
    "a port that cannot be": ('[services.a]\ncommand = "true"\nready = {port = 70000}', "services.a.ready.port"),
    "a rate of nothing": ('[services.a]\ncommand = "true"\nready = {rate = "x"}', "such as redis:ticks >= 20/s"),
    "an exit of a program": ('[services.a]\ncommand = "true"\nready = {exit = 0}', 'with kind = "step" only'),
    "an exit that is none of a step that did its work": (
        '[services.a]\nkind = "step"\ncommand = "true"\nready = {exit = 3}',
        "services.a.ready.exit = 3: allowed is 0",
    ),
    "a condition": (
        '[services.a]\ncommand = "true"\nconditions = ["moon full"]',
        "'moon full' is no condition",
    ),
    "a signal": ('[services.a]\ncommand = "true"\nstop = {signal = "BYE"}', "services.a.stop.signal = 'BYE': allowed"),
    "a user nobody knows": ('[services.a]\ncommand = "true"\nuser = "nobody-here"', "this machine knows no such user"),
    "a word that is not known": (
        '[services.a]\ncomand = "true"',
        "comand is not known; did you mean command",
    ),
    "a reference": (
        '[services.a]\ncommand = "true"\nenvironment = {A = {what = "x"}}',
        "allowed is text, a number",
    ),
    "a file without its whole path": (
        '[services.a]\ncommand = "true"\nenvironment = {A = {file = ".api-key"}}',
        "the path of a file has to begin with / or ~",
    ),
    "a variable's name": ('[services.a]\ncommand = "true"\nenvironment = {"A B" = "x"}', "the name of a variable"),
    "containers without a file": ('[services.a]\nkind = "containers"', 'allowed is compose = "file.yaml"'),
    "a program with containers": ('[services.a]\ncommand = "true"\ncompose = "x.yaml"', "has compose; allowed is that"),
    "the desk": ("[desk]\nphase_seconds = 0", "desk.phase_seconds = 0: allowed is greater than or equal to 1"),
}


@pytest.mark.parametrize(("text", "told"), FAULTS.values(), ids=FAULTS.keys())
def test_each_fault_is_told_in_one_sentence_with_its_file_and_place(write: Write, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        write(text)
    assert any(told in problem for problem in caught.value.problems), caught.value.problems
    for problem in caught.value.problems:
        assert "tradewarden.toml: " in problem
        assert problem.endswith(".")
        assert "\n" not in problem


def test_a_user_needs_keepers_that_run_as_root(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    text = '[services.a]\ncommand = "true"\nuser = "daemon"'
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ConfigError, match="user = 'daemon' is allowed only where the keepers run as root"):
        write(text)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert write(text).programs[0].user == "daemon"


def test_a_value_of_the_environment_is_never_repeated(write: Write) -> None:
    with pytest.raises(ConfigError) as caught:
        write('[services.a]\ncommand = "true"\nenvironment = {A = ["hunter2hunter2"], "B C" = "hunter2hunter2"}')
    assert "hunter2" not in str(caught.value)


def test_a_credential_that_a_service_asks_for_is_no_unknown_one(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "db-password").write_text("hunter2hunter2\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    text = '[services.a]\ncommand = "true"\n'
    with pytest.raises(ConfigError, match="credential db-password: not known"):
        write(text)
    settings = write(text + 'environment = {DB = {secret = "db-password"}}')
    assert not [warning for warning in settings.warnings() if "db-password" in warning]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ('{secret = "gone"}', "wants the secret 'gone', neither a credential nor in"),
        ('{file = "/no/where"}', "wants the file /no/where, which is not there yet"),
        ('{env = "NO_SUCH_VARIABLE"}', "wants the variable NO_SUCH_VARIABLE, which is not set here"),
        ('"hunter2"', "services.a.environment.DB_PASSWORD looks like a secret and stands in the file"),
    ],
)
def test_what_will_be_missing_later_is_a_warning(write: Write, value: str, told: str) -> None:
    settings = write(f'[services.a]\ncommand = "true"\nenvironment = {{DB_PASSWORD = {value}}}')
    assert any(told in warning for warning in settings.warnings())


def test_a_password_in_a_server_s_address_is_not_repeated(write: Write) -> None:
    with pytest.raises(ConfigError) as caught:
        write('[services.a]\ncommand = "true"\nready = {redis = "redis://me:open-sesame@127.0.0.1/ticks"}')
    (problem,) = caught.value.problems
    assert "services.a.ready.redis: allowed is the number of a database" in problem
    assert "sesame" not in problem
