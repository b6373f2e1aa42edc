"""One run of a job: its words, when it is open, how long it took."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta

import pytest

from tradewarden.machines.run import Misfire, Outcome, Refused, Run, Trigger

AT = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
RUN = Run(id=7, job="analysis", user="", trigger=Trigger.SCHEDULE, due=AT, by="schedule", outcome=Outcome.QUEUED)


def test_the_words_are_the_agreed_ones() -> None:
    assert [str(each) for each in Trigger] == ["schedule", "after", "once", "desk"]
    assert [str(each) for each in Misfire] == ["run", "skip", "alert"]
    assert [str(each) for each in Outcome] == ["queued", "running", "success", "failed", "timeout", "skipped", "missed"]


def test_a_run_is_open_until_it_has_ended() -> None:
    assert [each for each in Outcome if each.is_open] == [Outcome.QUEUED, Outcome.RUNNING]


def test_it_took_as_long_as_from_its_start_to_its_end() -> None:
    assert RUN.seconds is None
    assert replace(RUN, started=AT).seconds is None
    assert replace(RUN, ended=AT).seconds is None
    assert replace(RUN, started=AT, ended=AT + timedelta(seconds=90.5)).seconds == 90.5


def test_of_a_new_one_nothing_more_is_known_and_nobody_changes_what_is() -> None:
    said = (RUN.reason, RUN.claimed, RUN.started, RUN.ended, RUN.until, RUN.code, RUN.lease, RUN.slept)
    assert said == (None,) * 8
    assert RUN.lasts is False
    assert RUN.details == {}
    with pytest.raises(TypeError):
        RUN.details["a"] = 1  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        RUN.code = 0  # type: ignore[misc]


def test_a_refusal_may_stand_alone() -> None:
    assert (Refused("no").run, Refused("no").holder) == (None, None)
