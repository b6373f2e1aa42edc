"""What ran, on a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from desk_of_jobs import Desk, ran
from jobs_shown import LEASE, Jobs
from pictures import at
from tradewarden import history_command
from tradewarden.history_command import history
from tradewarden.machines.claim import Claim
from tradewarden.machines.run import Outcome, Trigger


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(history_command, "now", lambda: at("10:00:00"))
    return Desk(tmp_path)


async def test_history_is_a_table_with_reasons_and_the_way_to_the_next_page(desk: Desk) -> None:
    def before(jobs: Jobs) -> None:
        run = jobs.runs.give(
            Claim(job="analysis", user="", trigger=Trigger.SCHEDULE, due=at("09:58:00"), by="schedule", lease=LEASE)
        )
        jobs.begin(run.id)  # type: ignore[union-attr]
        jobs.end(run.id)  # type: ignore[union-attr]
        ran(jobs, "buy_orders", "asha", Outcome.FAILED, reason="ended with code 1")
        jobs.runs.miss("buy_orders", "ravi", at("10:10:00"), "the daemon was away from 10:09 to 10:12")

    desk.before = before
    code, lines, _ = await desk(lambda terminal: history(terminal, {"limit": "20"}))
    assert (code, lines) == (
        0,
        [
            "  RUN  JOB         FOR   DUE    ASKED BY  OUTCOME  LATE   TOOK",
            "! 3    buy_orders  ravi  10:10  schedule  missed                the daemon was away from 10:09 to 10:12",
            "✕ 2    buy_orders  asha  10:00  asha      failed          12 s  ended with code 1",
            "✓ 1    analysis          09:58  schedule  success  2 min  12 s",
        ],
    )
    _, lines, _ = await desk(lambda terminal: history(terminal, {"limit": "1"}))
    assert lines[-1].startswith("There may be more: --before ")
    code, _, said = await desk(lambda terminal: history(terminal, {"since": "yesterday"}))
    assert code == 1
    assert "since: 'yesterday' is none" in said[0]
    _, lines, _ = await desk(lambda terminal: history(terminal, {"job": "sell_monitor"}))
    assert lines == ["No run fits: `tradewarden history` without a filter lists the newest ones."]


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ({"job": "nosuch"}, "no job is called 'nosuch'; known are analysis, buy_orders, sell_monitor."),
        ({"user": "nosuch"}, "nobody who is called 'nosuch' has jobs; known are asha, ravi."),
        (
            {"job": "sell_monitor", "user": "ravi"},
            "'ravi' has no job sell_monitor; of those who have it, known are asha.",
        ),
    ],
)
async def test_a_history_of_nothing_that_exists_says_what_is_known(
    desk: Desk, filters: dict[str, str], told: str
) -> None:
    assert await desk(lambda terminal: history(terminal, filters)) == (1, [], [told])
