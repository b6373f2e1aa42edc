"""Who said that a trader's desk, or one job of it, runs on schedule, and when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tradewarden.orchestrator.ledger import Ledger
from tradewarden.orchestrator.ledger_file import LedgerFile
from tradewarden.orchestrator.standings import RESTS, WHOLE, Standing, Standings

NOW = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)


@pytest.fixture
def standings(tmp_path: Path) -> Iterator[Standings]:
    Ledger(tmp_path / "ledger.db").close()
    file = LedgerFile(tmp_path / "ledger.db")
    yield Standings(file, now=lambda: NOW)
    file.close()


def test_nothing_was_said_of_anybody_at_first(standings: Standings) -> None:
    assert dict(standings.of("asha")) == {}
    assert standings.users() == []


def test_the_last_word_counts_and_each_trader_has_an_own_one(standings: Standings) -> None:
    standings.set("asha", {"eod": True}, by="asha")
    standings.set("ravi", {WHOLE: True}, by="ravi")
    standings.set("asha", {"eod": False}, by="admin")
    assert dict(standings.of("asha")) == {"eod": False}
    assert dict(standings.told("asha")) == {"eod": Standing(on=False, at=NOW, by="admin")}
    assert dict(standings.of("ravi")) == {WHOLE: True}
    assert standings.users() == ["asha", "ravi"]


def test_a_whole_takes_single_jobs_over_at_one_moment(standings: Standings) -> None:
    standings.set("asha", {"eod": True, "analysis": True}, by="asha")
    standings.set("asha", {WHOLE: True, "eod": False, "analysis": False}, by="asha")
    assert dict(standings.of("asha")) == {WHOLE: True, "eod": False, "analysis": False}


def test_when_the_desk_was_started_is_known_until_somebody_stops_it(standings: Standings) -> None:
    assert standings.started_at() is None
    standings.set("", {RESTS: True}, by="asha")
    assert standings.started_at() is None
    standings.set("", {RESTS: False}, by="the desk's start")
    assert standings.started_at() == NOW
