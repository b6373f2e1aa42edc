"""How one run of a program begins, where the machine or the run before makes it hard."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kept import lives, until
from tradewarden.orchestrator.keeping import family
from tradewarden.orchestrator.keeping.brief import Brief
from tradewarden.orchestrator.keeping.life import Nursery, Voice
from tradewarden.orchestrator.keeping.request import facts_of


@pytest.fixture
def voice() -> Iterator[Voice]:
    with contextlib.closing(Voice()) as made:
        yield made


def nursery(folder: Path, voice: Voice, *argv: str) -> Nursery:
    told: dict[str, object] = {"argv": list(argv), "env": {"PATH": os.environ["PATH"]}, "log": str(folder / "log")}
    return Nursery(Brief(facts_of("born", told)), str(folder / "born"), voice)


def test_a_program_that_cannot_be_pinned_is_ended_and_not_forgotten(
    tmp_path: Path, voice: Voice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: int) -> int:
        raise OSError(errno.ENFILE, "Too many open files in system")

    before = set(family.children(os.getpid()))
    monkeypatch.setattr(os, "pidfd_open", refused)
    with pytest.raises(OSError, match="Too many open files"):
        nursery(tmp_path, voice, "sleep", "1000").begin(0.0)
    (begun,) = set(family.children(os.getpid())) - before
    until(lambda: not lives(begun), what="it ends")
    os.waitpid(begun, 0)


def test_what_a_life_did_to_its_voice_does_not_reach_the_next_one(tmp_path: Path, voice: Voice) -> None:
    os.set_blocking(voice.speaking, False)  # as node and ssh leave it
    life = nursery(tmp_path, voice, "true").begin(0.0)
    os.waitpid(life.pid, 0)
    os.close(life.descriptor)
    assert os.get_blocking(voice.speaking)
    assert not os.get_blocking(voice.hearing)
