"""Due times that come at once: which run, which are missed, and in which words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tradewarden.machines.due import Due
from tradewarden.machines.misfire import LATE, Away, Settled, settle
from tradewarden.machines.run import Misfire, Outcome

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
IST = ZoneInfo("Asia/Kolkata")
AWAY = "nobody looked at the clock from 09:00:00 to 09:30:00"


def due(ago: float, left: float = 3600.0, *, is_window: bool = False) -> Due:
    return Due(NOW - timedelta(seconds=ago), NOW + timedelta(seconds=left), is_window)


def settled(*dues: Due, misfire: Misfire = Misfire.RUN, since: float = 1800.0, noticed: float = 0.0) -> Settled:
    away = Away(NOW - timedelta(seconds=since), NOW - timedelta(seconds=noticed), IST)
    return settle(dues, NOW, misfire, away)


@pytest.mark.parametrize("misfire", list(Misfire))
def test_what_comes_when_it_is_due_runs_whatever_is_said_of_late_ones(misfire: Misfire) -> None:
    assert settled(due(5), due(0), misfire=misfire) == Settled(runs=(due(5), due(0)))
    assert settled(misfire=misfire) == Settled()
    assert Settled().outcome is Outcome.MISSED
    assert timedelta(seconds=5) == LATE


def test_of_three_that_came_late_the_last_runs_while_it_has_time() -> None:
    late = due(600), due(300), due(5.001)
    found = settled(*late)
    assert found.runs == (late[2],)
    assert found.missed == tuple((each.at, f"3 came at once: {AWAY}; the last one runs") for each in late[:2])


@pytest.mark.parametrize(
    ("late", "misfire", "why"),
    [
        ((due(600, 0),), Misfire.RUN, f"{AWAY}, and its time was over"),
        ((due(600, -2), due(300, -1)), Misfire.RUN, f"2 came at once: {AWAY}, and its time was over"),
        ((due(600),), Misfire.SKIP, f"{AWAY}, and what comes late is left out (misfire)"),
        ((due(600),), Misfire.ALERT, f"{AWAY}, and what comes late is left out (misfire)"),
    ],
)
def test_what_comes_late_and_does_not_run_is_missed_with_the_reason(
    late: tuple[Due, ...], misfire: Misfire, why: str
) -> None:
    assert settled(*late, misfire=misfire) == Settled(missed=tuple((each.at, why) for each in late))


def test_one_that_comes_in_time_takes_the_place_of_those_that_came_late() -> None:
    assert settled(due(600), due(1)) == Settled(((due(600).at, f"{AWAY}; the next one runs"),), (due(1),))


def test_one_that_still_has_a_moment_runs() -> None:
    assert settled(due(600, 0.001)).runs == (due(600, 0.001),)


def test_another_day_is_said_with_its_date() -> None:
    found = settled(due(600), misfire=Misfire.SKIP, since=86_400.0)
    assert "from 2026-11-22 09:30:00 to 09:30:00" in found.missed[0][1]


def test_a_window_that_is_open_runs_though_a_later_time_of_another_line_has_passed() -> None:
    watch, later = due(1800, is_window=True), due(600)
    found = settled(due(1900), watch, later)
    assert found.runs == (watch,)
    assert [at for at, _ in found.missed] == [due(1900).at, later.at]
    assert {why for _, why in found.missed} == {f"3 came at once: {AWAY}; the window among them runs"}
    assert settled(watch, due(600, 0)).runs == (watch,)
    assert settled(watch, due(1)).runs == (watch, due(1))
    assert settled(due(1800, 0, is_window=True), later).runs == (later,)
    first = due(1900, is_window=True)
    assert settled(first, watch).runs == (watch,)


def test_the_last_with_time_left_runs_though_a_later_one_has_none() -> None:
    assert settled(due(600), due(300, 0)).runs == (due(600),)


@pytest.mark.parametrize("misfire", list(Misfire))
def test_what_came_while_somebody_looked_and_nothing_could_begin_runs_whatever_is_said_of_late_ones(
    misfire: Misfire,
) -> None:
    assert settled(due(10), misfire=misfire, noticed=10).runs == (due(10),)
    assert settled(due(10), misfire=misfire, noticed=5).runs == (due(10),)
    assert (settled(due(10), misfire=misfire, noticed=4.9).runs == ()) is (misfire is not Misfire.RUN)
    found = settled(due(600), due(60), due(10), misfire=misfire, noticed=60)
    why = "nothing of it could begin from 09:29:00 to 09:30:00"
    assert found.missed == (
        (due(600).at, f"3 came at once: {AWAY}; the last one runs"),
        (due(60).at, f"3 came at once: {why}; the last one runs"),
    )
    assert found.runs == (due(10),)
