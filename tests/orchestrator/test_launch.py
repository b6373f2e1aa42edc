"""The process that keepers come from, on its way before anybody knows where it will serve."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tradewarden.orchestrator import zygote
from tradewarden.orchestrator.keeping import lock
from tradewarden.orchestrator.launch import LOCK, Launch, is_there, launched

IDLE = 0.4  # seconds


def until_gone(run_dir: Path) -> None:
    limit = time.monotonic() + 10
    while is_there(run_dir):
        assert time.monotonic() < limit
        time.sleep(0.02)


def test_it_serves_where_it_is_told_to_and_leaves_when_it_is_idle(tmp_path: Path) -> None:
    launch = Launch(IDLE)
    launch.go(tmp_path / "run")
    assert launch.outcome() == (0, "")
    assert is_there(tmp_path / "run")
    until_gone(tmp_path / "run")


def test_once_it_serves_it_says_nothing_more_to_its_starter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = tmp_path / "others"

    def serve(_place: str, ready: Callable[[], None], _idle: float, *, stop_all: bool) -> int:
        assert not stop_all
        ready()
        for _ in range(8):
            os.open(others, os.O_WRONLY | os.O_CREAT | os.O_APPEND)  # one has the number of the way to the starter
        return 0

    monkeypatch.setattr(zygote, "_serve", serve)
    assert zygote._detach(zygote.LATER, 1.0, stop_all=False) == 0
    assert os.wait()[1] == 0
    assert others.read_text() == ""


def test_until_it_is_told_it_touches_nothing(tmp_path: Path) -> None:
    launch = Launch(IDLE)
    launch.call_off()
    assert not any(tmp_path.iterdir())
    assert launch.outcome()[0] == -signal.SIGKILL


def test_it_leaves_with_whoever_never_told_it(tmp_path: Path) -> None:
    launch = Launch(IDLE)
    assert launch.outcome() == (0, "")  # its standard input ends, as with the death of its starter
    assert not any(tmp_path.iterdir())


def test_where_another_serves_it_leaves_at_once(tmp_path: Path) -> None:
    own = lock.take(str(tmp_path / LOCK))
    assert own is not None
    assert is_there(tmp_path)
    assert launched(tmp_path, IDLE)[0] == 75


def test_where_nothing_can_be_kept_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, said = launched(tmp_path / "file" / "run", IDLE)
    assert code == 73
    assert "no keepers can be kept here" in said
    assert not is_there(tmp_path / "file" / "run")


def test_a_directory_of_any_name_will_do(tmp_path: Path) -> None:
    strange = tmp_path / "a line\nand another"
    assert launched(strange, IDLE) == (0, "")
    until_gone(strange)
