"""A year of a desk's jobs in virtual time, with killed daemons and jumping clocks: nothing twice or in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from year_of_jobs import Year

DAYS = 366
MORE = [pytest.param(seed, marks=[pytest.mark.nightly, pytest.mark.timeout(900)]) for seed in range(1, 10)]


@pytest.mark.parametrize("seed", [0, *MORE])
def test_every_due_time_of_a_year_has_one_outcome_and_no_run_two_copies(tmp_path: Path, seed: int) -> None:
    year = Year(tmp_path, seed, days=DAYS)
    year.live()
    assert year.copies == [], "two processes of one job at once, or one run begun twice"
    assert year.silent() == [], "due times without an outcome"
    assert year.doubled() == [], "due times with two outcomes"
    assert year.open() == [], "runs that nobody ended"
    assert year.idle == [], "open windows of what stands, and nothing runs"
    assert year.kills > 0.5 * DAYS
    assert year.jumps > 0.1 * DAYS
    outcomes = year.outcomes()
    assert min(outcomes[each] for each in ("success", "failed", "missed", "timeout")) > 0
    assert outcomes["success"] > 0.6 * sum(outcomes.values())
    assert outcomes["missed"] < 0.08 * sum(outcomes.values()), "what nobody had stopped ran, but for kills and clocks"
