"""Keepers whose files were deleted are found, told to make them again, and never doubled."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kept import Yard, lives, until
from tradewarden.orchestrator.keeper import TICK
from tradewarden.orchestrator.keepers import NotKeptError
from tradewarden.orchestrator.keeping import outcast


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    with contextlib.closing(Yard(tmp_path_factory.mktemp("yard"))) as made:
        yield made


def test_only_those_whose_lock_is_not_there_are_found(yard: Yard, tmp_path: Path) -> None:
    run_dir = yard.keepers.run_dir
    for name in ("here", "gone-with_a-long-name", "moved"):
        yard.keep(name, "sleep", "1000")
    keepers = {name: yard.running(name).keeper for name in ("here", "gone-with_a-long-name", "moved")}
    assert outcast.outcasts(str(run_dir)) == {}
    (run_dir / "gone-with_a-long-name.lock").unlink()
    (run_dir / "moved.lock").rename(tmp_path / "moved.lock")
    (run_dir / "moved.lock").touch()
    found = outcast.outcasts(str(run_dir))
    assert found == {name: pid for name, pid in keepers.items() if name != "here"}
    assert outcast.outcasts(str(tmp_path)) == {}
    began = time.monotonic()
    outcast.recall(str(run_dir))
    assert time.monotonic() - began < TICK / 2, "nobody waits for a keeper's next step"
    assert outcast.outcasts(str(run_dir)) == {}
    assert all(map(yard.keepers.held, keepers))
    for name in keepers:
        yard.stopped(name)


def test_one_that_hangs_is_not_waited_for_and_has_no_second_one_beside_it(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcast, "PATIENCE", 0.1)
    yard.keep("hung", "sleep", "1000")
    life = yard.running("hung")
    os.kill(life.keeper, signal.SIGSTOP)
    try:
        (yard.keepers.run_dir / "hung.lock").unlink()
        outcast.recall(str(yard.keepers.run_dir))
        for _ in range(2):
            with pytest.raises(NotKeptError, match=rf"its keeper lives \(pid {life.keeper}\)"):
                yard.keep("hung", "sleep", "1000")
    finally:
        os.kill(life.keeper, signal.SIGCONT)
    until(lambda: outcast.outcasts(str(yard.keepers.run_dir)) == {})
    assert lives(life.pid)
    assert yard.running("hung") == life
    yard.stopped("hung")


def test_who_has_gone_meanwhile_hears_nothing(yard: Yard) -> None:
    yard.keep("went", "sleep", "1000")
    keeper = yard.running("went").keeper
    yard.stopped("went")
    until(lambda: not lives(keeper))
    outcast.call(keeper)
    assert outcast.outcasts(str(yard.keepers.run_dir)) == {}
