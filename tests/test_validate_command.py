"""`tradewarden validate`: which time it looks at, and what it says."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from ticks import write_journal
from tradewarden.orchestrator.validate import Span
from tradewarden.orchestrator.validation import lines
from tradewarden.validate_command import run, span_of, wanted

BEGAN = datetime(2026, 11, 23, 3, tzinfo=UTC)


def test_without_an_end_it_looks_back_from_the_last_tick_whatever_the_clock_says(tmp_path: Path) -> None:
    last = write_journal(tmp_path, 100)[-1].received_ns
    assert span_of(None, None, 10, tmp_path) == Span(last + 1 - 600 * 10**9, last + 1)


def test_a_time_that_ends_before_it_begins_is_none(tmp_path: Path) -> None:
    write_journal(tmp_path, 100)
    assert span_of(BEGAN, BEGAN, 10, tmp_path) is None
    assert span_of(None, None, 0, tmp_path) is None
    assert span_of(BEGAN, None, 10, tmp_path) is not None


def test_full_is_all_that_run_and_the_originals_name_of_influxdb_is_known() -> None:
    assert wanted("full", ["redis", "mysql"]) == ["redis", "mysql"]
    assert wanted("influxdb", ["influx"]) == ["influx"]


async def test_an_empty_journal_is_said_and_nothing_agrees_with_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    span = span_of(None, None, 10, tmp_path / "journal")
    assert span is not None
    assert await run({}, tmp_path, span, as_json=False, say=said.append) == 0
    assert said == ["journal: nothing was recorded in this time"]
    nothing = {"count": 0, "named": []}
    store = {"store": "redis", "agrees": True, "compared": 0, "note": None} | dict.fromkeys(
        ("missing", "double", "different", "foreign"), nothing
    )
    store |= dict.fromkeys(("waiting", "late", "setAside", "letGo"), 0)
    told = list(lines({"journal": {"records": 0, "holes": []}, "stores": [store]}))
    assert told[1] == "redis: nothing to compare yet, 0 compared"
