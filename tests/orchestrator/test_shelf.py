"""Segments leave the disk when every store is past them and their Parquet is safe, and the newest never does."""

from __future__ import annotations

from pathlib import Path

import pytest

from ticks import write_journal
from tradewarden.feed import cursor
from tradewarden.feed.segment import first_seqs
from tradewarden.orchestrator import shelf as shelf_module
from tradewarden.orchestrator.shelf import Shelf, Stock

LATER = 9_999_999_999.0  # long after any file of this test was written


def shelf(directory: Path, *sinks: str, safe: int | None = None, keep_bytes: int = 1 << 40, now: float = 0.0) -> Shelf:
    return Shelf(
        directory,
        sinks=sinks,
        safe=None if safe is None else lambda _first, last: last <= safe,
        keep_bytes=keep_bytes,
        keep_seconds=3600,
        now=lambda: now,
    )


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Five segments of sixty ticks, the last one of forty."""
    write_journal(tmp_path, 280, a_frame=20, segment_bytes=17_000)
    assert first_seqs(tmp_path) == [1, 61, 121, 181, 241]
    return tmp_path


def test_old_segments_go_once_every_store_is_past_them_and_they_are_sealed(journal: Path) -> None:
    cursor.save(journal, "redis", 180)
    cursor.save(journal, "mysql", 120)
    assert shelf(journal, "redis", "mysql", safe=60, now=LATER).tidy().segments == 4
    assert first_seqs(journal) == [61, 121, 181, 241]
    assert shelf(journal, "redis", "mysql", safe=179, now=LATER).tidy().segments == 3
    assert first_seqs(journal) == [121, 181, 241]


def test_a_store_that_has_never_said_where_it_is_keeps_everything(journal: Path) -> None:
    cursor.save(journal, "redis", 280)
    shelf(journal, "redis", "mysql", now=LATER).tidy()
    assert first_seqs(journal) == [1, 61, 121, 181, 241]


def test_a_store_that_is_not_configured_any_more_keeps_nothing(journal: Path) -> None:
    cursor.save(journal, "redis", 280)
    cursor.save(journal, "mysql", 0)
    shelf(journal, "redis", now=LATER).tidy()
    assert first_seqs(journal) == [241]


def test_the_newest_segment_stays_so_that_numbers_go_on(journal: Path) -> None:
    assert shelf(journal, now=LATER).tidy() == Stock(1, (journal / f"{241:020d}.seg").stat().st_size, too_much=False)
    assert shelf(journal, now=LATER, keep_bytes=1).tidy().too_much
    assert first_seqs(journal) == [241]


def test_over_the_cap_sealed_segments_go_though_a_store_is_behind_and_they_are_counted(journal: Path) -> None:
    cursor.save(journal, "redis", 70)
    one = (journal / f"{1:020d}.seg").stat().st_size
    full = shelf(journal, "redis", safe=180, keep_bytes=3 * one)
    assert full.tidy().segments == 3
    assert first_seqs(journal) == [121, 181, 241]
    assert full.unread_total == 1
    assert shelf(journal, "redis", safe=180, keep_bytes=one).tidy() == Stock(2, 10_352 + one, too_much=True)


def test_a_disk_that_is_nearly_full_lets_go_early_of_what_is_done(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf_module, "SHORT", 2.0)  # more than there can be
    cursor.save(journal, "redis", 130)
    shelf(journal, "redis").tidy()
    assert first_seqs(journal) == [121, 181, 241]


def test_a_shelf_without_a_journal_is_empty(tmp_path: Path) -> None:
    assert shelf(tmp_path).tidy() == Stock()
