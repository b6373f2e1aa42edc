"""The lock that proves a life."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
from pathlib import Path

import pytest

from tradewarden.orchestrator.keeping import lock


def test_one_holds_it_and_everybody_may_ask(tmp_path: Path) -> None:
    path = str(tmp_path / "x.lock")
    assert not lock.is_held(path)  # there is none
    mine = lock.take(path)
    assert mine is not None
    assert lock.is_held(path)  # from this very process too
    assert lock.take(path) is None
    os.close(mine.descriptor)
    assert not lock.is_held(path)


def test_what_is_no_file_is_held_by_nobody_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.lock")
    (tmp_path / "directory.lock").mkdir()
    (tmp_path / "loop.lock").symlink_to("loop.lock")
    for name in ("fifo", "directory", "loop"):
        assert not lock.is_held(str(tmp_path / f"{name}.lock"))


def test_asking_takes_nothing_even_for_an_instant(tmp_path: Path) -> None:
    path = str(tmp_path / "x.lock")
    (tmp_path / "x.lock").touch()
    pid = os.fork()
    if not pid:
        while True:
            lock.is_held(path)
    try:
        for _ in range(300):
            mine = lock.take(path)
            assert mine is not None
            os.close(mine.descriptor)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_it_falls_with_its_holder(tmp_path: Path) -> None:
    path = str(tmp_path / "x.lock")
    hearing, telling = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            lock.take(path)
            os.write(telling, b"x")
            signal.pause()
        finally:
            os._exit(0)
    os.read(hearing, 1)
    assert lock.is_held(path)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert not lock.is_held(path)
    os.close(hearing)
    os.close(telling)


def test_a_deleted_lock_is_renewed_unless_another_has_the_name_by_then(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    mine = lock.take(str(path))
    assert mine is not None
    assert mine.renew()
    path.unlink()
    assert not mine.is_mine
    assert mine.renew()
    assert lock.is_held(str(path))
    path.unlink()
    other = lock.take(str(path))
    assert other is not None
    assert not mine.renew()
    for each in (mine, other):
        os.close(each.descriptor)


def test_a_question_that_is_asked_again_and_again_hears_of_every_change(tmp_path: Path) -> None:
    path = str(tmp_path / "x.lock")
    with contextlib.closing(lock.Question(path)) as question:
        assert not question.is_held()  # there is no file yet
        own = lock.take(path)
        assert own is not None
        assert question.is_held()
        assert question.is_held()
        Path(path).unlink()
        assert question.is_held()  # whoever held it lives, and makes it again
        Path(path).touch()
        assert question.is_held()
        Path(path).unlink()
        assert own.renew()
        assert question.is_held()
        own.close()
        assert not question.is_held()
        other = lock.take(path)
        assert other is not None
        assert question.is_held()
        other.close()
    assert not question.is_held()


def test_a_question_for_which_there_is_no_descriptor_is_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    (tmp_path / "x.lock").touch()
    question = lock.Question(str(tmp_path / "x.lock"))
    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(OSError, match="Too many open files"):
        question.is_held()
