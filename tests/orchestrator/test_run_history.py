"""The history tells any choice of runs page by page, without reading through the others."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tradewarden.machines.claim import Claim
from tradewarden.machines.run import Lease, Outcome, Run, Trigger
from tradewarden.orchestrator.ledger import Ledger
from tradewarden.orchestrator.ledger_file import LedgerFile
from tradewarden.orchestrator.runs import Runs

FIRST = datetime(2026, 11, 2, 3, 45, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LEASE = Lease(100, 7, "boot")
JOBS, USERS = ("analysis", "buy_orders", "eod_cleanup"), ("", "asha", "ravi")
ENDS = (Outcome.SUCCESS, Outcome.FAILED, Outcome.SKIPPED, Outcome.MISSED, Outcome.TIMEOUT)


class Wall:
    now = FIRST

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Three jobs of three people, by schedule and by wish, with every outcome, and one open run."""
    path, wall = tmp_path_factory.mktemp("history") / "ledger.db", Wall()
    Ledger(path).close()
    file = LedgerFile(path)
    file.read("PRAGMA synchronous = OFF")  # the power stays on
    runs = Runs(file, now=wall)
    kinds = [*product(JOBS, USERS)]
    for number in range(180):
        wall.now = FIRST + 5 * number * MINUTE
        job, user = kinds[number % len(kinds)]
        trigger = (Trigger.SCHEDULE, Trigger.ONCE, Trigger.AFTER, Trigger.DESK)[number % 4]
        outcome = ENDS[number % len(ENDS)]
        if outcome in (Outcome.SKIPPED, Outcome.MISSED):
            runs.miss(job, user, wall.now, "a reason", trigger=trigger, outcome=outcome)
            continue
        run = runs.give(Claim(job=job, user=user, trigger=trigger, due=wall.now, by="schedule", lease=LEASE))
        assert isinstance(run, Run)
        wall.now += timedelta(seconds=number % 7)
        runs.start(run.id, LEASE)
        wall.now += timedelta(seconds=number % 11)
        runs.finish(run.id, outcome)
    wall.now = FIRST + 2000 * MINUTE
    runs.give(Claim(job="analysis", user="", trigger=Trigger.SCHEDULE, due=wall.now, by="schedule", lease=LEASE))
    yield runs
    file.close()


def choices() -> Iterator[dict[str, Any]]:
    for job, user, outcome, trigger, bounded in product(
        (None, "buy_orders"), (None, "", "asha"), (None, *Outcome), (None, *Trigger), (False, True)
    ):
        between = {"since": FIRST + 100 * MINUTE, "until": FIRST + 600 * MINUTE} if bounded else {}
        yield {"job": job, "user": user, "outcome": outcome, "trigger": trigger, **between}


def chosen(run: Run, choice: dict[str, Any]) -> bool:
    same = all(choice[each] in (None, getattr(run, each)) for each in ("job", "user", "outcome", "trigger"))
    return same and choice.get("since", run.due) <= run.due and ("until" not in choice or run.due < choice["until"])


def test_every_choice_tells_the_runs_that_it_names_and_the_newest_first(runs: Runs) -> None:
    everything = runs.history(limit=1000)
    assert len(everything) == 181
    assert everything == sorted(everything, key=lambda run: (run.due, run.id), reverse=True)
    for choice in choices():
        assert runs.history(**choice, limit=1000) == [run for run in everything if chosen(run, choice)], choice


def test_pages_follow_each_other_without_a_gap_or_a_double(runs: Runs) -> None:
    for choice in choices():
        whole, pages = runs.history(**choice, limit=1000), list[Run]()
        while page := runs.history(**choice, before=pages[-1].id if pages else None, limit=7):
            pages += page
        assert pages == whole, choice


def test_runs_that_were_due_at_one_moment_are_told_apart_by_their_numbers(tmp_path: Path) -> None:
    Ledger(tmp_path / "ledger.db").close()
    file = LedgerFile(tmp_path / "ledger.db")
    runs = Runs(file, now=lambda: FIRST)
    for user in "abcdefgh":
        runs.miss("eod", user, FIRST, "away")
        runs.miss("eod", user, FIRST, "away", trigger=Trigger.ONCE)
    first = runs.history(limit=5)
    rest = runs.history(before=first[-1].id, limit=100)
    assert [run.id for run in first + rest] == list(range(16, 0, -1))
    file.close()


def test_behind_a_run_that_is_no_longer_kept_there_is_nothing(runs: Runs) -> None:
    assert runs.history(before=10_000) == []


def test_nothing_is_known_of_a_job_that_never_ran(runs: Runs) -> None:
    assert runs.history(job="nothing") == []
    assert runs.run(10_000) is None
    assert runs.running("nothing", "") is None
    told = runs.statistics("nothing", "", FIRST)
    assert (dict(told.outcomes), told.success_rate, told.seconds_max, told.lateness_p99) == ({}, None, None, None)


def test_a_page_never_reads_through_the_runs(runs: Runs) -> None:
    asked: list[str] = []
    db = runs._file._db
    db.set_trace_callback(asked.append)
    for choice in choices():
        runs.history(**choice)
        runs.history(**choice, before=90)
    runs.statistics("buy_orders", "asha", FIRST)
    runs.successes("buy_orders", "asha", FIRST)
    db.set_trace_callback(None)
    plans = {question: plan(db, question) for question in set(asked)}
    assert len(plans) > 100
    for question, steps in plans.items():
        assert not [step for step in steps if step.startswith("SCAN runs") or "TEMP B-TREE" in step], question


def test_neither_claims_nor_looks_read_through_the_runs(runs: Runs) -> None:
    asked: list[str] = []
    db = runs._file._db
    due = FIRST + 5000 * MINUTE
    db.set_trace_callback(asked.append)
    run = runs.give(
        Claim(job="eod_cleanup", user="asha", trigger=Trigger.SCHEDULE, due=due, by="schedule", lease=LEASE)
    )
    assert isinstance(run, Run)
    runs.take(run, Lease(1, 2, "boot"))
    runs.wait(run.id, "no token")
    runs.start(run.id, LEASE)
    runs.finish(run.id, Outcome.SUCCESS)
    runs.account("eod_cleanup", "asha", due, missed=[(due + MINUTE, "away")])
    runs.open()
    runs.running("eod_cleanup", "asha")
    runs.run(7)
    runs.watermark("eod_cleanup", "asha")
    db.set_trace_callback(None)
    told = [each for each in asked if each.partition(" ")[0] in ("SELECT", "UPDATE")]
    assert len(told) > 12
    for question in told:
        scans = [step for step in plan(db, question) if step.startswith("SCAN runs")]
        assert [step for step in scans if "runs_open" not in step] == [], question  # the index of what is open is short


def plan(db: sqlite3.Connection, question: str) -> list[str]:
    return [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {question}")]


def test_statistics_tell_what_a_job_came_to(tmp_path: Path) -> None:
    Ledger(tmp_path / "ledger.db").close()
    wall, file = Wall(), LedgerFile(tmp_path / "ledger.db")
    runs = Runs(file, now=wall)
    for number in range(1, 21):
        due = wall.now = FIRST + number * 10 * MINUTE
        run = runs.give(
            Claim(
                job="eod",
                user="",
                trigger=Trigger.SCHEDULE if number < 20 else Trigger.ONCE,
                due=due,
                by="",
                lease=LEASE,
            )
        )
        assert isinstance(run, Run)
        wall.now += timedelta(milliseconds=10 * number)
        runs.start(run.id, LEASE)
        wall.now += timedelta(seconds=number)
        runs.finish(run.id, Outcome.FAILED if number % 4 == 0 else Outcome.SUCCESS)
    runs.miss("eod", "", FIRST + 500 * MINUTE, "away")
    told = runs.statistics("eod", "", FIRST)
    assert dict(told.outcomes) == {Outcome.SUCCESS: 15, Outcome.FAILED: 5, Outcome.MISSED: 1}
    assert told.success_rate == 0.75
    assert (told.seconds_p50, told.seconds_p95, told.seconds_max) == (10.0, 19.0, 20.0)
    assert told.lateness_p50 == pytest.approx(0.1)
    assert told.lateness_p99 == pytest.approx(0.19)  # the wish of the end has no due time to be late for
    assert sum(runs.statistics("eod", "", FIRST + 190 * MINUTE).outcomes.values()) == 3
    assert [run.due for run in runs.successes("eod", "", FIRST + 170 * MINUTE)] == [
        FIRST + minutes * MINUTE for minutes in (190, 180, 170)
    ]
    file.close()


def test_a_clock_that_was_set_back_makes_no_run_shorter_than_nothing(tmp_path: Path) -> None:
    Ledger(tmp_path / "ledger.db").close()
    file = LedgerFile(tmp_path / "ledger.db")
    runs = Runs(file, now=lambda: FIRST)
    run = runs.give(Claim(job="eod", user="", trigger=Trigger.SCHEDULE, due=FIRST, by="", lease=LEASE))
    assert isinstance(run, Run)
    runs.start(run.id, LEASE)
    runs.finish(run.id, Outcome.SUCCESS, ended=FIRST - MINUTE)
    assert runs.statistics("eod", "", FIRST).seconds_max == 0.0
    file.close()
