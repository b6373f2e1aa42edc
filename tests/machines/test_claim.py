"""What stands in a run's way, and in which words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tradewarden.machines.claim import Claim, in_the_way
from tradewarden.machines.run import Lease, Outcome, Refused, Run, Trigger

NOW = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DUE_TIMES = (Trigger.SCHEDULE, Trigger.AFTER, Trigger.DESK)


def claim(trigger: Trigger) -> Claim:
    return Claim(job="eod", user="", trigger=trigger, due=NOW, by="ravi", lease=Lease(1, 2, "boot"))


def run(outcome: Outcome, *, ago: float = 0, reason: str | None = None) -> Run:
    return Run(
        id=7,
        job="eod",
        user="",
        trigger=Trigger.ONCE,
        due=NOW,
        by="asha",
        outcome=outcome,
        reason=reason,
        started=None if outcome is Outcome.QUEUED else NOW - ago * SECOND,
    )


def words(
    trigger: Trigger, *, open_run: Run | None = None, latest: Run | None = None, latest_once: Run | None = None
) -> str | None:
    answer = in_the_way(claim(trigger), NOW, open_run=open_run, latest=latest, latest_once=latest_once)
    if answer is None:
        return None
    assert answer.holder in (open_run, latest, latest_once)
    assert answer.run is None
    return answer.reason


@pytest.mark.parametrize("trigger", Trigger)
def test_nothing_stands_in_the_way_of_the_first_run(trigger: Trigger) -> None:
    assert words(trigger) is None


def test_a_run_that_goes_on_refuses_a_wish_and_says_what_to_do() -> None:
    told = words(Trigger.ONCE, open_run=run(Outcome.RUNNING, ago=600))
    assert told == "eod has been running for 10 min: wait until it ends, or end that run"


@pytest.mark.parametrize("trigger", DUE_TIMES)
def test_a_run_that_goes_on_refuses_a_due_time_and_says_since_when(trigger: Trigger) -> None:
    told = words(trigger, open_run=run(Outcome.RUNNING, ago=600))
    assert told == "the run before it had not ended: it had been running for 10 min"


@pytest.mark.parametrize(("reason", "why"), [(None, ""), ("no token", " (no token)")])
def test_a_run_that_waits_refuses_too_and_says_for_what(reason: str | None, why: str) -> None:
    waits = run(Outcome.QUEUED, reason=reason)
    assert words(Trigger.ONCE, open_run=waits) == f"eod waits to start{why} already"
    assert words(Trigger.SCHEDULE, open_run=waits) == f"the run before it still waits to start{why}"


def test_a_run_that_began_later_than_now_has_lasted_no_time() -> None:
    told = words(Trigger.ONCE, open_run=run(Outcome.RUNNING, ago=-3600))
    assert told == "eod has been running for 0.0 s: wait until it ends, or end that run"
    unsaid = replace(run(Outcome.RUNNING), started=None)
    assert words(Trigger.ONCE, open_run=unsaid) == told


def test_what_is_open_is_told_before_what_began_lately() -> None:
    both = words(Trigger.ONCE, open_run=run(Outcome.RUNNING, ago=60), latest=run(Outcome.SUCCESS, ago=60))
    assert both is not None
    assert both.startswith("eod has been running")


@pytest.mark.parametrize(
    ("ago", "told"),
    [
        (0, "eod began 0.0 s ago: it may be run once again in 2 min"),
        (40, "eod began 40 s ago: it may be run once again in 80 s"),
        (119.5, "eod began 2 min ago: it may be run once again in 0.5 s"),
        (120, None),
        (-60, "eod began 0.0 s ago: it may be run once again in 2 min"),  # the clock was set back a little
        (-120, None),  # by so much that it says nothing any more
    ],
)
def test_a_wish_waits_two_minutes_behind_any_run(ago: float, told: str | None) -> None:
    assert words(Trigger.ONCE, latest=run(Outcome.SUCCESS, ago=ago)) == told


@pytest.mark.parametrize("trigger", DUE_TIMES)
def test_a_due_time_waits_behind_a_wish_only(trigger: Trigger) -> None:
    once = run(Outcome.FAILED, ago=40)
    assert words(trigger, latest=once, latest_once=once) == "asha ran it once 40 s ago"
    assert words(trigger, latest=once) is None
    assert words(trigger, latest_once=run(Outcome.FAILED, ago=120)) is None
    assert words(trigger, latest_once=run(Outcome.FAILED, ago=-1)) == "asha ran it once 0.0 s ago"


def test_a_run_that_never_began_keeps_nobody_waiting() -> None:
    assert words(Trigger.ONCE, latest=run(Outcome.QUEUED)) is None


def test_the_refusal_names_who_stands_in_the_way() -> None:
    holder = run(Outcome.RUNNING)
    answer = in_the_way(claim(Trigger.ONCE), NOW, open_run=holder, latest=None, latest_once=None)
    assert isinstance(answer, Refused)
    assert answer.holder is holder
