"""Ten thousand claims from several processes at once, two of which are killed: nothing runs twice, nothing is stuck."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from racer import JOBS, due_times
from tradewarden.machines.claim import APART
from tradewarden.machines.run import Outcome, Run, Trigger
from tradewarden.orchestrator.ledger import Ledger
from tradewarden.orchestrator.ledger_file import LedgerFile
from tradewarden.orchestrator.run_history import RunHistory

RACER = Path(__file__).parents[1] / "support" / "racer.py"
CLAIMS = 10_000
DUE_TIMES = 320  # of each job
GOING = [("daemon", "0", "half"), ("daemon", "0", "-"), ("people", "0", "-"), ("people", "0", "-")]
DYING = [("daemon", "5", "claim"), ("people", "5", "start")]


class Race(NamedTuple):
    """What is left of it."""

    runs: list[Run]
    seen: Counter[str]  # by those that were not killed


@contextmanager
def racing(ledger: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(RACER), str(ledger), words[0], str(DUE_TIMES), *words[1:]]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def last_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.read().splitlines()[-1]


def go(racers: list[subprocess.Popen[str]]) -> None:
    for each in racers:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()


@pytest.fixture(scope="module")
def race(tmp_path_factory: pytest.TempPathFactory) -> Race:
    ledger = tmp_path_factory.mktemp("race") / "ledger.db"
    Ledger(ledger).close()
    seen: Counter[str] = Counter()
    with ExitStack() as stack:
        going = [stack.enter_context(racing(ledger, *words)) for words in GOING]
        dying = [stack.enter_context(racing(ledger, *words)) for words in DYING]
        assert {line(each) for each in going + dying} == {"ready"}
        go(dying)
        assert {line(each) for each in dying} == {"standing"}  # for all that the ledger knows they run
        go(going)
        assert line(going[0]) == "half of them"
        for each in dying:
            each.kill()
            each.wait(10)
        go(going[:1])  # whatever the others have done meanwhile, one at least finds the dead
        for each in going:
            seen.update(json.loads(last_line(each)))
    file = LedgerFile(ledger)
    runs = RunHistory(file).history(limit=1_000_000)
    file.close()
    return Race(runs, seen)


def test_so_many_claims_were_made(race: Race) -> None:
    assert race.seen["asked"] >= CLAIMS  # and those of the killed ones
    assert race.seen["given"] > 100


def test_no_job_ran_twice_at_a_time(race: Race) -> None:
    assert race.seen["double"] == 0


def test_each_due_time_has_exactly_one_outcome(race: Race) -> None:
    scheduled = Counter((run.job, run.user, run.due) for run in race.runs if run.trigger is Trigger.SCHEDULE)
    assert scheduled == {(job, user, due): 1 for job, user in JOBS for due in due_times(DUE_TIMES)}
    assert not [run for run in race.runs if run.outcome.is_open]


def test_two_minutes_lie_between_a_wish_and_whatever_began_before_or_comes_after_it(race: Race) -> None:
    began: dict[tuple[str, str], list[Run]] = {}
    for run in race.runs:
        if run.started is not None:
            began.setdefault((run.job, run.user), []).append(run)
    for runs in began.values():
        runs.sort(key=lambda run: run.id)
        for before, after in pairwise(runs):
            assert before.started is not None
            assert after.claimed is not None
            apart = after.claimed - before.started
            if Trigger.ONCE in (before.trigger, after.trigger):
                assert apart >= APART


def test_what_ended_was_ended_by_the_one_that_ran_it(race: Race) -> None:
    assert race.seen["unfinished"] == 0
    well = sum(run.outcome is Outcome.SUCCESS for run in race.runs)
    assert race.seen["given"] <= well <= race.seen["given"] + 2 * 4  # what the killed ones had done before


def test_each_refusal_is_kept_with_its_reason(race: Race) -> None:
    refused = [run for run in race.runs if run.outcome is Outcome.SKIPPED]
    assert len(refused) >= race.seen["refused"]
    assert all(run.reason for run in refused)


def test_the_runs_of_the_dead_were_cleared_once_and_their_jobs_ran_on(race: Race) -> None:
    dead = [run for run in race.runs if run.outcome is Outcome.FAILED]
    assert len(dead) == 2
    assert race.seen["cleared"] <= 2  # less when the second to die had cleared away the first
    assert sorted(run.started is None for run in dead) == [False, True]  # one behind its claim, one in its run
    for each in dead:
        later = [
            run
            for run in race.runs
            if (run.job, run.user) == (each.job, each.user) and run.id > each.id and run.outcome is Outcome.SUCCESS
        ]
        assert later
