import os
import stat
from pathlib import Path

import pytest

from tradewarden.orchestrator import statedir
from tradewarden.orchestrator.statedir import (
    StateDirectoryError,
    StateDirectoryTakenError,
    admin_token,
    claim,
    control_socket,
    find_socket,
)


def test_the_second_daemon_in_a_directory_is_told_who_holds_it(tmp_path: Path) -> None:
    with (
        claim(tmp_path / "state"),
        pytest.raises(StateDirectoryTakenError, match=rf"pid {os.getpid()}"),
        claim(tmp_path / "state"),
    ):
        pass


def test_a_directory_is_free_again_when_its_daemon_is_gone(tmp_path: Path) -> None:
    with claim(tmp_path):
        pass
    with claim(tmp_path):
        pass


def test_the_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    with claim(tmp_path / "state"):
        assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_a_configured_admin_token_is_used_as_it_is_and_never_written(tmp_path: Path) -> None:
    assert admin_token(tmp_path, "chosen") == "chosen"
    assert not list(tmp_path.iterdir())


def test_an_admin_token_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    first = admin_token(tmp_path, None)
    assert len(first) >= 32
    assert admin_token(tmp_path, None) == first
    assert stat.S_IMODE((tmp_path / "admin_token").stat().st_mode) == 0o600


def test_the_control_socket_lives_in_the_runtime_directory_if_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    assert control_socket(Path("/var/lib/tradewarden")) == Path("/var/lib/tradewarden/control.sock")
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/tradewarden")
    assert control_socket(tmp_path) == Path("/run/tradewarden/control.sock")


def test_a_path_too_long_for_a_unix_socket_means_no_control_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    assert control_socket(Path("/" + "deep/" * 30)) is None


def test_a_directory_that_can_keep_nothing_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(StateDirectoryError, match=r"file/state cannot keep .*: Not a directory; set state_dir"),
        claim(tmp_path / "file" / "state"),
    ):
        pass


def test_a_command_takes_the_first_socket_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = [tmp_path / name for name in ("runtime", "run", "state")]
    for place in places:
        place.mkdir()
    monkeypatch.setattr(statedir, "RUN", places[1])
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(places[0]))
    assert find_socket(places[2]) is None
    for place in reversed(places):
        (place / "control.sock").touch()
        assert find_socket(places[2]) == place / "control.sock"
    monkeypatch.delenv("RUNTIME_DIRECTORY")
    assert find_socket(places[2]) == places[1] / "control.sock"


def test_a_socket_that_may_not_be_looked_at_counts_when_there_is_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    monkeypatch.setattr(statedir, "RUN", Path("/closed"))
    exists = Path.exists

    def closed(path: Path) -> bool:
        if path.parent == statedir.RUN:
            raise PermissionError(13, "Permission denied")
        return exists(path)

    monkeypatch.setattr(Path, "exists", closed)  # root, as whom tests may run, may look everywhere
    assert find_socket(tmp_path) == Path("/closed/control.sock")
    (tmp_path / "control.sock").touch()
    assert find_socket(tmp_path) == tmp_path / "control.sock"
