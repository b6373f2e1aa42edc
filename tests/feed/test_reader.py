"""A reader hands out every record once and in order, from any number on, and tells what is missing."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from ticks import frames, write_journal
from tradewarden.feed.journal import Journal
from tradewarden.feed.reader import Reader, tail
from tradewarden.feed.record import SIZE, Frame
from tradewarden.feed.segment import CHUNK, Hole, Segment, file_name, first_seqs

EVERYTHING = 1 << 40


def numbers(some: list[Frame]) -> list[int]:
    return [seq for frame in some for seq in range(frame.first_seq, frame.last_seq + 1)]


def records(some: list[Frame]) -> bytes:
    return b"".join(frame.records for frame in some)


def test_a_reader_takes_whole_frames_until_it_has_about_what_was_asked(tmp_path: Path) -> None:
    write_journal(tmp_path, 100, a_frame=30)
    reader = Reader(tmp_path, after=0)
    assert [frame.count for frame in reader.read(31)] == [30, 30]
    assert reader.position == 60
    assert [frame.count for frame in reader.read(31)] == [30, 10]
    assert reader.read(31) == []
    assert reader.position == 100


@pytest.mark.parametrize("after", [0, 1, 29, 30, 31, 99, 100, 250, 299])
def test_a_reader_starts_behind_any_number_and_cuts_the_frame_that_holds_it(tmp_path: Path, after: int) -> None:
    written = write_journal(tmp_path, 300, a_frame=30, segment_bytes=20_000)
    reader = Reader(tmp_path, after=after)
    found = reader.read(EVERYTHING)
    assert numbers(found) == list(range(after + 1, 301))
    assert records(found) == records(written)[after * SIZE :]
    assert reader.holes == []


def test_a_reader_finds_its_place_in_a_long_segment_without_reading_it_all(tmp_path: Path) -> None:
    write_journal(tmp_path, 60_000, a_frame=7)
    assert (tmp_path / file_name(1)).stat().st_size > 10 * CHUNK
    for after in random.Random(3).sample(range(60_000), 20):
        reader = Reader(tmp_path, after=after)
        before = _bytes_read()
        assert reader.read(1)[0].first_seq == after + 1
        assert _bytes_read() - before < 8 * CHUNK
        reader.close()


def test_a_reader_that_knows_more_than_the_journal_waits_for_what_follows(tmp_path: Path) -> None:
    write_journal(tmp_path, 100)
    reader = Reader(tmp_path, after=5000)
    assert reader.read(EVERYTHING) == []
    later = write_journal(tmp_path, 50, after=5000)
    assert reader.read(EVERYTHING) == later
    assert reader.holes == []


def test_a_reader_may_be_there_before_the_journal(tmp_path: Path) -> None:
    reader = Reader(tmp_path / "journal", after=0)
    assert reader.read(10) == []
    written = write_journal(tmp_path / "journal", 100)
    assert reader.read(EVERYTHING) == written
    assert tail(tmp_path / "nowhere") == 0


def test_a_reader_follows_while_the_journal_is_written_from_segment_to_segment(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segment_bytes=20_000)
    reader = Reader(tmp_path, after=0)
    for frame in frames(2000, a_frame=20):
        journal.append(frame.records, frame.count, frame.received_ns)
        assert reader.read(20) == [frame]
        assert reader.read(1) == []
        assert tail(tmp_path) == frame.last_seq
    assert len(first_seqs(tmp_path)) > 20
    assert reader.holes == []
    journal.close()


def test_a_reader_follows_after_a_pause_too(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segment_bytes=20_000)
    reader = Reader(tmp_path, after=0)
    found = []
    for number, frame in enumerate(frames(2000, a_frame=20)):
        journal.append(frame.records, frame.count, frame.received_ns)
        os.utime(tmp_path, ns=(1, number + 1))  # long ago: the reader may rely on what it has listed
        if number % 13 == 0:
            found += reader.read(EVERYTHING)
    found += reader.read(EVERYTHING)
    assert numbers(found) == list(range(1, 2001))
    journal.close()


def test_a_frame_in_the_making_is_waited_for(tmp_path: Path) -> None:
    written = write_journal(tmp_path, 100, a_frame=50)
    path = tmp_path / file_name(1)
    content = path.read_bytes()
    for length in (0, 10, 32, 60, 32 + 40 + 50 * SIZE - 1):
        path.write_bytes(content[:length])
        reader = Reader(tmp_path, after=0)
        assert reader.read(10) == []
        path.write_bytes(content[: length + 1])
        reader.read(0)
        path.write_bytes(content)
        assert reader.read(EVERYTHING) == written
        assert reader.holes == []


def test_a_reader_below_what_is_kept_starts_at_the_oldest_and_says_so(tmp_path: Path) -> None:
    write_journal(tmp_path, 300, a_frame=30, segment_bytes=20_000)
    second, third = first_seqs(tmp_path)[1:3]
    (tmp_path / file_name(1)).unlink()
    (tmp_path / file_name(second)).unlink()
    reader = Reader(tmp_path, after=10)
    assert numbers(reader.read(EVERYTHING)) == list(range(third, 301))
    assert reader.holes == [Hole(11, third - 1, "no segment holds them any more")]


def test_a_segment_that_goes_while_it_is_read_is_read_to_its_end(tmp_path: Path) -> None:
    write_journal(tmp_path, 300, a_frame=30, segment_bytes=20_000)
    reader = Reader(tmp_path, after=0)
    found = reader.read(30)
    second = first_seqs(tmp_path)[1]
    (tmp_path / file_name(1)).unlink()
    found += reader.read(second - 31)
    assert numbers(found) == list(range(1, second))
    (tmp_path / file_name(second)).unlink()
    third = first_seqs(tmp_path)[0]
    assert reader.read(1)[0].first_seq == third
    assert reader.holes == [Hole(second, third - 1, "no segment holds them any more")]


def test_damage_in_the_middle_costs_its_own_frames_only_and_is_told_with_its_place(tmp_path: Path) -> None:
    written = write_journal(tmp_path, 300, a_frame=10, segment_bytes=30_000)
    second = first_seqs(tmp_path)[1]
    content = bytearray((tmp_path / file_name(1)).read_bytes())
    content[32 : 32 + 2700] = os.urandom(2700)  # the first frame, and the beginning of the second
    content[-100:] = bytes(100)  # the last one
    (tmp_path / file_name(1)).write_bytes(content)
    reader = Reader(tmp_path, after=0)
    found = reader.read(EVERYTHING)
    assert numbers(found) == [*range(21, second - 10), *range(second, 301)]
    assert all(frame in written for frame in found)
    name, size = file_name(1), len(content)
    assert reader.holes == [
        Hole(1, 20, f"{name} is damaged from byte 32 to {32 + 2 * 2600}"),
        Hole(second - 10, second - 1, f"{name} is damaged from byte {size - 2600} to {size}"),
    ]


def test_a_header_that_has_rotted_costs_nothing(tmp_path: Path) -> None:
    written = write_journal(tmp_path, 300, a_frame=10, segment_bytes=30_000)
    for first in first_seqs(tmp_path):
        path = tmp_path / file_name(first)
        path.write_bytes(bytes(32) + path.read_bytes()[32:])
    reader = Reader(tmp_path, after=0)
    assert reader.read(EVERYTHING) == written
    assert reader.holes == []


def test_a_block_that_was_written_twice_is_read_once(tmp_path: Path) -> None:
    written = write_journal(tmp_path, 100, a_frame=10)
    path = tmp_path / file_name(1)
    content = path.read_bytes()
    path.write_bytes(content[: 32 + 2600 * 5] + content[32:])
    reader = Reader(tmp_path, after=0)
    assert reader.read(EVERYTHING) == written


def test_the_last_number_is_found_behind_a_torn_tail_and_from_the_name_of_an_empty_segment(tmp_path: Path) -> None:
    write_journal(tmp_path, 100, a_frame=10)
    path = tmp_path / file_name(1)
    os.truncate(path, path.stat().st_size - 1)
    assert tail(tmp_path) == 90
    (tmp_path / file_name(500)).touch()
    assert tail(tmp_path) == 499


def test_the_last_number_of_a_long_segment_is_found_from_its_end(tmp_path: Path) -> None:
    write_journal(tmp_path, 60_000, a_frame=3000)
    before = _bytes_read()
    assert tail(tmp_path) == 60_000
    assert _bytes_read() - before < 4 * CHUNK


def test_other_files_of_the_directory_are_none_of_its_business(tmp_path: Path) -> None:
    for name in ("lock", "1.seg", "x" * 20 + ".seg", file_name(7) + ".bak", "٣" * 20 + ".seg"):
        (tmp_path / name).write_text("not ours")
    assert first_seqs(tmp_path) == []
    written = write_journal(tmp_path, 10)
    assert Reader(tmp_path, after=0).read(EVERYTHING) == written


def test_a_closed_segment_is_closed_twice_without_harm(tmp_path: Path) -> None:
    write_journal(tmp_path, 10)
    segment = Segment(tmp_path / file_name(1))
    segment.close()
    segment.close()


def _bytes_read() -> int:
    told = Path("/proc/self/io").read_text(encoding="ascii")
    return int(told.split("rchar: ")[1].split()[0])


def test_a_frame_that_is_longer_than_what_was_asked_for_is_cut(tmp_path: Path) -> None:
    write_journal(tmp_path, 100, a_frame=70)
    reader = Reader(tmp_path, after=0)
    told = [(frame.first_seq, frame.count) for _ in range(5) for frame in reader.read(30)]
    assert told == [(1, 30), (31, 30), (61, 10), (71, 30)]
    assert reader.position == 100
    whole = Reader(tmp_path, after=0).read(1000)
    pieces = Reader(tmp_path, after=0)
    assert b"".join(frame.records for _ in range(9) for frame in pieces.read(30)) == b"".join(f.records for f in whole)
