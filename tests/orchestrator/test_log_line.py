from __future__ import annotations

from datetime import UTC, datetime

import pytest

from logged import stamped
from tradewarden.orchestrator.clock import IST
from tradewarden.orchestrator.log_line import LONGEST, LogLine, Wanted, level_of, read_line, stamp


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("2026-11-23 09:15:00,123 ERROR writer: no database", "error"),
        ("CRITICAL:root:out of memory", "error"),
        ('{"event": "sink.lost", "level": "error"}', "error"),
        ("ts=1 level=fatal msg=x", "error"),
        ("09:15 [error    ] no route", "error"),
        ("Traceback (most recent call last):", "error"),
        ("error: no such file", "error"),
        ("WARN slow", "warning"),
        ('{"level":"warning"}', "warning"),
        ("INFO up", "info"),
        ("DEBUG 3 rows", "debug"),
        ("2 errors so far, no error now", None),
        ("wrote errors.csv", None),
        ("50 quotes a batch", None),
        ("", None),
    ],
)
def test_a_line_is_as_bad_as_it_says_in_whatever_way_it_says_so(text: str, level: str | None) -> None:
    assert level_of(text.encode()) == level


def test_a_line_is_read_without_its_stamp_and_name() -> None:
    line = read_line(stamped("feed", "ERROR no ticks", 1.5).rstrip("\n").encode(), "feed")
    assert line == LogLine("2026-11-23T03:45:01.500000Z", "feed", "ERROR no ticks", "error")
    assert line.came_at == datetime(2026, 11, 23, 3, 45, 1, 500_000, tzinfo=UTC)


@pytest.mark.parametrize("raw", [b"", b"half a line", b"2026-11-23T03:45:01Z feed no microseconds", b"\x00" * 64])
def test_what_no_keeper_wrote_is_no_line(raw: bytes) -> None:
    assert read_line(raw, "feed") is None


def test_an_empty_line_a_foreign_name_and_bytes_that_are_no_text_are_lines_all_the_same() -> None:
    head = b"2026-11-23T03:45:01.500000Z "
    found = [read_line(head + raw, "feed") for raw in (b"feed ", b"feed", b"other says", b"feed \xff\xfe")]
    assert [line and line.text for line in found] == ["", "", "other says", "\ufffd\ufffd"]


def test_a_line_without_an_end_is_cut() -> None:
    line = read_line(b"2026-11-23T03:45:01.500000Z feed " + b"x" * (2 * LONGEST), "feed")
    assert line is not None
    assert len(line.text) == LONGEST + 2
    assert line.text.endswith(" …")


def test_lines_are_wanted_by_text_level_and_time() -> None:
    line = LogLine("2026-11-23T03:45:01.500000Z", "feed", "WARN No Ticks", "warning")
    assert Wanted(text="no ticks").has(line)
    assert not Wanted(text="rows").has(line)
    assert Wanted(level="warning").has(line)
    assert not Wanted(level="error").has(line)
    assert Wanted(level="info").has(LogLine(line.at, "feed", "says no level"))
    assert not Wanted(level="warning").has(LogLine(line.at, "feed", "says no level"))
    assert Wanted(since=stamp(datetime(2026, 11, 23, 9, 15, 1, tzinfo=IST))).has(line)
    assert not Wanted(since=stamp(datetime(2026, 11, 23, 9, 15, 2, tzinfo=IST))).has(line)
