from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from logged import BEGAN, append, rotate, stamped, write_log
from tradewarden.orchestrator import error_tally
from tradewarden.orchestrator.error_tally import ErrorTally


class Now:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = BEGAN

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


def test_errors_of_the_last_hour_are_counted_as_they_come_and_forgotten_after_it(tmp_path: Path) -> None:
    now = Now()
    tally = ErrorTally(tmp_path, now)
    write_log(tmp_path, "feed", [stamped("feed", "ERROR before the daemon"), stamped("feed", "all well", 1)])
    tally.look(["feed", "writer"])
    assert (tally.count("feed"), tally.count("writer"), tally.count("unknown")) == (1, 0, 0)
    now.pass_by(minutes=30)
    append(
        tmp_path,
        "feed",
        stamped("feed", "ERROR a", 1800),
        stamped("feed", "fine", 1800),
        stamped("feed", "ERROR b", 1801),
    )
    tally.look(["feed"])
    tally.look(["feed"])
    assert tally.count("feed") == 3
    now.pass_by(minutes=31)
    assert tally.count("feed") == 2
    now.pass_by(hours=1)
    assert tally.count("feed") == 0


def test_what_is_older_than_an_hour_when_the_daemon_starts_does_not_count(tmp_path: Path) -> None:
    now = Now()
    now.pass_by(hours=2)
    write_log(tmp_path, "feed", [stamped("feed", "ERROR old"), stamped("feed", "ERROR new", 7100)])
    tally = ErrorTally(tmp_path, now)
    tally.look(["feed"])
    assert tally.count("feed") == 1


def test_a_half_line_counts_once_it_is_whole_and_a_turned_file_loses_none(tmp_path: Path) -> None:
    tally = ErrorTally(tmp_path, Now())
    line = stamped("feed", "ERROR a")
    write_log(tmp_path, "feed", [line[:30]])
    tally.look(["feed"])
    assert tally.count("feed") == 0
    append(tmp_path, "feed", line[30:], stamped("feed", "ERROR b", 1))
    rotate(tmp_path, "feed")
    append(tmp_path, "feed", stamped("feed", "ERROR c", 2))
    tally.look(["feed"])
    assert tally.count("feed") == 3


def test_of_a_flood_only_the_newest_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(error_tally, "AT_ONCE", 10_000)
    tally = ErrorTally(tmp_path, Now())
    write_log(tmp_path, "feed", [])
    tally.look(["feed"])
    append(tmp_path, "feed", *(stamped("feed", f"ERROR {n:010}") for n in range(10_000)))
    tally.look(["feed"])
    assert 100 < tally.count("feed") < 200


def test_a_clock_that_steps_back_and_a_log_that_cannot_be_read_do_no_harm(tmp_path: Path) -> None:
    tally = ErrorTally(tmp_path, Now())
    write_log(tmp_path, "feed", [stamped("feed", "ERROR a", 300), stamped("feed", "ERROR b"), "ERROR no stamp\n"])
    (tmp_path / "writer.log").mkdir()
    tally.look(["writer", "feed"])
    assert (tally.count("feed"), tally.count("writer")) == (2, 0)
    os.truncate(tmp_path / "feed.log", 0)
    append(tmp_path, "feed", stamped("feed", "ERROR c", 301))
    tally.look(["feed"])
    tally.look(["feed"])
    assert tally.count("feed") == 3
    tally.forget(["feed"])
    assert tally.count("feed") == 0
