"""One row for each trading day and symbol, updated and never doubled, and untouched on a closed day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from schedules import BOOK
from tradewarden.machines.claim import Claim
from tradewarden.machines.run import Outcome, Run, Trigger
from tradewarden.orchestrator.lease import own_lease
from tradewarden.orchestrator.ledger import Ledger
from tradewarden.orchestrator.ledger_file import LedgerFile
from tradewarden.orchestrator.runs import Runs
from tradewarden.orchestrator.signals import Signals, Stored, Untouched

IST = ZoneInfo("Asia/Kolkata")
FRIDAY, MONDAY = date(2026, 11, 20), date(2026, 11, 23)


class Wall:
    now = datetime(2026, 11, 20, 16, 0, tzinfo=IST)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def signals(tmp_path: Path, wall: Wall) -> Iterator[Signals]:
    Ledger(tmp_path / "ledger.db").close()
    file = LedgerFile(tmp_path / "ledger.db")
    yield Signals(file, now=wall)
    file.close()


def test_an_analysis_that_runs_again_updates_its_signals_and_doubles_none(signals: Signals, wall: Wall) -> None:
    first = wall.now
    assert signals.put(FRIDAY, {"INFY": {"side": "buy"}, "TCS": {"side": "sell"}}, 7) == Stored(FRIDAY, 2, 0)
    wall.now += timedelta(hours=2)
    assert signals.put(FRIDAY, {"INFY": {"side": "sell"}, "SBIN": 3}, 8) == Stored(FRIDAY, 1, 1)
    infy, sbin, tcs = signals.of(FRIDAY)
    assert (infy.symbol, infy.data, infy.run, infy.created, infy.updated) == (
        "INFY",
        {"side": "sell"},
        8,
        first.astimezone(UTC),
        wall.now.astimezone(UTC),
    )
    assert (sbin.data, sbin.run) == (3, 8)
    assert (tcs.data, tcs.run, tcs.updated) == ({"side": "sell"}, 7, first.astimezone(UTC))


def test_each_trading_day_has_signals_of_its_own(signals: Signals) -> None:
    assert signals.days() == []
    assert signals.of(FRIDAY) == []
    signals.put(FRIDAY, {"INFY": 1, "TCS": 2}, None)
    signals.put(MONDAY, {"INFY": 3}, None)
    assert [signal.data for signal in signals.of(MONDAY)] == [3]
    assert signals.days() == [(MONDAY, 1), (FRIDAY, 2)]
    assert signals.days(limit=1) == [(MONDAY, 1)]


@pytest.mark.parametrize(
    ("now", "day"),
    [
        (datetime(2026, 11, 20, 16, 0, tzinfo=IST), FRIDAY),
        (datetime(2026, 11, 23, 8, 59, tzinfo=IST), FRIDAY),  # before 09:00 it is Friday's window still
        (datetime(2026, 11, 23, 9, 0, tzinfo=IST), MONDAY),
        (datetime(2026, 11, 23, 3, 30, tzinfo=UTC), MONDAY),  # the same moment
    ],
)
def test_signals_of_now_belong_to_the_trading_day_whose_window_is_open(
    signals: Signals, wall: Wall, now: datetime, day: date
) -> None:
    wall.now = now
    assert signals.hand_over({"INFY": 1}, 7, book=BOOK, segment="NSE_EQ") == Stored(day, 1, 0)
    assert [signal.symbol for signal in signals.of(day)] == ["INFY"]


def test_on_a_closed_day_the_signals_stay_as_they_are_and_the_reason_is_told(signals: Signals, wall: Wall) -> None:
    signals.put(FRIDAY, {"INFY": 1}, 7)
    wall.now = datetime(2026, 11, 22, 11, 0, tzinfo=IST)
    answer = signals.hand_over({"INFY": 2}, 8, book=BOOK, segment="NSE_EQ")
    assert answer == Untouched(
        FRIDAY,
        "skipped update: 2026-11-22 is a Sunday, and NSE_EQ does not trade; the signals of 2026-11-20 stay as they are",
    )
    assert [signal.data for signal in signals.of(FRIDAY)] == [1]


def test_the_run_of_a_skipped_update_is_recorded_as_one(tmp_path: Path, wall: Wall) -> None:
    Ledger(tmp_path / "ledger.db").close()
    file = LedgerFile(tmp_path / "ledger.db")
    runs, signals = Runs(file, now=wall), Signals(file, now=wall)
    wall.now = datetime(2026, 11, 22, 11, 0, tzinfo=IST)
    run = runs.give(Claim(job="analysis", user="", trigger=Trigger.ONCE, due=wall.now, by="asha", lease=own_lease()))
    assert isinstance(run, Run)
    runs.start(run.id, own_lease())
    answer = signals.hand_over({"INFY": 2}, run.id, book=BOOK, segment="NSE_EQ")
    assert isinstance(answer, Untouched)
    runs.finish(run.id, Outcome.SUCCESS, code=0)
    ended = runs.run(run.id)
    assert ended is not None
    assert (ended.outcome, ended.reason) == (Outcome.SUCCESS, answer.reason)
    signals.hand_over({"INFY": 2}, run.id, book=BOOK, segment="NSE_EQ")  # by a shell, after its end
    assert runs.run(run.id) == ended
    file.close()


def test_of_signals_that_cannot_all_be_written_none_is(signals: Signals) -> None:
    with pytest.raises(TypeError):
        signals.put(FRIDAY, {"INFY": 1, "TCS": object()}, 7)
    assert signals.of(FRIDAY) == []
    assert signals.put(FRIDAY, {"INFY": 1}, 7) == Stored(FRIDAY, 1, 0)


def test_the_oldest_day_is_forgotten_first(signals: Signals) -> None:
    signals.put(FRIDAY, {"INFY": 1, "TCS": 2}, None)
    signals.put(MONDAY, {"INFY": 3}, None)
    assert signals.prune(MONDAY) == 2
    assert signals.prune(MONDAY) == 0
    assert signals.days() == [(MONDAY, 1)]
