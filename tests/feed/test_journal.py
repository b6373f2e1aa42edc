"""The journal keeps what it was given, in order, whatever happens to its process, its disk or its files."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest

from ticks import frames, write_journal
from tradewarden.feed.journal import RETRY_NS, Journal, JournalError
from tradewarden.feed.reader import Reader, tail
from tradewarden.feed.record import SIZE, Frame, rows
from tradewarden.feed.segment import Hole, file_name, first_seqs

EVERYTHING = 1 << 40


def everything(directory: Path, after: int = 0) -> list[Frame]:
    reader = Reader(directory, after=after)
    found = reader.read(EVERYTHING)
    assert reader.holes == []
    reader.close()
    return found


def append(journal: Journal, some: list[Frame]) -> None:
    for frame in some:
        assert journal.append(frame.records, frame.count, frame.received_ns) == frame.first_seq


def rot(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 4
    path.write_bytes(content)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.ns = 1_000_000_000_000

    def __call__(self) -> int:
        return self.ns


def test_what_was_appended_is_read_back_in_order_with_its_numbers_and_moments(tmp_path: Path) -> None:
    written = write_journal(tmp_path, 1000, a_frame=30)
    assert everything(tmp_path) == written
    assert [row.seq for row in rows(written)] == list(range(1, 1001))


def test_numbers_go_on_where_the_journal_ended(tmp_path: Path) -> None:
    first = write_journal(tmp_path, 100)
    second = write_journal(tmp_path, 100)
    assert second[0].first_seq == 101
    assert everything(tmp_path) == first + second


def test_no_number_is_used_twice_when_a_store_knows_higher_ones_than_the_journal(tmp_path: Path) -> None:
    write_journal(tmp_path, 100)
    again = Journal(tmp_path, after=5000)
    reason = "a store has them, but the machine went down before they were on the disk"
    assert again.holes == [Hole(101, 5000, reason)]
    assert again.holes[0].began_ns == frames(100)[-1].received_ns
    again.close()
    later = write_journal(tmp_path, 10, after=5000)
    assert later[0].first_seq == 5001
    reader = Reader(tmp_path, after=0)
    assert reader.read(EVERYTHING)[-1].last_seq == 5010
    assert reader.holes == [Hole(101, 5000, "no segment holds them any more")]


def test_segments_end_by_size_and_none_exceeds_it(tmp_path: Path) -> None:
    written = write_journal(tmp_path, 1000, a_frame=10, segment_bytes=30_000)
    files = sorted(tmp_path.glob("*.seg"))
    assert len(files) > 5
    assert max(path.stat().st_size for path in files) <= 30_000
    assert [int(path.stem) for path in files] == first_seqs(tmp_path)
    assert everything(tmp_path) == written


def test_a_frame_larger_than_a_segment_gets_one_of_its_own(tmp_path: Path) -> None:
    written = write_journal(tmp_path, 300, a_frame=100, segment_bytes=1000)
    assert first_seqs(tmp_path) == [1, 101, 201]
    assert everything(tmp_path) == written


def test_segments_end_by_time(tmp_path: Path) -> None:
    clock = Clock()
    journal = Journal(tmp_path, segment_seconds=60, now_ns=clock)
    made = frames(150)
    append(journal, made[:1])
    clock.ns += 59_000_000_000
    append(journal, made[1:2])
    assert first_seqs(tmp_path) == [1]
    clock.ns += 1_000_000_000
    append(journal, made[2:])
    assert first_seqs(tmp_path) == [1, 101]
    journal.close()


def test_a_quiet_segment_can_be_ended_without_a_tick_so_that_it_can_be_sealed(tmp_path: Path) -> None:
    clock = Clock()
    journal = Journal(tmp_path, segment_seconds=60, now_ns=clock)
    made = frames(150)
    append(journal, made[:2])
    journal.roll()
    journal.roll()
    assert first_seqs(tmp_path) == [1, 101]
    assert tail(tmp_path) == 100
    clock.ns += 10 * 3600 * 1_000_000_000
    append(journal, made[2:])
    assert first_seqs(tmp_path) == [1, 101]
    assert journal.segment_age == 0
    journal.close()
    assert everything(tmp_path) == made


def test_a_journal_that_ended_with_an_empty_segment_goes_on(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    append(journal, frames(50))
    journal.roll()
    journal.close()
    reader = Reader(tmp_path, after=0)
    assert reader.read(EVERYTHING)[-1].last_seq == 50
    later = write_journal(tmp_path, 50)
    assert later[0].first_seq == 51
    assert reader.read(EVERYTHING) == later


@pytest.mark.parametrize("cut", [1, 39, 40, 41, 40 + SIZE, 40 + 10 * SIZE - 1])
def test_a_torn_tail_is_cut_at_the_start_and_its_numbers_are_given_again(tmp_path: Path, cut: int) -> None:
    written = write_journal(tmp_path, 100, a_frame=10)
    path = tmp_path / file_name(1)
    whole = path.stat().st_size
    os.truncate(path, whole - cut)
    journal = Journal(tmp_path)
    assert journal.next_seq == 91
    assert journal.cut_bytes == 40 + 10 * SIZE - cut
    journal.close()
    assert everything(tmp_path) == written[:-1]


def test_a_first_frame_that_was_torn_leaves_no_trace(tmp_path: Path) -> None:
    write_journal(tmp_path, 10, a_frame=10)
    os.truncate(tmp_path / file_name(1), 100)
    written = write_journal(tmp_path, 20, a_frame=10)
    assert written[0].first_seq == 1
    assert everything(tmp_path) == written


def test_an_intact_end_is_not_touched(tmp_path: Path) -> None:
    write_journal(tmp_path, 100)
    before = (tmp_path / file_name(1)).read_bytes()
    journal = Journal(tmp_path)
    journal.close()
    assert journal.cut_bytes == 0
    assert (tmp_path / file_name(1)).read_bytes() == before


def test_damage_inside_the_newest_segment_is_told_at_the_start_and_nothing_behind_it_is_cut(tmp_path: Path) -> None:
    written = write_journal(tmp_path, 100, a_frame=10)
    rot(tmp_path / file_name(1), 32 + 3 * (40 + 10 * SIZE) + 500)
    journal = Journal(tmp_path)
    assert journal.next_seq == 101
    assert [(hole.first_seq, hole.last_seq) for hole in journal.holes] == [(31, 40)]
    journal.close()
    reader = Reader(tmp_path, after=0)
    assert reader.read(EVERYTHING) == written[:3] + written[4:]
    assert reader.holes == journal.holes
    assert reader.holes[0].reason == f"{file_name(1)} is damaged from byte 7832 to 10432"


def test_an_old_frame_that_strayed_to_the_end_gives_no_number_again(tmp_path: Path) -> None:
    written = write_journal(tmp_path, 100, a_frame=10)
    path = tmp_path / file_name(1)
    content = path.read_bytes()
    path.write_bytes(content + content[32 : 32 + 2600])
    assert tail(tmp_path) == 100
    journal = Journal(tmp_path)
    assert (journal.next_seq, journal.cut_bytes, journal.holes) == (101, 2600, [])
    journal.close()
    assert everything(tmp_path) == written


def test_a_file_that_is_none_of_ours_is_left_alone_and_none_of_its_numbers_is_used(tmp_path: Path) -> None:
    path = tmp_path / file_name(1)
    path.write_bytes(b"x" * 10 * SIZE)
    written = write_journal(tmp_path, 10)
    assert written[0].first_seq == 11
    assert path.read_bytes() == b"x" * 10 * SIZE
    assert everything(tmp_path, after=10) == written


def test_a_segment_of_a_newer_version_is_left_alone_and_named(tmp_path: Path) -> None:
    write_journal(tmp_path, 10)
    path = tmp_path / file_name(1)
    content = bytearray(path.read_bytes())
    content[12:14] = (2).to_bytes(2, "little")
    content[8:12] = crc32(content[12:32]).to_bytes(4, "little")
    path.write_bytes(content)
    written = write_journal(tmp_path, 10)
    assert path.read_bytes() == content
    reader = Reader(tmp_path, after=0)
    assert reader.read(EVERYTHING) == written
    assert [hole.reason for hole in reader.holes] == [f"{file_name(1)} was written by a newer version"]


def test_a_second_writer_is_refused_in_plain_words(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with pytest.raises(JournalError, match="another process records into this journal; stop it first"):
        Journal(tmp_path)
    journal.close()
    Journal(tmp_path).close()


def test_a_place_that_is_no_directory_is_refused_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match=r"file/journal: the journal cannot be kept there: Not a directory"):
        Journal(tmp_path / "file" / "journal")


def test_what_is_no_frame_is_a_fault_of_ours(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for records, count in ((b"", 0), (bytes(SIZE), 2), (bytes(SIZE - 1), 1)):
        with pytest.raises(ValueError, match="are no frame of"):
            journal.append(records, count, 1)
    journal.close()


def test_whoever_listens_is_told_after_each_append_until_it_leaves(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    told: list[int] = []
    leave = journal.subscribe(lambda: told.append(journal.next_seq))
    append(journal, frames(100))
    leave()
    append(journal, frames(50, first_seq=101))
    assert told == [51, 101]
    journal.close()


def test_a_closed_journal_is_closed_twice_without_harm(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    append(journal, frames(50))
    journal.close()
    journal.close()


def test_there_is_something_to_sync_from_the_first_append_to_the_next_sync(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert not journal.dirty
    append(journal, frames(50))
    assert journal.dirty
    journal.sync()
    assert not journal.dirty
    assert journal.failed is None
    journal.close()


def test_a_journal_whose_files_were_taken_away_starts_another(tmp_path: Path) -> None:
    directory = tmp_path / "journal"
    journal = Journal(directory)
    append(journal, frames(50))
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()
    journal.sync()
    some = frames(50, first_seq=51)
    append(journal, some)
    journal.close()
    assert everything(directory, after=50) == some


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(place)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here: run as root, with mount allowed")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_loses_what_does_not_fit_says_so_and_recording_resumes_by_itself(small_disk: Path) -> None:
    clock = Clock()
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(300_000))
    journal = Journal(small_disk / "journal", now_ns=clock)
    kept: list[Frame] = []
    for frame in frames(1000):
        clock.ns += RETRY_NS
        first = journal.append(frame.records, frame.count, frame.received_ns)
        if first is not None:
            kept.append(Frame(first, frame.count, frame.received_ns, frame.records))
    assert 0 < len(kept) < 20
    assert journal.lost_total == 1000 - 50 * len(kept)
    assert journal.failed is not None
    assert journal.failed.endswith("journal: No space left on device")
    ballast.unlink()
    some = frames(50, first_seq=journal.next_seq)
    assert journal.append(some[0].records, 50, some[0].received_ns) is None  # tried again ten times a second only
    clock.ns += RETRY_NS
    append(journal, some)
    assert journal.failed is None
    assert everything(small_disk / "journal") == kept + some
    journal.close()


def test_a_disk_that_is_full_at_the_start_stops_nobody(small_disk: Path) -> None:
    (small_disk / "journal").mkdir()
    (small_disk / "journal" / "lock").touch()
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        while file.write(bytes(4096)) == 4096:
            if file.tell() == 512 * 1024 - 4096:
                break
    clock = Clock()
    journal = Journal(small_disk / "journal", now_ns=clock)
    made = frames(100)
    assert journal.append(made[0].records, 50, 1) is None
    ballast.unlink()
    clock.ns += RETRY_NS
    append(journal, made)
    assert everything(small_disk / "journal") == made
    journal.close()


def test_after_a_failure_it_is_found_out_without_a_tick_whether_it_could_write_again(small_disk: Path) -> None:
    clock = Clock()
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(480_000))
    journal = Journal(small_disk / "journal", now_ns=clock)
    journal.probe()
    assert first_seqs(small_disk / "journal") == []  # nothing has failed yet
    made = frames(300, a_frame=300)
    assert journal.append(made[0].records, 300, 1) is None
    ballast.unlink()
    journal.probe()
    assert journal.failed is None
    append(journal, made)
    journal.close()
    assert everything(small_disk / "journal") == made


def test_a_segment_that_could_not_be_ended_leaves_no_empty_one_behind_which_ticks_would_hide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even when the clock is set back before the next tick, so that the old one has not had its day any more."""
    clock = Clock()
    journal = Journal(tmp_path, segment_seconds=3600, now_ns=clock)
    reader = Reader(tmp_path, after=0)
    append(journal, frames(5, a_frame=1))
    clock.ns += 3601 * 10**9

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("tradewarden.feed.journal._write_all", full)
        journal.roll()
    assert sum(frame.count for frame in reader.read(EVERYTHING)) == 5
    clock.ns -= 1800 * 10**9
    some = frames(8, a_frame=1)[5:]
    append(journal, some)
    assert reader.read(EVERYTHING) == some
    journal.close()
    again = Journal(tmp_path)
    assert again.next_seq == 9
    again.close()


def test_a_new_name_that_could_not_be_brought_to_the_disk_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, synced = Journal(tmp_path), list[int]()
    append(journal, frames(1))

    def broken(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        journal.sync()
    assert journal.failed is not None
    monkeypatch.setattr(os, "fsync", synced.append)
    journal.sync()
    assert synced
    assert journal.failed is None
    journal.close()


@pytest.mark.parametrize("name", ["99999999999999999999.seg", "09223372036854775807.seg"])
def test_a_number_that_no_store_could_hold_is_no_segment(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    journal = Journal(tmp_path)
    append(journal, frames(1))
    journal.close()


def test_a_number_that_a_store_has_is_never_given_again_and_leaves_its_segment_whole(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.go_on_after(500)
    first = frames(200, a_frame=4, first_seq=501)
    append(journal, first)
    journal.go_on_after(705)
    journal.go_on_after(600)  # long given
    second = frames(200, a_frame=4, first_seq=706)
    append(journal, second)
    journal.close()
    assert first_seqs(tmp_path) == [501, 706]
    reader = Reader(tmp_path, after=500)
    assert reader.read(EVERYTHING) == first + second
    assert [(hole.first_seq, hole.last_seq) for hole in reader.holes] == [(701, 705)]


APPENDING = """
import sys
from pathlib import Path
from ticks import frames
from tradewarden.feed.journal import Journal
journal = Journal(Path(sys.argv[1]), segment_bytes=200_000)
made = frames(100, a_frame=100)
while True:
    first = journal.append(made[0].records, 100, 5)
    print(first, flush=True)
"""


def test_a_writer_killed_at_any_moment_loses_at_most_the_frame_in_hand(tmp_path: Path) -> None:
    known = 0
    for lines in (1, 7, 40, 120):
        writer = subprocess.Popen(
            [sys.executable, "-c", APPENDING, str(tmp_path)],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1] / "support")},
        )
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(lines)]
        writer.send_signal(signal.SIGKILL)
        told += [int(line) for line in writer.stdout if line.endswith(b"\n")]
        writer.stdout.close()
        writer.wait(10)
        assert told[0] in {known + 1, known + 101}  # a frame may have been written and not been told
        found = everything(tmp_path)
        assert [frame.first_seq for frame in found] == list(range(1, found[-1].last_seq, 100))
        known = found[-1].last_seq
        assert known - (told[-1] + 99) in {0, 100}
