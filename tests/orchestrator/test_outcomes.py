"""How programs were left: kept for the next daemon of the same machine's start, and for no other."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tradewarden.machines.kept import Exited, Happening, Paused, Started
from tradewarden.machines.past import Past
from tradewarden.machines.service import Again, Restarts, Service, ServiceState
from tradewarden.machines.service_life import ServiceLife
from tradewarden.orchestrator.clock import IST
from tradewarden.orchestrator.outcomes import FILE, Outcome, Outcomes, is_over

AT = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)
BOT = Service(name="bot", command=("bot",), restarts=Restarts(when=Again.FAILURE))
BEGAN = Started(at=AT, keeper=7, pid=8, ticks=9, revision="r", boot="b", life=1)


def ended(code: int | None, **told: bool) -> Exited:
    return Exited(at=AT, keeper=7, pid=8, code=code, up=1.0, asked=told.get("asked", False))


def life(state: ServiceState, reason: str | None, *past: Happening) -> ServiceLife:
    made = ServiceLife(BOT, lambda: 0.5, 0, IST)
    made.state, made.reason, made.past = state, reason, Past(BOT, past)
    return made


@pytest.fixture
def kept(tmp_path: Path) -> Outcomes:
    outcomes = Outcomes(tmp_path)
    assert not outcomes.load(runs=False), "nothing was left"
    outcomes.begin([])
    return outcomes


def again(path: Path) -> tuple[bool, Outcomes]:
    outcomes = Outcomes(path)
    return outcomes.load(runs=False), outcomes


def test_the_next_daemon_knows_how_each_was_left_until_it_ends_once_more(kept: Outcomes, tmp_path: Path) -> None:
    done = Past(BOT, (BEGAN, ended(0)))
    kept.note([life(ServiceState.DONE, "its work is done", BEGAN, ended(0))], aborted=False)
    goes_on, outcomes = again(tmp_path)
    assert goes_on
    assert outcomes.of(done) == Outcome("done", "its work is done", AT.timestamp())
    assert outcomes.of(Past(BOT, (BEGAN, replace(ended(0), at=AT + timedelta(seconds=1))))) is None
    assert outcomes.of(Past(BOT)) == outcomes.of(done), "its status log was deleted"
    kept.note([life(ServiceState.STARTING, "its keeper is asked", BEGAN, ended(0))], aborted=False)
    due = again(tmp_path)[1].of(done)
    assert due is not None
    assert (due.is_over, due.is_stopped) == (False, False)


def test_an_aborted_start_and_another_start_of_the_machine_are_no_desk_to_go_on_with(
    kept: Outcomes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.note([life(ServiceState.DOWN, "the start was aborted")], aborted=True)
    assert not again(tmp_path)[0]
    assert not Outcomes(tmp_path).load(runs=True), "what rests under a keeper makes no desk"
    kept.note([], aborted=False)
    assert again(tmp_path)[0]
    monkeypatch.setenv("TRADEWARDEN_BOOT_ID", "another")
    assert not again(tmp_path)[0]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"desk": "x"}', '{"desk": "x", "services": {"bot": ["up"]}}'])
def test_a_file_that_cannot_be_understood_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    goes_on, outcomes = again(tmp_path)
    assert not goes_on
    assert outcomes.of(Past(BOT)) is None
    assert outcomes.load(runs=True), "what runs belongs to a desk that had begun"


def test_what_no_disk_takes_is_told_and_written_with_the_next_change(kept: Outcomes, tmp_path: Path) -> None:
    (tmp_path / FILE).with_suffix(".new").mkdir()
    with capture_logs() as logs:
        kept.note([life(ServiceState.DOWN, "somebody stopped it")], aborted=False)
        kept.note([], aborted=False)
    assert [line["event"] for line in logs] == ["desk.outcomes_unkept"]
    (tmp_path / FILE).with_suffix(".new").rmdir()
    kept.note([], aborted=False)
    assert json.loads((tmp_path / FILE).read_text())["services"] == {"bot": ["down", "somebody stopped it", 0.0]}


def test_a_file_that_somebody_deleted_is_made_again(kept: Outcomes, tmp_path: Path) -> None:
    Outcomes(tmp_path / "other").hold()
    assert not (tmp_path / "other").exists()
    kept.note([life(ServiceState.DOWN, "somebody stopped it")], aborted=False)
    written = (tmp_path / FILE).read_text()
    (tmp_path / FILE).unlink()
    kept.hold()
    assert (tmp_path / FILE).read_text() == written


def test_before_the_desk_begins_nothing_is_kept(tmp_path: Path) -> None:
    Outcomes(tmp_path).note([life(ServiceState.DOWN, None)], aborted=False)
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize(
    ("past", "over", "without_restarts"),
    [
        ((), False, False),
        ((BEGAN,), False, False),
        ((BEGAN, ended(0)), True, True),
        ((BEGAN, ended(1)), False, True),
        ((BEGAN, ended(1, asked=True)), False, False),
        ((BEGAN, ended(None)), False, False),
        ((BEGAN, ended(1), Paused(at=AT, keeper=7, attempts=3, window=60.0)), True, True),
        ((BEGAN, ended(0), BEGAN), False, False),
    ],
)
def test_what_keepers_wrote_down_tells_what_is_over(
    past: tuple[Happening, ...], *, over: bool, without_restarts: bool
) -> None:
    assert is_over(Past(BOT, past), auto=True) is over
    assert is_over(Past(BOT, past), auto=False) is without_restarts
