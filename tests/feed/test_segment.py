"""Whatever happens to a segment's bytes: nothing raises, nothing is invented, and what is intact is found."""

from __future__ import annotations

import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticks import frames
from tradewarden.feed.journal import Journal
from tradewarden.feed.reader import Reader, tail
from tradewarden.feed.record import SIZE, Frame
from tradewarden.feed.segment import (
    FILE_HEADER,
    FRAME_HEADER,
    FRAME_MAGIC,
    Segment,
    file_header,
    file_name,
    frame_header,
)

SOME = frames(60, a_frame=4)
PLACES: list[tuple[int, int]] = []  # of each frame: where it starts and where it ends


def _whole() -> bytes:
    content = file_header(1, 7)
    for frame in SOME:
        start = len(content)
        content += frame_header(frame.records, frame.count, frame.first_seq, frame.received_ns) + frame.records
        PLACES.append((start, len(content)))
    return content


WHOLE = _whole()


@dataclass(frozen=True)
class Flip:
    """Some bits of one byte change."""

    at: int
    bits: int


@dataclass(frozen=True)
class Smear:
    """A stretch is overwritten, maybe with a piece of the file itself, as by a write that went astray."""

    at: int
    content: bytes


AT = st.integers(0, len(WHOLE) - 1)
PIECES = st.tuples(AT, st.integers(1, 3000)).map(lambda piece: WHOLE[piece[0] : piece[0] + piece[1]])
DAMAGE = st.one_of(
    st.builds(Flip, AT, st.integers(1, 255)),
    st.builds(Smear, AT, st.one_of(st.integers(1, 3000).map(bytes), PIECES, st.just(FRAME_MAGIC * 20))),
)


def apply(damage: list[Flip | Smear], length: int) -> tuple[bytes, list[Frame]]:
    """The damaged file, and the frames that are still as they were."""
    content = bytearray(WHOLE)
    for one in damage:
        match one:
            case Flip(at, bits):
                content[at] ^= bits
            case Smear(at, smear):
                content[at : at + len(smear)] = smear
    del content[length:]
    intact = [
        frame
        for frame, (start, end) in zip(SOME, PLACES, strict=True)
        if end <= len(content) and content[start:end] == WHOLE[start:end]
    ]
    return bytes(content), intact


@settings(max_examples=150, deadline=None)
@given(st.lists(DAMAGE, max_size=6), st.integers(0, len(WHOLE) + 1000))
def test_every_intact_frame_is_found_and_no_other(damage: list[Flip | Smear], length: int) -> None:
    content, intact = apply(damage, length)
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        (directory / file_name(1)).write_bytes(content)
        reader = Reader(directory, after=0)
        found = reader.read(1000)
        assert all(frame in SOME for frame in found)
        assert [frame for frame in intact if frame not in found] == []
        assert [frame.first_seq for frame in found] == sorted({frame.first_seq for frame in found})
        told = {seq for hole in reader.holes for seq in range(hole.first_seq, hole.last_seq + 1)}
        seen = {seq for frame in found for seq in range(frame.first_seq, frame.last_seq + 1)}
        assert not told & seen
        assert told | seen == set(range(1, reader.position + 1))
        reader.close()


@settings(max_examples=100, deadline=None)
@given(st.lists(DAMAGE, max_size=4), st.integers(0, len(WHOLE) + 1000), st.integers(0, 70))
def test_a_journal_starts_on_any_damage_and_uses_no_readable_number_again(
    damage: list[Flip | Smear], length: int, after: int
) -> None:
    content, intact = apply(damage, length)
    last = intact[-1].last_seq if intact else 0
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        (directory / file_name(1)).write_bytes(content)
        assert tail(directory) >= last
        journal = Journal(directory, after=after)
        assert journal.next_seq > max(last, after)
        first = journal.append(SOME[0].records, SOME[0].count, 9)
        assert first == journal.next_seq - SOME[0].count, journal.failed
        journal.close()
        reader = Reader(directory, after=0)
        found = reader.read(1000)
        assert [frame for frame in intact if frame not in found] == []
        assert found[-1] == Frame(first, SOME[0].count, 9, SOME[0].records)
        reader.close()


@settings(max_examples=150, deadline=None)
@given(st.lists(DAMAGE, max_size=4), st.integers(0, 62), st.integers(41, 3000))
def test_a_place_is_found_by_number_in_whatever_pieces_a_damaged_file_is_read(
    damage: list[Flip | Smear], seq: int, chunk: int
) -> None:
    content, intact = apply(damage, len(WHOLE))
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / file_name(1)
        path.write_bytes(content)
        segment = Segment(path, chunk=chunk)
        segment.seek(seq)
        found = []
        while (frame := segment.next()) is not None:
            found.append(frame)
        assert [frame for frame in intact if frame.last_seq >= seq and frame not in found] == []
        segment.close()
        from_the_end = Segment(path, chunk=chunk)
        last = from_the_end.last()
        assert last in SOME if intact else last is None or last in SOME
        from_the_end.close()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 61), min_size=1, max_size=8), st.lists(st.integers(1, len(WHOLE)), min_size=1, max_size=5)
)
def test_a_reader_sees_each_record_once_however_the_file_grows(afters: list[int], lengths: list[int]) -> None:
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        path = directory / file_name(1)
        readers = [Reader(directory, after=after) for after in afters]
        found: list[list[int]] = [[] for _ in readers]
        for length in [*sorted(lengths), len(WHOLE)]:
            path.write_bytes(WHOLE[:length])
            for reader, seqs in zip(readers, found, strict=True):
                seqs.extend(seq for frame in reader.read(1000) for seq in range(frame.first_seq, frame.last_seq + 1))
        assert found == [list(range(after + 1, 61)) for after in afters]
        assert all(reader.holes == [] for reader in readers)
        for reader in readers:
            reader.close()


@pytest.mark.parametrize(
    ("field", "value"), [("magic", b"ABCD"), ("length", 1), ("version", 2), ("record", 188), ("count", 3), ("count", 0)]
)
def test_a_header_that_is_not_of_this_format_is_no_frame_even_with_a_good_crc(
    tmp_path: Path, field: str, value: bytes | int
) -> None:
    header = {"magic": FRAME_MAGIC, "length": 4 * SIZE, "version": 1, "record": SIZE, "seq": 1, "at": 5, "count": 4}
    header[field] = value
    rest = struct.pack("<IHHQqI4x", *list(header.values())[1:])
    frame = struct.pack("<4sI", header["magic"], crc32(SOME[0].records, crc32(rest))) + rest + SOME[0].records
    (tmp_path / file_name(1)).write_bytes(file_header(1, 7) + frame)
    assert Segment(tmp_path / file_name(1)).next() is None


def test_headers_keep_the_records_at_a_multiple_of_eight() -> None:
    assert FILE_HEADER.size % 8 == FRAME_HEADER.size % 8 == SIZE % 8 == 0


def test_a_frame_that_strayed_to_an_earlier_place_hides_none_of_those_between(tmp_path: Path) -> None:
    content = bytearray(WHOLE)
    stray = WHOLE[PLACES[12][0] : PLACES[12][1]]
    content[PLACES[3][0] : PLACES[3][1]] = stray
    (tmp_path / file_name(1)).write_bytes(content)
    reader = Reader(tmp_path, after=0)
    assert reader.read(1000) == SOME[:3] + SOME[4:]
    assert [(hole.first_seq, hole.last_seq) for hole in reader.holes] == [(13, 16)]
    reader.close()


def test_an_old_frame_that_strayed_to_a_later_place_misleads_nobody_who_looks_for_a_number(tmp_path: Path) -> None:
    content = bytearray(WHOLE)
    content[PLACES[2][0] : PLACES[2][0] + 1096] = WHOLE[:1096]
    (tmp_path / file_name(1)).write_bytes(content)
    segment = Segment(tmp_path / file_name(1), chunk=41)
    segment.seek(1)
    assert segment.next() == SOME[0]
    segment.close()
