"""Words on their way to a log: stamped, whole, cut at line ends, counted when no disk takes them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tradewarden.orchestrator.keeping.brief import Brief
from tradewarden.orchestrator.keeping.output import LONGEST, Output, stamp
from tradewarden.orchestrator.keeping.request import facts_of

AT = 1_795_405_500.123456
STAMP = "2026-11-23T03:45:00.123456Z"


def output(log: Path, limit: int = 10_000, files: int = 3) -> Output:
    told = {"argv": ["x"], "log": str(log), "log_bytes": limit, "log_files": files}
    return Output(Brief(facts_of("x", told)), None)


def words(file: Path) -> list[str]:
    return [line.removeprefix(f"{STAMP} x ") for line in file.read_text().splitlines()]


def test_a_moment_is_written_in_utc_to_the_microsecond() -> None:
    assert stamp(AT).decode() == STAMP
    assert stamp(AT + 0.000001).decode() == "2026-11-23T03:45:00.123457Z"
    assert stamp(AT - 1).decode() == "2026-11-23T03:44:59.123456Z"  # the clock may step back
    assert stamp(59.9999999).decode() == "1970-01-01T00:01:00.000000Z"


@pytest.mark.parametrize(
    "pieces", [[b"one\ntwo\n"], [b"o", b"ne\ntw", b"o\n"], [b"one\n", b"two"], [b"one", b"\n", b"two\n"]]
)
def test_lines_are_whole_however_they_arrive(tmp_path: Path, pieces: list[bytes]) -> None:
    out = output(tmp_path / "x.log")
    for piece in pieces:
        out.take(piece, AT)
    out.end_line(AT)
    out.end_line(AT)
    assert (tmp_path / "x.log").read_text() == f"{STAMP} x one\n{STAMP} x two\n"


def test_empty_lines_are_lines(tmp_path: Path) -> None:
    output(tmp_path / "x.log").take(b"\n\na\n", AT)
    assert (tmp_path / "x.log").read_text() == f"{STAMP} x \n{STAMP} x \n{STAMP} x a\n"


def test_a_line_without_an_end_is_cut_before_it_eats_the_memory(tmp_path: Path) -> None:
    out = output(tmp_path / "x.log", limit=0)
    for _ in range(40):
        out.take(b"x" * (1 << 16), AT)
    assert [len(each) for each in words(tmp_path / "x.log")] == [LONGEST, LONGEST]


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_no_file_exceeds_its_limit_and_no_line_is_cut_or_lost(tmp_path: Path, size: int) -> None:
    out = output(tmp_path / "x.log", limit=500, files=1000)
    text = b"".join(b"line %d\n" % number for number in range(200))
    for place in range(0, len(text), size):
        out.take(text[place : place + size], AT)
    files = [tmp_path / "x.log", *(tmp_path / f"x.log.{number}" for number in range(1, 1000))]
    kept = [each for each in reversed(files) if each.exists()]
    assert [word for each in kept for word in words(each)] == [f"line {number}" for number in range(200)]
    assert all(each.stat().st_size <= 500 for each in kept)
    assert all(each.stat().st_size > 450 for each in kept[:-1])


def test_a_line_longer_than_a_file_has_a_file_of_its_own(tmp_path: Path) -> None:
    out = output(tmp_path / "x.log", limit=100)
    out.take(b"a\n" + b"b" * 300 + b"\nc\n", AT)
    assert [words(tmp_path / name) for name in ("x.log.2", "x.log.1", "x.log")] == [["a"], ["b" * 300], ["c"]]


def test_only_so_many_old_files_stay(tmp_path: Path) -> None:
    out = output(tmp_path / "x.log", limit=40, files=2)
    (tmp_path / "x.log.1.gz").touch()
    for number in range(6):
        out.take(b"%d\n" % number, AT)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["x.log", "x.log.1", "x.log.2"]
    assert [words(tmp_path / name) for name in ("x.log.2", "x.log.1", "x.log")] == [["3"], ["4"], ["5"]]
    bare = output(tmp_path / "y.log", limit=40, files=0)
    bare.take(b"1\n2\n", AT)
    assert words(tmp_path / "y.log") == ["2"]


def test_a_half_line_that_a_killed_keeper_left_is_ended(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_text("half")
    output(tmp_path / "x.log").take(b"new\n", AT)
    assert (tmp_path / "x.log").read_text() == f"half\n{STAMP} x new\n"


def test_a_full_disk_costs_whole_lines_which_are_counted_and_told_so_far_and_at_last(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.symlink_to("/dev/full")
    out = output(log)
    out.take(b"one\ntwo\n", AT)
    first = out.settled(0, AT)
    assert first is not None, "nobody waits for a disk that may be full all day"
    assert (first.since, first.lines, first.lasting) == (AT, 2, True)
    out.take(b"three\n", AT + 1)
    assert out.settled(59.9, AT) is None
    again = out.settled(60, AT)
    assert again is not None, "silence is no sign of room"
    assert (again.since, again.lines, again.bytes, again.lasting) == (AT, 3, 14, True)
    log.unlink()
    out.take(b"four\n", AT)
    lost = out.settled(61, AT + 2)
    assert lost is not None
    assert (lost.since, lost.lines, lost.bytes, lost.lasting, out.dropped) == (AT, 3, 14, False, 3)
    assert out.settled(200, AT) is None
    gap = f"x [tradewarden: 3 lines from {STAMP} to {STAMP.replace('00.', '01.')} found no room on the disk]"
    assert log.read_text() == f"{STAMP} x four\n{STAMP.replace('00.', '02.')} {gap}\n"


def test_a_disk_that_refuses_now_and_then_has_no_room_yet(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.symlink_to("/dev/full")
    out = output(log)
    out.take(b"one\n", AT)
    log.unlink()
    out.take(b"two\n", AT)
    lost = out.settled(0, AT)
    assert lost is not None
    assert lost.lasting
    lost = out.settled(2, AT)
    assert lost is not None
    assert (lost.lines, lost.lasting) == (1, False)


def test_a_keeper_that_leaves_tells_at_once_what_was_lost(tmp_path: Path) -> None:
    (tmp_path / "x.log").symlink_to("/dev/full")
    out = output(tmp_path / "x.log")
    out.take(b"one\n", AT)
    lost = out.leave(AT)
    assert lost is not None
    assert (lost.lines, lost.lasting) == (1, False)


def test_a_disk_that_takes_half_a_chunk_keeps_its_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, room = os.write, [50]

    def write(descriptor: int, data: bytes) -> int:
        taken = real(descriptor, data[: room[0]]) if room[0] else 0
        room[0] -= taken
        if not taken:
            raise OSError(28, "No space left on device")
        return taken

    monkeypatch.setattr(os, "write", write)
    out = output(tmp_path / "x.log")
    out.take(b"one\ntwo\nthree\n", AT)
    assert words(tmp_path / "x.log") == ["one"]
    assert out.dropped == 2
    room[0] = 1000
    out.take(b"four\n", AT)
    assert words(tmp_path / "x.log") == ["one", "four"]


def test_a_directory_that_is_gone_is_made_anew(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "x.log"
    out = output(log)
    out.take(b"one\n", AT)
    log.unlink()
    log.parent.rmdir()
    out.take(b"two\n", AT)
    assert words(log) == ["two"]


def test_a_log_that_cannot_be_moved_aside_grows_rather_than_lose_a_line(tmp_path: Path) -> None:
    (tmp_path / "x.log.1").mkdir()
    (tmp_path / "x.log.1" / "in the way").touch()
    out = output(tmp_path / "x.log", limit=60, files=1)
    out.take(b"1\n2\n3\n", AT)
    assert words(tmp_path / "x.log") == ["1", "2", "3"]
