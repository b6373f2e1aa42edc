"""docs/journal.md tells the format so that a stranger can read a segment with nothing but its tables."""

from __future__ import annotations

import re
from pathlib import Path
from zlib import crc32

import pytest

from ticks import write_journal
from tradewarden.feed.record import FIELDS, Kind, Mark, Row, rows
from tradewarden.feed.segment import MOST_RECORDS, file_name

PAGE = (Path(__file__).parents[2] / "docs" / "journal.md").read_text(encoding="utf-8")
Fields = dict[str, tuple[int, str]]


def table(heading: str) -> Fields:
    """Each field's offset and type, as the page says."""
    section = PAGE.split(f"### {heading}\n")[1].split("\n###")[0]
    return {
        name: (int(at), kind)
        for at, kind, name in re.findall(r"^\| (\d+) \| ([^|]+) \| (\w+) \|", section, re.MULTILINE)
    }


def size(heading: str) -> int:
    found = re.search(r"(?:header|record) is (\d+) bytes long", PAGE.split(f"### {heading}\n")[1])
    assert found
    return int(found[1])


def read(content: bytes, start: int, fields: Fields) -> dict[str, int | bytes]:
    told: dict[str, int | bytes] = {}
    for name, (at, kind) in fields.items():
        if kind.endswith("bytes"):
            told[name] = content[start + at : start + at + int(kind.split()[0])]
        else:
            piece = content[start + at : start + at + int(kind[1:]) // 8]
            told[name] = int.from_bytes(piece, "little", signed=kind[0] == "i")
    return told


def magic(heading: str) -> bytes:
    found = re.search(r"\| magic \| `([0-9a-f ]+)`", PAGE.split(f"### {heading}\n")[1])
    assert found
    return bytes.fromhex(found[1])


@pytest.fixture
def segment(tmp_path: Path) -> bytes:
    """A segment of every kind of tick."""
    write_journal(tmp_path, 500, a_frame=40)
    return (tmp_path / file_name(1)).read_bytes()


def test_a_segment_is_decoded_with_the_tables_alone(segment: bytes, tmp_path: Path) -> None:
    header = read(segment, 0, table("File header"))
    assert header["magic"] == magic("File header")
    assert header["crc"] == crc32(segment[12:32])
    assert (header["version"], header["record_size"], header["first_seq"]) == (1, size("Record"), 1)
    fields, found, at = table("Record"), [], size("File header")
    while at < len(segment):
        frame = read(segment, at, table("Frame header"))
        assert frame["magic"] == magic("Frame header")
        length, record = frame["length"], size("Record")
        assert isinstance(length, int)
        start, at = at + size("Frame header"), at + size("Frame header") + length
        assert frame["crc"] == crc32(segment[start - size("Frame header") + 8 : at])
        assert frame["count"] == length // record
        assert frame["reserved"] == bytes(4)
        for nth in range(length // record):
            told = read(segment, start + nth * record, fields)
            assert isinstance(frame["first_seq"], int)
            found.append(Row(seq=frame["first_seq"] + nth, received_ns=frame["received_ns"], **told))  # type: ignore[arg-type]
    (tmp_path / "again").mkdir()
    assert found == list(rows(write_journal(tmp_path / "again", 500, a_frame=40)))


def test_the_page_names_the_fields_kinds_and_marks_of_the_code() -> None:
    names = list(table("Record"))
    assert names[names.index("exchange_ns") : -1] == list(FIELDS)
    for kind, word in zip(Kind, ("tick", "depth", "trade", "order event", "odds"), strict=True):
        assert f"{kind.value} {word}" in PAGE
    assert f"{Mark.PRICE.value} the price, {Mark.TIME.value} the time" in PAGE
    assert f"1 to {MOST_RECORDS}" in PAGE
