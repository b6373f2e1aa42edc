"""Whether an open window wants a run: what has given way begins again, and what has ended by itself does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tradewarden.machines.due import FOREVER, Due
from tradewarden.machines.run import Outcome, Run, Trigger
from tradewarden.machines.window_run import begins_at, is_desks

OPENS = datetime(2026, 11, 23, 3, 45, tzinfo=UTC)
NOW = OPENS + timedelta(hours=1)
WINDOW = Due(OPENS, OPENS + timedelta(hours=6), lasts=True)
AGO = timedelta(seconds=100)


def run(
    outcome: Outcome = Outcome.FAILED, reason: str | None = None, *, due: datetime = OPENS, ago: timedelta = AGO
) -> Run:
    return Run(
        id=1,
        job="watch",
        user="",
        trigger=Trigger.SCHEDULE,
        due=due,
        by="schedule",
        outcome=outcome,
        reason=reason,
        ended=NOW - ago,
    )


def begins(
    last: Run | None, *, since: datetime | None = None, pause: float | None = None, window: Due = WINDOW
) -> datetime | None:
    return begins_at(window, last, NOW, since=since, pause=pause)


def test_a_window_that_had_no_run_wants_one_now() -> None:
    assert begins(None) == NOW
    assert begins(run(Outcome.SUCCESS, due=OPENS - timedelta(seconds=1))) == NOW, "that was another window's"
    assert begins(run(Outcome.SUCCESS, due=WINDOW.until)) == NOW, "so was that"
    assert begins(None, window=FOREVER) == NOW


def test_one_that_closes_in_a_moment_wants_none() -> None:
    assert begins(None, window=Due(OPENS, NOW + timedelta(seconds=1.9))) is None
    assert begins(None, window=Due(OPENS, NOW + timedelta(seconds=2))) == NOW


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome.SUCCESS, None),
        (Outcome.FAILED, "it ended with code 3"),
        (Outcome.FAILED, None),
        (Outcome.TIMEOUT, "it did not end within 60 s"),
        (Outcome.MISSED, "nobody looked at the clock from 09:00:00 to 10:00:00, and what comes late is left out"),
        (Outcome.FAILED, "ended by asha, with the desk"),
        (Outcome.MISSED, "the desk was stopped by asha"),
    ],
)
@pytest.mark.parametrize("window", [WINDOW, FOREVER])
def test_what_has_ended_begins_again_only_when_somebody_lets_it_stand_anew(
    outcome: Outcome, reason: str | None, window: Due
) -> None:
    last = run(outcome, reason)
    assert begins(last, window=window) is None
    assert begins(last, window=window, since=NOW - AGO + timedelta(seconds=1)) == NOW
    is_with_desk = "desk" in (reason or "")
    assert (begins(last, window=window, since=NOW - AGO) == NOW) is is_with_desk, "the end may come after the new start"
    assert is_desks(last) is is_with_desk


@pytest.mark.parametrize(
    "reason",
    [
        "its window closed",
        "its window closed before it could begin",
        "the job was disabled",
        "its schedule was switched off",
        "the job is no longer in the configuration",
        "asha has no such job any more",
    ],
)
@pytest.mark.parametrize("killed", ["", ", and it was killed with all that it started"])
def test_what_gave_way_begins_at_once_when_it_stands_and_its_window_is_open(reason: str, killed: str) -> None:
    assert begins(run(reason=reason + killed)) == NOW
    assert begins(run(Outcome.MISSED, reason + killed)) == NOW


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.TIMEOUT])
def test_what_is_kept_up_begins_again_a_while_after_it_failed(outcome: Outcome) -> None:
    last = run(outcome, "it ended 3 times within 60 s; it was ended by SIGKILL")
    assert begins(last, pause=60.0) == NOW - AGO + timedelta(seconds=60)
    assert begins(last, pause=200.0) == NOW - AGO + timedelta(seconds=200)
    assert begins(run(outcome, ago=-AGO), pause=60.0) == NOW, "the clock was ahead when it ended"
    assert begins(run(outcome, ago=timedelta()), pause=60.0) == NOW + timedelta(seconds=60)


@pytest.mark.parametrize("reason", ["ended by asha", "it was ended by hand"])
def test_what_a_person_has_ended_stays_so(reason: str) -> None:
    assert begins(run(reason=reason), pause=60.0) is None


@pytest.mark.parametrize("outcome", [Outcome.SUCCESS, Outcome.MISSED, Outcome.SKIPPED])
def test_only_what_failed_begins_again(outcome: Outcome) -> None:
    assert begins(run(outcome), pause=60.0) is None


def test_a_run_whose_end_nobody_saw_counts_from_its_due_time() -> None:
    last = Run(id=1, job="a", user="", trigger=Trigger.DESK, due=NOW - AGO, by="", outcome=Outcome.FAILED)
    assert begins(last, pause=60.0) == NOW - AGO + timedelta(seconds=60)
