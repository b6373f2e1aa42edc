"""What a service gets as its environment: where things are, its own values, and references found at their places."""

from __future__ import annotations

import os
import pwd
import sys
from pathlib import Path

import pytest

from kept_desk import service
from tradewarden.machines.service import Place, Reference
from tradewarden.orchestrator.environment import UnresolvedError, environment_of, secret_file, spoken_path


def test_references_are_found_and_whoever_keeps_logs_hears_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "credentials" / "one").write_text("from systemd\n")
    (tmp_path / "secrets" / "one").write_text("not this one")
    (tmp_path / "secrets" / "two").write_text("two\nlines\n")
    (tmp_path / "file").write_text("of a file")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    monkeypatch.setenv("FROM_HERE", "of the daemon")
    learned: list[str] = []
    told = {
        "ONE": Reference(Place.SECRET, "one"),
        "TWO": Reference(Place.SECRET, "two"),
        "FILE": Reference(Place.FILE, str(tmp_path / "file")),
        "ENV": Reference(Place.ENV, "FROM_HERE"),
        "PLAIN": "word",
        "API_KEY": "in the file",
    }
    found = environment_of(service("a", environment=told), tmp_path, learned.append)
    assert {name: found[name] for name in told} == {
        "ONE": "from systemd",
        "TWO": "two\nlines",
        "FILE": "of a file",
        "ENV": "of the daemon",
        "PLAIN": "word",
        "API_KEY": "in the file",
    }
    assert learned == ["from systemd", "two\nlines", "of a file", "of the daemon", "in the file"]


def test_the_daemons_own_environment_is_not_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWARDEN_KITE__API_SECRET", "hunter2")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    found = environment_of(service("a"), tmp_path, lambda _: None)
    assert "hunter2" not in found.values()
    assert found["TZ"] == "Asia/Kolkata"
    assert found["PYTHONUNBUFFERED"] == "1"
    assert found["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
    assert found["PATH"] == spoken_path()


def test_another_user_is_at_home_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/root")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/0")
    found = environment_of(service("a", user="daemon"), tmp_path, lambda _: None)
    assert (found["HOME"], found["USER"]) == (pwd.getpwnam("daemon").pw_dir, "daemon")
    assert "XDG_RUNTIME_DIR" not in found
    with pytest.raises(UnresolvedError, match="its user 'nobody-here' is not known to this machine"):
        environment_of(service("a", user="nobody-here"), tmp_path, lambda _: None)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (
            Reference(Place.SECRET, "gone"),
            "PW wants the secret .gone., which is neither in .CREDENTIALS_DIRECTORY nor in",
        ),
        (
            Reference(Place.FILE, "/no/where"),
            "PW wants the file /no/where, which cannot be read: No such file",
        ),
        (Reference(Place.ENV, "NO_SUCH"), "PW wants the variable NO_SUCH, which the daemon does not have"),
    ],
)
def test_what_is_not_there_is_told(tmp_path: Path, told: Reference, why: str) -> None:
    with pytest.raises(UnresolvedError, match=why):
        environment_of(service("a", environment={"PW": told}), tmp_path, lambda _: None)


@pytest.mark.parametrize(("content", "why"), [(b"a\0b", "holds a zero byte"), (b"\xff", "it is not UTF-8 text")])
def test_a_secret_is_text(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "pw").write_bytes(content)
    with pytest.raises(UnresolvedError, match=why):
        environment_of(service("a", environment={"PW": Reference(Place.SECRET, "pw")}), tmp_path, lambda _: None)


def test_a_secret_whose_name_no_file_can_have_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    assert secret_file("s" * 300, tmp_path) is None
