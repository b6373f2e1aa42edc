"""The status log as the daemon reads it: each event once, and nothing believed that no keeper wrote."""

from __future__ import annotations

import json
import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tradewarden.machines.kept import (
    Escalated,
    Exited,
    Gone,
    Happening,
    OutputLost,
    Paused,
    Started,
    StartFailed,
    Stopping,
)
from tradewarden.orchestrator.keeping.status import LARGEST, StatusLog
from tradewarden.orchestrator.status_log import MOST, StatusReader, parse

AT = 1_795_400_000.25
MOMENT = datetime.fromtimestamp(AT, UTC)
EXIT = {"pid": 7, "code": -9, "up": 1.5, "asked": True, "maxrss": 2, "dropped": 3, "left": 4, "again": AT}


def log_of(root: Path) -> StatusLog:
    return StatusLog(str(root / "x.status"), str(root / "wake"), "x")


def line(event: str, **facts: object) -> bytes:
    return json.dumps({"ev": event, "t": AT, "keeper": 5, **facts}).encode()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (
            line("start", pid=7, ctime=8, rev="r", boot="b", life=2, protocol=1),
            Started(at=MOMENT, keeper=5, pid=7, ticks=8, revision="r", boot="b", life=2),
        ),
        (
            line("start_failed", errno=2, text="no, such", again=None),
            StartFailed(at=MOMENT, keeper=5, errno=2, text="no, such", again_at=None),
        ),
        (
            line("exit", **EXIT),
            Exited(
                at=MOMENT, keeper=5, pid=7, code=-9, up=1.5, asked=True,
                peak_memory=2048, dropped_lines=3, left=4, again_at=MOMENT,
            ),
        ),
        (
            line("exit", pid=7, code=None, up=0, asked=False, fenced=True),
            Exited(at=MOMENT, keeper=5, pid=7, code=None, up=0.0, asked=False, fenced=True),
        ),
        (line("stopping", pid=7, signal=15), Stopping(at=MOMENT, keeper=5, pid=7, signal=15)),
        (line("escalate", pid=7), Escalated(at=MOMENT, keeper=5, pid=7)),
        (line("paused", attempts=5, window=60.0), Paused(at=MOMENT, keeper=5, attempts=5, window=60.0)),
        (line("lost", since=AT, lines=2, bytes=9), OutputLost(at=MOMENT, keeper=5, since=MOMENT, lines=2, bytes=9)),
        (
            line("lost", since=AT, lines=2, bytes=9, lasting=True),
            OutputLost(at=MOMENT, keeper=5, since=MOMENT, lines=2, bytes=9, lasting=True),
        ),
        (line("gone"), Gone(at=MOMENT, keeper=5)),
    ],
)  # fmt: skip
def test_each_event_is_read_as_what_it_says(written: bytes, read: Happening) -> None:
    assert parse(written) == read


@pytest.mark.parametrize(
    "forged",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"ev": "start"}',
        line("dance"),
        line("exit", **{**EXIT, "pid": "7"}),
        line("exit", **{**EXIT, "code": True}),
        line("exit", **{**EXIT, "up": "long"}),
        line("gone").replace(b"1795400000.25", b"1e300"),
        line("gone").replace(b"1795400000.25", b"NaN"),
        line("start_failed", errno=2, text=3, again=None),
        b"[" * 200_000,
        b'{"a":' * 200_000,
        line("exit", **{**EXIT, "up": float("nan")}),
        line("exit", **{**EXIT, "up": float("inf")}),
        line("exit", **{**EXIT, "up": 10**400}),
        line("exit", **{**EXIT, "up": -1}),
        line("exit", **{**EXIT, "maxrss": 10**400}),
        line("exit", **{**EXIT, "again": 253_402_300_799}),
        line("exit", **{**EXIT, "again": -62_135_596_800}),
        line("gone").replace(b"1795400000.25", b"253402300799"),
        line("paused", attempts=5, window=float("inf")),
        line("paused", attempts=10**400, window=60),
        line("stopping", pid=7, signal=10**400),
        line("lost", since=AT, lines=2, bytes=10**400),
        line("start", pid=10**400, ctime=8, rev="r", boot="b", life=2, protocol=1),
        b'{"ev": ["gone"], "t": 1, "keeper": 5}',
    ],
)
def test_what_no_keeper_can_have_written_is_nothing(forged: bytes) -> None:
    assert parse(forged) is None


def test_unreadable_lines_are_passed_over_and_counted_once(tmp_path: Path) -> None:
    log, reader = log_of(tmp_path), StatusReader(tmp_path, "x")
    log.write("gone", AT)
    with (tmp_path / "x.status").open("ab") as file:
        file.write(b'forged\n{"ev": "gone", "t": ')  # somebody, and a keeper that was killed within a line
    assert reader.read() == [Gone(at=MOMENT, keeper=os.getpid())]
    log.write("escalate", AT, pid=3)
    assert [type(each) for each in reader.read()] == [Escalated]
    assert reader.unreadable == 2
    assert [type(each) for each in reader.last()] == [Gone, Escalated]
    assert reader.unreadable == 2


def test_half_a_line_is_read_when_it_is_whole(tmp_path: Path) -> None:
    reader, whole = StatusReader(tmp_path, "x"), line("gone") + b"\n"
    (tmp_path / "x.status").write_bytes(whole + whole[:20])
    assert len(reader.read()) == 1
    (tmp_path / "x.status").write_bytes(whole * 2)
    assert len(reader.read()) == 1
    assert reader.unreadable == 0


def test_what_was_read_is_not_read_again_by_the_next_daemon_once_it_is_remembered(tmp_path: Path) -> None:
    log, reader = log_of(tmp_path), StatusReader(tmp_path, "x")
    log.write("gone", AT)
    assert len(reader.read()) == 1
    assert len(StatusReader(tmp_path, "x").read()) == 1  # not remembered yet
    reader.remember()
    assert StatusReader(tmp_path, "x").read() == []
    log.write("gone", AT)
    assert len(StatusReader(tmp_path, "x").read()) == 1


def test_a_log_that_a_keeper_moved_aside_is_read_to_its_end_first(tmp_path: Path) -> None:
    log, reader = log_of(tmp_path), StatusReader(tmp_path, "x")
    log.write("escalate", AT, pid=1)
    reader.read()
    reader.remember()
    log.write("escalate", AT, pid=2)
    with (tmp_path / "x.status").open("ab") as file:
        file.write(b" " * LARGEST + b"\n")
    assert [each["pid"] for each in log.tail() if "pid" in each] == []  # its tail is nothing but blanks
    log.make_room()
    log.write("escalate", AT, pid=3)
    for each in (reader, StatusReader(tmp_path, "x")):
        pids = [each.pid for each in each.read() if isinstance(each, Escalated)]
        assert pids == [2, 3]


def test_another_file_under_the_same_number_is_read_from_its_beginning(tmp_path: Path) -> None:
    log, reader = log_of(tmp_path), StatusReader(tmp_path, "x")
    log.write("gone", AT)
    assert len(reader.read()) == 1
    with (tmp_path / "x.status").open("r+b") as file:  # as after a removal: file systems use their numbers again
        file.truncate(0)
    log.write("escalate", AT + 1, pid=1)
    log.write("escalate", AT + 2, pid=2)
    assert [type(each) for each in reader.read()] == [Escalated, Escalated]


@pytest.mark.parametrize("spoilt", [b"", b"{", b"[1]", b'{"inode": "x", "offset": 0}', b'{"inode": 0}'])
def test_a_spoilt_memory_costs_reading_all_of_it_again(tmp_path: Path, spoilt: bytes) -> None:
    log_of(tmp_path).write("gone", AT)
    (tmp_path / "x.seen").write_bytes(spoilt)
    assert len(StatusReader(tmp_path, "x").read()) == 1


def test_a_log_that_somebody_made_shorter_is_read_from_its_beginning(tmp_path: Path) -> None:
    log, reader = log_of(tmp_path), StatusReader(tmp_path, "x")
    log.write("gone", AT)
    log.write("gone", AT)
    assert len(reader.read()) == 2
    with (tmp_path / "x.status").open("r+b") as file:
        file.truncate(0)
    log.write("gone", AT)
    assert len(reader.read()) == 1


def test_lines_that_no_disk_takes_are_written_when_one_does(tmp_path: Path) -> None:
    away = tmp_path / "away"
    log = StatusLog(str(away / "x.status"), str(tmp_path / "wake"), "x")
    log.write("escalate", AT, pid=1)
    log.write("escalate", AT, pid=2)
    away.mkdir()
    log.retry()
    log.retry()
    assert [type(each) for each in StatusReader(away, "x").read()] == [Escalated, Escalated]


def test_texts_of_any_kind_survive_the_keepers_own_json(tmp_path: Path) -> None:
    texts = ['quote " and \\', "line\nbreak", "tab\t", "नमस्ते", "\udcff".encode("utf-8", "replace").decode()]
    log, reader = log_of(tmp_path), StatusReader(tmp_path, "x")
    for text in texts:
        log.write("start_failed", AT, errno=1, text=text, again=None)
    assert [each.text for each in reader.read() if isinstance(each, StartFailed)] == texts


def test_a_keeper_finds_its_own_lines_again(tmp_path: Path) -> None:
    log = log_of(tmp_path)
    log.write("start", AT, pid=7, ctime=8, rev="r", boot="b0", life=1, protocol=1)
    log.write("stopping", AT, pid=7, signal=signal.SIGTERM.value)
    with (tmp_path / "x.status").open("ab") as file:
        file.write(b'{"ev": "exit", "pid": ')
    found = log.tail()
    assert [each["ev"] for each in found] == ["start", "stopping"]
    assert (found[0]["pid"], found[0]["ctime"], found[0]["boot"]) == ("7", "8", "b0")


@pytest.mark.parametrize(
    "spoilt",
    [
        {"offset": -5},
        {"offset": 10**400},
        {"inode": -1},
        {"inode": 10**400},
        {"head": "ü"},
        {"head": "f"},
        {"head": "00" * 5000},
        b"[" * 200_000,
        b'{"inode": 1, "offset": NaN, "head": ""}',
        b"\xff",
    ],
)
def test_a_place_that_no_daemon_remembered_is_none_and_everything_is_read(tmp_path: Path, spoilt: object) -> None:
    log, reader = log_of(tmp_path), StatusReader(tmp_path, "x")
    log.write("gone", AT)
    reader.read()
    reader.remember()
    seen = tmp_path / "x.seen"
    place = json.loads(seen.read_bytes())
    seen.write_bytes(spoilt if isinstance(spoilt, bytes) else json.dumps({**place, **spoilt}).encode())  # type: ignore[dict-item]
    assert len(StatusReader(tmp_path, "x").read()) == 1


def test_a_line_without_an_end_hides_nothing_that_is_written_behind_it(tmp_path: Path) -> None:
    (tmp_path / "x.status").write_bytes(b"x" * (MOST + 10) + b"\n" + line("gone") + b"\n")
    reader = StatusReader(tmp_path, "x")
    assert [type(each) for _ in range(3) for each in reader.read()] == [Gone]
    assert reader.unreadable == 1


def test_a_text_with_half_a_character_can_be_shown() -> None:
    read = parse(line("start_failed", errno=2, text="no \udc80 such", again=None))
    assert isinstance(read, StartFailed)
    assert read.text.encode() == b"no ? such"


def test_a_status_log_that_is_a_directory_or_leads_elsewhere_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.status").mkdir()
    (tmp_path / "x.seen").mkdir()
    (tmp_path / "y.status").symlink_to("y.status")
    os.mkfifo(tmp_path / "z.status")
    os.mkfifo(tmp_path / "z.seen")
    (tmp_path / "zero.status").symlink_to("/dev/zero")
    (tmp_path / "zero.seen").symlink_to("/dev/zero")
    for name in ("x", "y", "z", "zero"):
        reader = StatusReader(tmp_path, name)
        assert (reader.read(), reader.last(), reader.unreadable) == ([], (), 0)


@pytest.mark.parametrize("half", [b"", b'{"ev": "esc'])
def test_what_stands_there_already_can_be_passed_over(tmp_path: Path, half: bytes) -> None:
    log, reader = log_of(tmp_path), StatusReader(tmp_path, "x")
    reader.skip()
    log.write("escalate", AT, pid=1)
    assert [each.pid for each in reader.read() if isinstance(each, Escalated)] == [1]
    log.write("escalate", AT, pid=2)
    with (tmp_path / "x.status").open("ab") as file:
        file.write(half)
    other = StatusReader(tmp_path, "x")
    other.skip()
    log.write("escalate", AT, pid=3)
    assert [each.pid for each in other.read() if isinstance(each, Escalated)] == [3]
    assert other.unreadable == bool(half)
    assert len(reader.read()) == 2
