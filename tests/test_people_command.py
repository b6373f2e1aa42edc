"""`tradewarden user`, `token` and `audit`: through the daemon that runs, or in the ledger while none does."""

from __future__ import annotations

import asyncio
import io
import json
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from staff import staffed
from tradewarden import daemon
from tradewarden.__main__ import main
from tradewarden.commands.daemon import _begin
from tradewarden.orchestrator import passwords
from tradewarden.orchestrator.calendar import load_calendar
from tradewarden.orchestrator.clock import SystemClock
from tradewarden.orchestrator.statedir import claim
from tradewarden.settings import HttpSettings, KiteSettings, Settings

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(passwords, "COST", 4)
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    (tmp_path / "tradewarden.toml").write_text(f'state_dir = "{tmp_path}/var"\n[http]\nport = 1\n')
    return tmp_path / "var"


@pytest.fixture
def command(state: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """What a person types: the exit status, the answer, the complaints."""

    def run(*words: str) -> tuple[int, str, str]:
        status = main([*words, "--config", str(state.parent / "tradewarden.toml")])
        out, err = capsys.readouterr()
        return status, out, err

    return run


def test_without_a_daemon_the_ledger_is_made_and_changed(state: Path, command: Command) -> None:
    assert command("user", "list")[1] == "There is nobody: `tradewarden user add NAME --role trader`.\n"
    status, out, _ = command("user", "add", "asha", "--role", "trader")
    assert (status, out.splitlines()[0]) == (0, "asha is a trader.")
    assert re.search(r"One-time password: [a-z2-9]{5}(-[a-z2-9]{5}){3}\n", out)
    assert command("user", "list")[1] == "asha  trader  one-time password  0 tokens\n"
    assert command("user", "role", "asha", "viewer")[:2] == (
        0,
        "asha: viewer, one-time password; signed out everywhere.\n",
    )
    assert "disabled" in command("user", "disable", "asha")[1]
    assert "disabled" not in command("user", "enable", "asha")[1]
    for file in state.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file


def test_a_new_trader_is_told_how_the_own_jobs_are_let_run(command: Command) -> None:
    how = "asha's own jobs stand still until `tradewarden standing on --user asha` lets them run on schedule."
    assert how in command("user", "add", "asha", "--role", "trader")[1].splitlines()
    assert "own jobs" not in command("user", "add", "vera")[1]
    assert "vera's own jobs stand still" in command("user", "role", "vera", "trader")[1]
    assert command("user", "add", "boss", "--role", "admin")[1].startswith("boss is an admin.\n")


def test_a_token_for_what_its_person_may_never_do_is_refused(command: Command) -> None:
    command("user", "add", "vera")
    status, _, err = command("token", "add", "x", "--user", "vera", "--scope", "read", "--scope", "run")
    assert (status, "the scope run is of no use to vera, who is a viewer" in err) == (1, True)
    command("user", "role", "vera", "trader")
    assert command("token", "add", "x", "--user", "vera", "--scope", "run")[0] == 0
    assert command("token", "add", "y", "--user", "vera", "--scope", "verify")[0] == 1


def test_a_token_is_printed_once_alone_on_its_line(command: Command) -> None:
    command("user", "add", "asha", "--role", "trader")
    status, out, _ = command("token", "add", "nightly", "--user", "asha", "--scope", "run", "--scope", "read")
    secret = out.splitlines()[0]
    assert (status, secret[:3]) == (0, "tw_")
    listed = command("token", "list")[1]
    assert re.match(r"1  asha  nightly  read run  until \d{4}-\d\d-\d\d  never used\n", listed)
    assert secret not in listed
    assert command("token", "drop", "1")[1] == "asha's token nightly does not work any more.\n"
    assert command("token", "list")[1].startswith("There is none")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("user", "add", "Asha!"), "'Asha!' is no name: a name has 1 to 32 of a-z, 0-9 and _"),
        (("user", "disable", "nobody"), "nobody is called 'nobody'"),
        (("token", "add", "x", "--user", "nobody"), "nobody is called 'nobody'"),
        (("token", "drop", "7"), "no token has the number 7"),
        (("token", "add", "x", "--user", "boss", "--days", "99999999999"), "a token lasts 1 to 3650 days"),
        (("user", "disable", "boss"), "boss is the last admin who is enabled"),
    ],
)
def test_what_cannot_be_is_one_sentence(command: Command, words: tuple[str, ...], told: str) -> None:
    command("user", "add", "boss", "--role", "admin")
    status, out, err = command(*words)
    assert (status, out) == (1, "")
    assert err.startswith("tradewarden: ")
    assert told in err


def test_a_password_comes_from_standard_input_and_must_be_a_good_one(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("user", "add", "asha")
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    status, _, err = command("user", "passwd", "asha", "--stdin")
    assert (status, "12 to 512 characters" in err) == (1, True)
    monkeypatch.setattr("sys.stdin", io.StringIO("green kettle on the sill\n"))
    assert command("user", "passwd", "asha", "--stdin")[1] == "asha: viewer, enabled; signed out everywhere.\n"
    assert "One-time password: " in command("user", "passwd", "asha")[1]


def test_what_was_done_without_a_daemon_is_on_record_too(command: Command) -> None:
    command("user", "add", "asha", "--role", "trader")
    command("user", "disable", "asha")
    out = json.loads(command("audit", "--json")[1])
    assert [(row["by"], row["action"], row["target"], row["detail"]) for row in out["entries"]] == [
        ("command line", "user change", "asha", "enabled False"),
        ("command line", "user add", "asha", "trader"),
    ]
    assert command("audit", "--refused")[1] == "Nothing is on record.\n"


def test_what_strangers_typed_moves_no_cursor() -> None:
    from tradewarden.people_command import columns  # noqa: PLC0415 - as the command loads it

    assert list(columns([("a\x1b[2Jb", "c")])) == ["a?[2Jb  c"]


def test_a_daemon_that_does_not_answer_keeps_its_ledger(state: Path, command: Command) -> None:
    with claim(state):
        status, _, err = command("user", "list")
    assert status == 1
    assert "belongs to a running tradewarden" in err


def test_the_ledger_of_another_user_is_left_alone(
    state: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.mkdir()
    monkeypatch.setattr("os.geteuid", lambda: 4711)
    status, _, err = command("user", "add", "asha")
    assert (status, "belongs to user" in err) == (1, True)
    assert list(state.iterdir()) == []


async def test_with_a_daemon_everything_goes_through_its_control_socket(state: Path, command: Command) -> None:
    state.mkdir(mode=0o700)
    async with staffed(state, ["boss"], control_path=state / "control.sock") as desk:
        asha = await asyncio.to_thread(command, "user", "add", "asha", "--role", "trader")
        assert asha[0] == 0
        assert desk.members.people.named("asha").created_by == "command line"
        made = await asyncio.to_thread(command, "token", "add", "x", "--user", "asha", "--scope", "run")
        assert desk.members.by_token(made[1].splitlines()[0]) is not None
        assert (await asyncio.to_thread(command, "token", "drop", "1"))[0] == 0
        status, _, err = await asyncio.to_thread(command, "user", "disable", "boss")
        assert (status, "boss is the last admin" in err) == (1, True)
        record = (await asyncio.to_thread(command, "audit", "--by", "command line"))[1]
        assert re.search(r"command line +POST /api/users +asha +201, trader\n", record)


async def test_the_first_admin_is_told_once_and_signs_in_with_it(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state.mkdir(mode=0o700)
    told: list[tuple[int, Any]] = []

    async def run(password: str) -> None:
        stop = asyncio.Event()
        settings = Settings.model_construct(
            segments=["NSE_EQ"], kite=KiteSettings(), http=HttpSettings(port=0), state_dir=state
        )

        def ready(desk: daemon.Desk) -> None:
            _begin("http://127.0.0.1:8700", desk)
            signed.append(asyncio.create_task(sign_in(f"http://127.0.0.1:{desk.http.port}"), name="sign in"))

        async def sign_in(url: str) -> None:
            try:
                async with aiohttp.ClientSession() as browser:
                    body = {"name": "admin", "password": password}
                    async with browser.post(f"{url}/api/session", json=body) as answer:
                        told.append((answer.status, await answer.json()))
            finally:
                stop.set()

        signed: list[asyncio.Task[None]] = []
        async with asyncio.timeout(30):
            await daemon.run(settings, load_calendar(None), SystemClock(), stop, ready)

    await run("x")
    out, err = capsys.readouterr()
    found = re.search(r"sign in as admin with ([a-z0-9-]{23}) ", err)
    assert found is not None
    assert found[1] not in out
    assert all(found[1].encode() not in file.read_bytes() for file in state.rglob("*") if file.is_file())
    await run(found[1])
    assert "admin" not in capsys.readouterr().err
    assert [status for status, _ in told] == [401, 201]
    assert told[1][1]["mustChange"]
