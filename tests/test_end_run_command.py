"""The end of a run, on a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from desk_of_jobs import Desk
from jobs_shown import Jobs
from tradewarden.end_run_command import end_run


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize(("which", "user"), [("1", None), ("buy_orders", "asha"), ("buy_orders", None)])
async def test_a_run_is_ended_by_its_number_or_its_job(desk: Desk, which: str, user: str | None) -> None:
    desk.before = lambda jobs: jobs.begin(jobs.run_once("buy_orders", "asha", by="asha").id)  # type: ignore[union-attr]
    code, lines, said = await desk(lambda terminal: end_run(terminal, which, user))
    assert (code, said) == (0, [])
    assert lines == ["✕ buy_orders of asha failed after 12 s: ended by command line"]
    assert desk.jobs.asked[-1] == ("end", 1, "command line")


async def test_which_run_is_to_be_ended_must_be_clear(desk: Desk) -> None:
    def both(jobs: Jobs) -> None:
        for user in ("asha", "ravi"):
            jobs.run_once("buy_orders", user, by=user)

    desk.before = both
    code, _, said = await desk(lambda terminal: end_run(terminal, "buy_orders", None))
    assert (code, said) == (
        1,
        ["buy_orders has more than one run: 1 of asha, 2 of ravi; say which, by its number or with --user NAME."],
    )
    code, _, said = await desk(lambda terminal: end_run(terminal, "analysis", None))
    expected = "no run of analysis runs or waits: `tradewarden history --job analysis` tells what became of it."
    assert (code, said) == (1, [expected])
    code, _, said = await desk(lambda terminal: end_run(terminal, "analysis", "asha"))
    assert (code, said) == (1, ["analysis is the desk's own job: leave --user out."])
    code, _, said = await desk(lambda terminal: end_run(terminal, "99", None))
    assert (code, said) == (1, ["no run of yours has the number '99'; `tradewarden history` lists them"])
