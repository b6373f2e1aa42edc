"""`tradewarden backup` and `restore`, as a person types them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradewarden.backup_command import backup, restore
from tradewarden.orchestrator.statedir import claim


@pytest.fixture
def state(tmp_path: Path) -> Path:
    state = tmp_path / "var"
    state.mkdir()
    (state / "token.json").write_text("{}")
    return state


def test_a_backup_is_one_private_file_and_comes_back(state: Path, tmp_path: Path) -> None:
    said: list[str] = []
    file, back = tmp_path / "desk.tar", tmp_path / "back"
    assert backup(state, str(file), ticks=False, say=said.append) == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert restore(back, str(file), force=False, say=said.append) == 0
    assert (back / "token.json").read_text() == "{}"
    assert said[0] == "1 files, 0.0 MB, are in the backup. It holds tokens: keep it where nobody else reads it."
    assert said[1].startswith("1 files, 0.0 MB, are back in")


def test_an_old_backup_stays_when_the_new_one_cannot_be_made(state: Path, tmp_path: Path) -> None:
    said: list[str] = []
    file = tmp_path / "desk.tar"
    file.write_text("old")
    (state / "ledger.db").write_bytes(b"no database" * 1000)
    assert backup(state, str(file), ticks=False, say=said.append) == 1
    assert file.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["desk.tar", "var"]
    assert "ledger.db" in said[0]


def test_nothing_is_restored_under_a_running_daemon(state: Path, tmp_path: Path) -> None:
    said: list[str] = []
    file = str(tmp_path / "desk.tar")
    backup(state, file, ticks=False, say=said.append)
    with claim(state):
        assert restore(state, file, force=True, say=said.append) == 1
    assert "belongs to a running tradewarden" in said[-1]


def test_no_state_no_file_and_no_backup_are_sentences(state: Path, tmp_path: Path) -> None:
    said: list[str] = []
    assert backup(tmp_path / "nowhere", "x.tar", ticks=False, say=said.append) == 1
    assert "is state_dir right?" in said[-1]
    assert restore(tmp_path / "back", str(tmp_path / "missing.tar"), force=False, say=said.append) == 1
    assert "No such file" in said[-1]
    assert restore(tmp_path / "back", str(state / "token.json"), force=False, say=said.append) == 65
    assert "cannot be read" in said[-1]
    assert list((tmp_path / "back").iterdir()) == []  # not even a lock
    assert backup(state, str(tmp_path / "no" / "such" / "folder.tar"), ticks=False, say=said.append) == 1
    assert "No such file" in said[-1]
