"""Programs that go to the background: `make chaos` has thousands of their lives, and none ever ran beside the next."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemonizers import HOPS, RECIPE
from kept import Yard, lives, until
from tradewarden.machines.kept import Exited
from tradewarden.orchestrator.keeping import family

KILLS = int(os.environ.get("CHAOS_KILLS", "10"))
LIVES = KILLS * KILLS // 2
STOPS = KILLS // 10


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    with contextlib.closing(Yard(tmp_path)) as made:
        yield made


@pytest.mark.timeout(60 + LIVES)
def test_a_program_that_goes_to_the_background_never_gets_a_second_copy_beside_the_one_there(yard: Yard) -> None:
    names = [f"stevens{number}" for number in range(2)]
    for name in names:
        yard.keep(name, sys.executable, "-I", "-S", "-c", RECIPE, attempts=0, base=0.001, cap=0.001, env={})
    for nth in range(LIVES):
        for name in names:
            yard.nth(name, Exited, nth + 1)
    for name in names:
        yard.keepers.command(name, "stop 9 0")
    until(lambda: not any(map(yard.keepers.held, names)), what="the keepers leave")
    exits = [each for name in names for each in yard.all_of(name, Exited) if not each.asked]
    assert not [each for each in exits if each.left not in {1, 2}]


@pytest.mark.timeout(60 + 10 * STOPS)
def test_a_chain_of_processes_that_each_fork_and_end_does_not_escape_a_stop(yard: Yard) -> None:
    for number in range(STOPS):
        stop_hops(yard, f"hops{number}")


def stop_hops(yard: Yard, name: str) -> None:
    note = yard.root / name
    yard.keep(name, sys.executable, "-I", "-S", "-c", HOPS, str(note), stop_seconds=0.1)
    until(lambda: note.exists() and note.stat().st_size > 20, what="it hops")
    yard.stopped(name, "stop 15 0.1")
    ends = note.stat().st_size
    until(lambda: not any(lives(each.pid) for each in carriers(yard, name)), what="none is left")
    assert note.stat().st_size == ends


def carriers(yard: Yard, name: str) -> list[family.Process]:
    return family.carriers(f"TRADEWARDEN_KEEPER={yard.keepers.run_dir}/{name}".encode())
