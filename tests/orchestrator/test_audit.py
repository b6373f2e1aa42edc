"""The record of what was done and refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from staff import HandClock
from tradewarden.orchestrator.audit import KEEP, KEEP_REFUSED, MOST_KINDS, PRUNED, Audit
from tradewarden.orchestrator.ledger import Ledger
from tradewarden.orchestrator.ledger_file import LedgerFile


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[LedgerFile]:
    Ledger(tmp_path / "ledger.db").close()
    opened = LedgerFile(tmp_path / "ledger.db")
    yield opened
    opened.close()


def told(audit: Audit, **which: Any) -> list[tuple[str, str, str, bool, str | None]]:
    return [(e.by, e.action, e.target, e.allowed, e.detail) for e in audit.entries(**which)]


def test_what_was_done_is_on_disk_at_once(file: LedgerFile, clock: HandClock) -> None:
    Audit(file, now=clock.now).add("asha", "POST /api/runs", "buy_orders", allowed=True, detail="202")
    assert file.read("SELECT by, target, allowed FROM audit") == [("asha", "buy_orders", 1)]


def test_rows_are_told_newest_first_by_whom_and_page_by_page(file: LedgerFile, clock: HandClock) -> None:
    audit = Audit(file, now=clock.now)
    for number in range(5):
        audit.add("asha" if number % 2 else "ravi", "a", str(number), allowed=number != 4)
    assert [row[2] for row in told(audit)] == ["4", "3", "2", "1", "0"]
    assert [row[2] for row in told(audit, by="asha")] == ["3", "1"]
    assert [row[2] for row in told(audit, refused=True)] == ["4"]
    page = audit.entries(limit=2)
    assert [entry.target for entry in audit.entries(before=page[-1].id, limit=2)] == ["2", "1"]


def test_what_somebodys_tokens_did_is_theirs_and_names_the_token(file: LedgerFile, clock: HandClock) -> None:
    audit = Audit(file, now=clock.now)
    whoever = [
        "asha",
        "asha's token nightly",
        "asha's token a",
        "ashas",
        "asha's tokens",
        "ravi's token x",
        "command line",
    ]
    for number in range(21):
        audit.add(whoever[number % 7], "a", str(number), allowed=number % 2 == 0)
    assert [(row[0], row[2]) for row in told(audit, by="asha", limit=4)] == [
        ("asha's token a", "16"),
        ("asha's token nightly", "15"),
        ("asha", "14"),
        ("asha's token a", "9"),
    ]
    assert [row[2] for row in told(audit, by="asha", before=9)] == ["7", "2", "1", "0"]
    assert [row[2] for row in told(audit, by="asha", refused=True)] == ["15", "9", "7", "1"]
    assert [row[2] for row in told(audit, by="asha's token nightly")] == ["15", "8", "1"]


def test_the_same_refusal_again_and_again_is_a_row_and_a_count(file: LedgerFile, clock: HandClock) -> None:
    audit = Audit(file, now=clock.now)
    for _ in range(10_000):
        audit.add("nobody from 203.0.113.9", "GET /api/logs", "", allowed=False, detail="401")
    clock.goes_on(seconds=60)
    assert [row[4] for row in told(audit)] == ["9999 times more within a minute", "401"]
    audit.add("nobody from 203.0.113.9", "GET /api/logs", "", allowed=False, detail="401")
    assert told(audit)[0][4] == "401"


def test_many_kinds_of_refusals_fill_no_disk(file: LedgerFile, clock: HandClock) -> None:
    audit = Audit(file, now=clock.now)
    for number in range(5000):
        audit.add(f"nobody from 203.0.{number >> 8}.{number & 255}", "GET /api/logs", "", allowed=False)
    audit.add("asha", "POST /api/runs", "x", allowed=True)
    clock.goes_on(seconds=60)
    rows = told(audit)
    assert len(rows) == MOST_KINDS + 2
    assert ("many", "other refusals", "", False, f"{5000 - MOST_KINDS} times more within a minute") in rows


def test_strangers_who_knock_leave_room_for_what_people_tried_in_vain(file: LedgerFile, clock: HandClock) -> None:
    audit = Audit(file, now=clock.now)
    for number in range(MOST_KINDS + 5):
        audit.add(f"nobody from 203.0.113.{number}", "GET /api/logs", "", allowed=False)
    audit.add("asha", "POST /api/runs", "buy_orders", allowed=True, detail="409 refused", in_vain=True)
    assert told(audit)[0] == ("asha", "POST /api/runs", "buy_orders", True, "409 refused")


def test_a_full_disk_stops_nothing_and_what_waited_is_written_later(file: LedgerFile, clock: HandClock) -> None:
    audit = Audit(file, now=clock.now)
    file._db.execute("PRAGMA query_only = 1")
    audit.add("asha", "a", "x", allowed=True)
    audit.look()
    file._db.execute("PRAGMA query_only = 0")
    audit.look()
    assert told(audit) == [("asha", "a", "x", True, None)]


@pytest.mark.parametrize("which", [{"by": "asha"}, {"refused": True}, {}])
def test_a_page_is_found_without_looking_through_everything(
    file: LedgerFile, clock: HandClock, which: dict[str, Any]
) -> None:
    plans: list[str] = []
    file._db.set_trace_callback(plans.append)
    Audit(file, now=clock.now).entries(**which)
    file._db.set_trace_callback(None)
    asked = [each for each in plans if "FROM audit" in each and not each.startswith("DELETE")]
    assert len(asked) == (2 if "by" in which else 1)
    for each in asked:
        plan = " ".join(row[3] for row in file.read(f"EXPLAIN QUERY PLAN {each}"))
        assert "SEARCH" in plan
        assert "SCAN audit" not in plan
        assert "TEMP B-TREE" not in plan


def test_half_characters_are_written_down_as_something_else(file: LedgerFile, clock: HandClock) -> None:
    audit = Audit(file, now=clock.now)
    audit.add("asha\ud800", "a", "\udcff", allowed=True)
    assert told(audit) == [("asha?", "a", "?", True, None)]


def test_what_is_old_goes_refusals_first(file: LedgerFile, clock: HandClock) -> None:
    audit = Audit(file, now=clock.now)
    audit.add("asha", "done", "x", allowed=True)
    audit.add("ravi", "refused", "x", allowed=False)
    audit.look()
    clock.goes_on(days=KEEP_REFUSED.days, hours=1)
    assert [row[1] for row in told(audit)] == ["done"]
    clock.goes_on(days=(KEEP - KEEP_REFUSED + timedelta(days=1)).days)
    assert told(audit) == []


def test_more_goes_in_an_hour_than_whoever_knocks_can_write(file: LedgerFile, clock: HandClock) -> None:
    audit = Audit(file, now=clock.now)
    for _ in range(60):
        for number, in_vain in product(range(MOST_KINDS + 2), (False, True)):
            for _ in range(2):
                audit.add(f"nobody from 203.0.113.{number}", "GET /", "", allowed=in_vain, in_vain=in_vain)
        clock.goes_on(minutes=1)
        audit.look()
    rows = len(audit.entries(limit=100_000))
    assert 60 * MOST_KINDS < rows <= PRUNED
