"""How a job does: what is told of it when nothing is known yet."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import get_args

from tradewarden.machines.job_report import EditAnswer, Holds, JobReport, Stands, Statistics

AT = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)


def test_of_a_job_that_never_ran_nothing_more_is_told() -> None:
    report = JobReport(
        name="analysis",
        user="",
        description="",
        per_user=False,
        does="work",
        enabled=True,
        stands="unified",
        schedules=("at 16:00",),
    )
    later = ("next_due", "why_not", "running", "last", "problem", "notice")
    assert {name: value for name, value in asdict(report).items() if name in later} == dict.fromkeys(later)


def test_statistics_of_nothing_are_nothing() -> None:
    told = Statistics(since=AT)
    assert told.outcomes == {}
    figures = (told.success_rate, told.seconds_p50, told.seconds_p95, told.seconds_max)
    assert (*figures, told.lateness_p50, told.lateness_p99) == (None,) * 6


def test_an_edit_holds_at_once_unless_it_says_otherwise() -> None:
    told = EditAnswer(text="It is changed.")
    assert (told.holds, told.problems, told.would) == ("now", (), ())


def test_the_words_are_the_agreed_ones() -> None:
    assert get_args(Stands) == ("unified", "individual", "stopped")
    assert get_args(Holds) == ("now", "next start")
