"""The whole desk: what it records is sealed, told of in health, and can be asked for while it runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from desk import LIVE, Desk, play
from ticks import write_journal
from tradewarden.feed.sinks import parquet
from tradewarden.settings import JournalSettings
from tradewarden.settings_sinks import SinksSettings, SqliteSettings

RECORDING = JournalSettings(record=True)
SINKS = SinksSettings(sqlite=SqliteSettings(enabled=False))  # parquet is on unless somebody says otherwise
SEGMENT = 100_000  # bytes: about 390 records


def numbers(state: Path) -> list[int]:
    files = (state / "ticks").rglob("*.parquet")
    return sorted(seq for path in files for seq in pq.read_table(path, columns=["seq"])["seq"].to_pylist())


async def until_sealed(desk: Desk, seq: int) -> None:
    await desk.until(lambda picture: any(each.name == "parquet" and each.position >= seq for each in picture.sinks))


def test_finished_segments_become_parquet_and_the_health_answer_says_how_far(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await until_sealed(desk, 600)
        _, body = await desk.health()
        (told,) = [each for each in body["checks"]["sinks:lag"] if each["componentId"] == "parquet"]
        assert told["status"] == "pass"

    written = write_journal(tmp_path / "journal", 1000, segment_bytes=SEGMENT)
    play(tmp_path, LIVE, scene, journal=RECORDING, sinks=SINKS)
    sealed = numbers(tmp_path)
    assert sealed == list(range(1, len(sealed) + 1))
    assert 600 <= len(sealed) <= written[-1].last_seq


def test_without_the_extra_nothing_is_sealed_and_nobody_is_troubled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        await asyncio.sleep(5)
        assert "parquet" not in {each.name for each in desk.picture.sinks}

    monkeypatch.setattr(parquet, "find_spec", lambda _name: None)
    write_journal(tmp_path / "journal", 1000, segment_bytes=SEGMENT)
    play(tmp_path, LIVE, scene, journal=RECORDING, sinks=SINKS)
    assert numbers(tmp_path) == []
