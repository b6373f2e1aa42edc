from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tradewarden.machines.gap import Gap
from tradewarden.machines.report import GapsReport
from tradewarden.orchestrator.clock import IST
from tradewarden.orchestrator.gap_tally import GapTally
from tradewarden.orchestrator.ledger import Ledger

MORNING = datetime(2026, 11, 23, 9, 30, tzinfo=IST)


class Hands:
    """A clock that is set."""

    simulated = False

    def __init__(self) -> None:
        self.wall, self.mono = MORNING, 0

    def now(self) -> datetime:
        return self.wall

    def mono_ns(self) -> int:
        return self.mono

    def pass_time(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.mono += int(seconds * 1e9)


def test_the_gaps_that_ended_today_are_counted_once_a_second_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, clock = Ledger(tmp_path / "ledger.db"), Hands()
    tally = GapTally(ledger, clock)
    assert tally.today() == GapsReport(count=0, seconds=0)
    yesterday = MORNING - timedelta(days=1)
    ledger.add_gap("kite", Gap(yesterday, yesterday + timedelta(seconds=50), ("network",)), [1])
    ledger.add_gap("kite", Gap(MORNING, MORNING + timedelta(seconds=12.5), ("network",)), [1])
    ledger.add_gap("kite", Gap(MORNING, MORNING + timedelta(seconds=30), ("stall",)), [1])
    clock.pass_time(0.9)
    assert tally.today() == GapsReport(count=0, seconds=0)
    clock.pass_time(0.2)
    assert tally.today() == GapsReport(count=2, seconds=42.5)
    clock.pass_time(86_400)
    assert tally.today() == GapsReport(count=0, seconds=0)
    clock.pass_time(-86_390)

    def fail(_since: datetime) -> tuple[int, float]:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(ledger, "seconds_lost", fail)
    clock.pass_time(20)
    assert tally.today() == GapsReport(count=0, seconds=0)
    ledger.close()
