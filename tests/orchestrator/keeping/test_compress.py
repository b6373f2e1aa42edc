"""Old log files made small, also where something is in the way."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

from tradewarden.orchestrator.keeping.compress import Compressor


def test_what_cannot_take_its_place_is_not_made_again_and_again(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    (tmp_path / "x.log.1").write_text("old\n")
    (tmp_path / "x.log.1.gz" / "in-the-way").mkdir(parents=True)
    compressor = Compressor(str(log), 3)
    compressor.begin()
    assert compressor.pid is not None
    _, status = os.waitpid(compressor.pid, 0)
    compressor.ended(status)
    assert status == 0
    assert compressor.pid is None
    assert (tmp_path / "x.log.1").read_text() == "old\n"


def test_what_was_pushed_out_meanwhile_leaves_nothing_half_done_behind(tmp_path: Path) -> None:
    old = tmp_path / "x.log.1"
    old.write_text("old\n")
    compressor = Compressor(str(tmp_path / "x.log"), 1)
    compressor.begin()
    assert compressor.pid is not None
    _, status = os.waitpid(compressor.pid, 0)
    old.unlink()
    compressor.ended(status)
    assert list(tmp_path.iterdir()) == []


def test_one_that_is_stopped_leaves_the_old_file_for_the_next(tmp_path: Path) -> None:
    old, path = tmp_path / "x.log.1", str(tmp_path / "x.log")
    old.write_bytes(os.urandom(20_000_000))
    compressor = Compressor(path, 3)
    compressor.stop()  # nothing is at work
    compressor.begin()
    compressor.stop()
    assert compressor.pid is None
    assert [each.name for each in tmp_path.iterdir()] == ["x.log.1"]


def test_what_one_that_outlived_its_keeper_still_writes_harms_no_other(tmp_path: Path) -> None:
    part, old = tmp_path / "x.log.part", tmp_path / "x.log.1"
    old.write_text("old\n")
    with part.open("wb") as orphan:
        compressor = Compressor(str(tmp_path / "x.log"), 3)
        compressor.begin()
        assert compressor.pid is not None
        _, status = os.waitpid(compressor.pid, 0)
        orphan.write(b"x" * 100_000)
    compressor.ended(status)
    assert gzip.decompress((tmp_path / "x.log.1.gz").read_bytes()) == b"old\n"
    assert not old.exists()
    assert not part.exists()
