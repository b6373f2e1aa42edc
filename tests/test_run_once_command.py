"""One run of a job now, on a terminal."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from desk_of_jobs import Desk, ran
from jobs_shown import Jobs
from tradewarden import run_once_command
from tradewarden.machines.run import Outcome
from tradewarden.run_once_command import run_once


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(run_once_command, "LOOK", 0.01)
    return Desk(tmp_path)


async def test_run_once_says_which_run_it_is_and_does_not_wait(desk: Desk) -> None:
    code, lines, _ = await desk(lambda terminal: run_once(terminal, "buy_orders", "asha", wait=False))
    assert (code, lines) == (0, ["buy_orders of asha begins, as run 1."])
    assert desk.jobs.asked == [("run", "buy_orders", "asha", "command line")]


async def test_a_run_that_cannot_begin_yet_says_what_it_waits_for(desk: Desk) -> None:
    def waits(jobs: Jobs) -> None:
        jobs.because = "feed is not up"

    desk.before = waits
    code, lines, _ = await desk(lambda terminal: run_once(terminal, "buy_orders", "asha", wait=False))
    assert (code, lines) == (0, ["buy_orders of asha waits, as run 1: feed is not up."])


@pytest.mark.parametrize(
    ("outcome", "how", "status", "last"),
    [
        (Outcome.SUCCESS, {}, 0, ["✓ buy_orders of asha ended with success after 12 s"]),
        (
            Outcome.FAILED,
            {"reason": "ended with code 3"},
            1,
            [
                "✕ buy_orders of asha failed after 12 s: ended with code 3",
                "`tradewarden logs buy_orders@asha` shows what it said.",
            ],
        ),
        (
            Outcome.TIMEOUT,
            {"reason": "it took longer than 300 s"},
            1,
            [
                "✕ buy_orders of asha took too long after 12 s: it took longer than 300 s",
                "`tradewarden logs buy_orders@asha` shows what it said.",
            ],
        ),
    ],
)
async def test_a_run_that_is_waited_for_decides_the_exit_status(
    desk: Desk, outcome: Outcome, how: dict[str, Any], status: int, last: list[str]
) -> None:
    async def beside(jobs: Jobs) -> None:
        claimed = asyncio.Event()
        jobs.subscribe(lambda _: claimed.set())
        async with asyncio.timeout(5):
            await claimed.wait()
        jobs.begin(1)
        await asyncio.sleep(0.03)  # it takes some looks
        jobs.end(1, outcome, **how)

    desk.beside = beside
    code, lines, _ = await desk(lambda terminal: run_once(terminal, "buy_orders", "asha", wait=True))
    assert (code, lines) == (status, ["buy_orders of asha begins, as run 1.", *last])


async def test_a_refused_run_tells_the_reason_and_fails(desk: Desk) -> None:
    desk.before = lambda jobs: ran(jobs, "buy_orders", "asha", Outcome.SUCCESS)
    code, lines, said = await desk(lambda terminal: run_once(terminal, "buy_orders", "asha", wait=True))
    assert (code, lines) == (1, [])
    assert "ago" in said[0]
    code, _, said = await desk(lambda terminal: run_once(terminal, "buy_orders", None, wait=False))
    whose = "buy_orders is a job of each trader: say for whom in user (--user NAME); known are asha, ravi"
    assert (code, said) == (1, [whose])


async def test_a_refusal_names_the_command_that_ends_what_stands_in_the_way(desk: Desk) -> None:
    desk.before = lambda jobs: jobs.begin(jobs.run_once("buy_orders", "asha", by="asha").id)  # type: ignore[union-attr]
    _, _, said = await desk(lambda terminal: run_once(terminal, "buy_orders", "asha", wait=False))
    assert said[0].endswith("`tradewarden end-run 1` ends it")
