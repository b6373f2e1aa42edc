"""Whose jobs run on schedule, on a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from desk_of_jobs import Desk
from jobs_shown import a_job
from tradewarden.standing_command import standing


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_standing_tells_each_desk_and_changes_one(desk: Desk) -> None:
    desk.told = [a_job("analysis", ""), a_job(stands="individual"), a_job(user="ravi", stands="stopped")]
    code, lines, _ = await desk(lambda terminal: standing(terminal, None))
    assert (code, lines) == (
        0,
        [
            "● The desk's own jobs: on as a whole (analysis)",
            "● asha's desk: off as a whole, on by itself: buy_orders",
            "○ ravi's desk: off, nothing runs on its schedule",
        ],
    )
    stopped = "the desk was stopped by command line: nothing of it begins before `tradewarden start --all`"
    desk.told = [a_job("analysis", "", problem=stopped), a_job("eod_cleanup", "", problem=stopped)]
    _, lines, _ = await desk(lambda terminal: standing(terminal, None))
    assert lines == ["● The desk's own jobs: on as a whole (analysis, eod_cleanup)", f"! {stopped}"]
    desk.told = [a_job(), a_job(user="ravi")]
    change = {"on": True, "job": "buy_orders", "user": "ravi"}
    code, lines, _ = await desk(lambda terminal: standing(terminal, change))
    assert (code, lines) == (0, ["ravi: buy_orders on"])
