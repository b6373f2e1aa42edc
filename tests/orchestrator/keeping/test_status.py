"""The keeper's own side of the status log: what a disk refuses waits, and the last word comes last or not at all."""

from __future__ import annotations

import json
from pathlib import Path

from tradewarden.orchestrator.keeping.status import StatusLog


def words(path: Path) -> list[str]:
    return [json.loads(line)["ev"] for line in path.read_text().splitlines()]


def test_the_last_word_is_written_after_all_others_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "run" / "x.status"
    log = StatusLog(str(path), str(tmp_path / "wake"), "x")
    assert not log.offer("gone", 1.0)  # no disk takes it
    assert not log.is_behind  # and it does not wait: the keeper may have other words before it leaves
    log.write("exit", 2.0)
    assert log.is_behind
    path.parent.mkdir()
    assert not log.offer("gone", 3.0)
    log.retry()
    assert words(path) == ["exit"]
    assert log.offer("gone", 4.0)
    assert words(path) == ["exit", "gone"]


def test_what_is_in_the_status_log_already_waits_for_nothing(tmp_path: Path) -> None:
    log = StatusLog(str(tmp_path / "x.status"), str(tmp_path / "wake"), "x")
    log.write("start", 1.0)
    assert not log.is_behind


def test_what_runs_is_said_again_word_for_word_when_somebody_deleted_the_log(tmp_path: Path) -> None:
    path = tmp_path / "run" / "x.status"
    path.parent.mkdir()
    log = StatusLog(str(path), str(tmp_path / "wake"), "x")
    log.write("start", 1.0, pid=5)
    before = path.read_bytes()
    log.renew()
    assert path.read_bytes() == before, "nobody deleted it"
    path.unlink()
    path.parent.rmdir()
    log.write("stopping", 2.0)
    log.renew()
    log.renew()
    path.parent.mkdir()
    log.renew()
    assert words(path) == ["start", "stopping"]
    assert path.read_bytes().startswith(before)
    log.write("exit", 3.0)
    path.unlink()
    log.renew()
    assert not path.exists(), "nothing runs"
