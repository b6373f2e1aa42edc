"""A cursor is kept whole or not at all, and whoever cannot be read is not guessed at."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from tradewarden.feed import cursor


def test_a_cursor_is_loaded_as_it_was_saved_and_tells_when(tmp_path: Path) -> None:
    cursor.save(tmp_path, "redis", 41)
    cursor.save(tmp_path, "redis", 42)
    assert cursor.load(tmp_path, "redis") == 42
    told = json.loads((tmp_path / "cursors" / "redis.json").read_text())
    assert told["seq"] == 42
    assert datetime.fromisoformat(told["at"]).tzinfo is not None
    assert [path.name for path in (tmp_path / "cursors").iterdir()] == ["redis.json"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"seq": null}',
        '{"seq": -1}',
        '{"seq": "7"}',
        '{"seq": true}',
        "\0",
        "[" * 3000,
        f'{{"seq": {2**63}}}',
    ],
)
def test_a_cursor_that_makes_no_sense_is_unknown(tmp_path: Path, text: str) -> None:
    cursor.save(tmp_path, "redis", 41)
    (tmp_path / "cursors" / "redis.json").write_text(text)
    assert cursor.load(tmp_path, "redis") is None
    assert cursor.everyone(tmp_path) == {"redis": None}


def test_a_sink_that_never_kept_one_is_unknown(tmp_path: Path) -> None:
    assert cursor.load(tmp_path, "redis") is None
    assert cursor.everyone(tmp_path) == {}


def test_everyone_is_named_with_what_is_known(tmp_path: Path) -> None:
    cursor.save(tmp_path, "redis", 41)
    cursor.save(tmp_path, "mysql", 0)
    (tmp_path / "cursors" / ".redis.json.17").write_text("half")
    assert cursor.everyone(tmp_path) == {"mysql": 0, "redis": 41}
