from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sink_contract import frames
from tradewarden.feed.sinks.sink import SetAside
from tradewarden.orchestrator import aside
from tradewarden.orchestrator.aside import AsideFile
from tradewarden.orchestrator.clock import IST

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=IST)


def test_a_refused_record_is_kept_whole_with_its_reason(tmp_path: Path) -> None:
    file = AsideFile(tmp_path / "aside" / "influx.jsonl")
    file.keep(frames(1, 10), [SetAside(4, "older than the retention")], NOW)
    file.keep(frames(11, 10), [SetAside(12, "field type conflict")], NOW)
    told = [json.loads(line) for line in (tmp_path / "aside" / "influx.jsonl").read_text().splitlines()]
    assert [(line["seq"], line["reason"]) for line in told] == [
        (4, "older than the retention"),
        (12, "field type conflict"),
    ]
    assert told[0]["at"] == "2026-11-23T10:00:00.000+05:30"
    assert told[0]["record"]["volume"] == 12
    assert (tmp_path / "aside" / "influx.jsonl").stat().st_mode & 0o077 == 0


def test_what_a_store_refuses_all_day_fills_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "LARGEST", 5000)
    file = AsideFile(tmp_path / "influx.jsonl")
    with capture_logs() as lines:
        for first in range(1, 400, 10):
            file.keep(frames(first, 10), [SetAside(first, "no")], NOW)
    assert 4000 < (tmp_path / "influx.jsonl").stat().st_size <= 5000
    assert [line["event"] for line in lines] == ["sink.aside_full"]


def test_a_file_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "aside").write_text("a file where the directory should be")
    with capture_logs() as lines:
        AsideFile(tmp_path / "aside" / "influx.jsonl").keep(frames(1, 1), [SetAside(1, "no")], NOW)
    assert [line["event"] for line in lines] == ["sink.aside_not_kept"]
