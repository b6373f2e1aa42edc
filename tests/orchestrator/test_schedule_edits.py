"""Edits of schedules last, with who and when; what waits for the next start is told apart from what holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tradewarden.orchestrator.ledger import Ledger, LedgerError
from tradewarden.orchestrator.ledger_file import LedgerFile
from tradewarden.orchestrator.schedule_edits import Edits

NOW = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


class Wall:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    Ledger(tmp_path / "ledger.db").close()
    return tmp_path / "ledger.db"


@pytest.fixture
def edits(path: Path, wall: Wall) -> Iterator[Edits]:
    file = LedgerFile(path)
    yield Edits(file, now=wall)
    file.close()


def test_a_job_that_nobody_has_edited_is_as_configured(edits: Edits) -> None:
    assert edits.current("eod", "") is None
    assert edits.pending() == []


def test_an_edit_is_kept_with_who_and_when(edits: Edits, path: Path) -> None:
    made = edits.add("eod", "", text=["at 18:00", "at 20:00"], enabled=True, by="asha", applied=True)
    assert (made.at, made.by, made.applied, made.applied_by) == (NOW, "asha", NOW, "asha")
    file = LedgerFile(path)  # after a restart, too
    assert Edits(file, now=lambda: LATER).current("eod", "") == made
    file.close()
    assert edits.current("eod", "asha") is None


def test_the_last_change_that_holds_is_told_of_each_job(edits: Edits, wall: Wall) -> None:
    edits.add("eod", "", text=["at 18:00"], enabled=None, by="asha", applied=True)
    edits.add("orders", "", text=["at 10:00"], enabled=None, by="asha", applied=True)
    wall.now = LATER
    edits.add("eod", "", text=None, enabled=False, by="boss", applied=True)
    edits.add("orders", "ravi", text=None, enabled=False, by="boss", applied=True)
    edits.add("orders", "", text=["at 11:00"], enabled=None, by="ravi", applied=False)
    assert {key: (edit.by, edit.at) for key, edit in edits.latest().items()} == {
        ("eod", ""): ("boss", LATER),
        ("orders", ""): ("asha", NOW),
        ("orders", "ravi"): ("boss", LATER),
    }


def test_the_last_word_counts_for_the_schedules_and_for_enabled_apart(edits: Edits, wall: Wall) -> None:
    edits.add("eod", "", text=["at 18:00"], enabled=None, by="asha", applied=True)
    edits.add("eod", "", text=None, enabled=False, by="ravi", applied=True)
    wall.now = LATER
    edits.add("eod", "", text=["at 19:00"], enabled=None, by="asha", applied=True)
    told = edits.current("eod", "")
    assert told is not None
    assert (told.text, told.enabled, told.by, told.at) == (("at 19:00",), False, "asha", LATER)
    assert [each.enabled for each in edits.history("eod", "")] == [None, False, None]
    assert len(edits.history("eod", "", limit=2)) == 2


def test_no_schedules_at_all_are_the_word_for_those_of_the_configuration(edits: Edits) -> None:
    edits.add("eod", "", text=["at 18:00"], enabled=None, by="asha", applied=True)
    edits.add("eod", "", text=[], enabled=None, by="asha", applied=True)
    told = edits.current("eod", "")
    assert told is not None
    assert told.text == ()


def test_what_waits_for_the_next_start_holds_from_then_on_and_not_before(edits: Edits, wall: Wall) -> None:
    edits.add("eod", "", text=["at 18:00"], enabled=None, by="asha", applied=True)
    waiting = edits.add("eod", "", text=["at 19:00"], enabled=None, by="ravi", applied=False)
    assert waiting.applied is None
    assert edits.pending() == [waiting]
    told = edits.current("eod", "")
    assert told is not None
    assert told.text == ("at 18:00",)
    wall.now = LATER
    (applied,) = edits.apply_pending("desk start")
    assert (applied.id, applied.applied, applied.applied_by) == (waiting.id, LATER, "desk start")
    assert edits.pending() == []
    assert edits.apply_pending("desk start") == []
    told = edits.current("eod", "")
    assert told is not None
    assert told.text == ("at 19:00",)


def test_an_edit_that_the_disk_does_not_take_is_a_sentence(edits: Edits, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="try again"):
            edits.add("eod", "", text=["at 18:00"], enabled=None, by="asha", applied=True)
    assert edits.current("eod", "") is None
