"""What a million runs weigh in the ledger, and how long a page of them takes.

Twelve jobs of six people, 1,000,000 runs with every outcome over 400 days, in the order of their due times, written as
the ledger keeps them: nine in ten by schedule, each with its times, one in four with a reason, one in ten with details.
Then pages of 50 by every choice of job, person, outcome and trigger, from the newest due time on and behind a run
somewhere in the past, and what a job's runs of 30 days came to; each question is asked as the daemon asks it, in one
connection with a cache of 512 KB, and takes turns with the others. One claim, start and end are the daemon's own, with
a sync of the disk each, in the same ledger.
"""

from __future__ import annotations

import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from result import Figure, Run, high, say

from tradewarden.machines import run as machine
from tradewarden.machines.claim import Claim
from tradewarden.machines.run import Outcome, Trigger
from tradewarden.orchestrator.lease import own_lease
from tradewarden.orchestrator.ledger import Ledger
from tradewarden.orchestrator.ledger_file import LedgerFile, stamp
from tradewarden.orchestrator.runs import Runs

RUNS = 1_000_000
JOBS = tuple(f"job_number_{number}" for number in range(1, 13))
PEOPLE = ("", "asha", "ravi", "meena", "arjun", "divya")
OUTCOMES = ("success", "failed", "timeout", "skipped", "missed")
WEIGHTS = (80, 8, 2, 6, 4)
LATEST = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)
DAYS = 400
ASKED = 300  # times each
CLAIMS = 500
PRUNED = 200  # batches
DISK = "/var/tmp"
REASON = "exit code 1 after 12 s: see its log"
DETAILS = '{"orders": 12, "rejected": 0, "value": 1840233.5}'


def rows(chance: random.Random) -> Iterator[tuple[Any, ...]]:
    """One run after the other."""
    begin, step = stamp(LATEST - timedelta(days=DAYS)), DAYS * 86_400_000_000 // RUNS
    for number in range(RUNS):
        due = begin + number * step
        outcome = chance.choices(OUTCOMES, WEIGHTS)[0]
        ran = outcome in ("success", "failed", "timeout")
        trigger = "schedule" if number % 10 else chance.choice(("once", "after", "desk"))
        yield (
            chance.randrange(len(JOBS) * len(PEOPLE)) + 1,
            trigger,
            due,
            "schedule" if trigger == "schedule" else "asha",
            outcome,
            None if outcome == "success" else REASON,
            due + 2_000,
            due + 40_000 if ran else None,
            due + chance.randrange(1_000_000, 300_000_000) if ran else due + 2_000,
            due + 3_600_000_000,
            {"success": 0, "failed": 1, "timeout": -15}.get(outcome),
            DETAILS if number % 10 == 3 and ran else None,
        )


def fill(path: Path) -> None:
    Ledger(path).close()
    with closing(sqlite3.connect(path)) as db:
        names = [(job, user) for job in JOBS for user in PEOPLE]
        db.executemany("INSERT INTO jobs (job, user) VALUES (?, ?)", names)
        db.executemany(
            "INSERT INTO runs (job, trigger, due, by, outcome, reason, claimed, started, ended, until, code, details)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows(random.Random(6)),
        )
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def questions(runs: Runs, chance: random.Random) -> dict[str, Callable[[], object]]:
    """What is asked, each time of somebody else and behind another run."""
    return {
        "job, person and outcome": lambda: runs.history(
            job=chance.choice(JOBS), user=chance.choice(PEOPLE), outcome=Outcome(chance.choice(OUTCOMES))
        ),
        "person and outcome": lambda: runs.history(
            user=chance.choice(PEOPLE), outcome=Outcome(chance.choice(OUTCOMES))
        ),
        "outcome": lambda: runs.history(outcome=Outcome(chance.choice(OUTCOMES))),
        "trigger": lambda: runs.history(trigger=chance.choice([*Trigger])),
        "job and person": lambda: runs.history(job=chance.choice(JOBS), user=chance.choice(PEOPLE)),
        "person": lambda: runs.history(user=chance.choice(PEOPLE)),
        "nothing": runs.history,
        "job, person and outcome, deep": lambda: runs.history(
            job=chance.choice(JOBS),
            user=chance.choice(PEOPLE),
            outcome=Outcome(chance.choice(OUTCOMES)),
            before=chance.randrange(RUNS) + 1,
        ),
        "outcome, deep": lambda: runs.history(
            outcome=Outcome(chance.choice(OUTCOMES)), before=chance.randrange(RUNS) + 1
        ),
        "nothing, deep": lambda: runs.history(before=chance.randrange(RUNS) + 1),
        "statistics": lambda: runs.statistics(chance.choice(JOBS), chance.choice(PEOPLE), LATEST - timedelta(days=30)),
    }


def timed(deed: Callable[[], object]) -> float:
    """How many milliseconds it takes."""
    begun = time.perf_counter()
    deed()
    return (time.perf_counter() - begun) * 1000


def pages(run: Run, runs: Runs) -> None:
    asked = questions(runs, random.Random(7))
    took: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(ASKED):
        for name, question in asked.items():
            took[name].append(timed(question))
    for name, times in took.items():
        told = "a job's 30 days, statistics" if name == "statistics" else f"page of 50 by {name}"
        run.add(Figure(name=f"{told}, p99", value=high(times), unit="ms", samples=len(times), at_most=50.0))


def claims(run: Run, runs: Runs) -> None:
    lease, took = own_lease(), []
    for number in range(CLAIMS):
        due = LATEST + timedelta(minutes=number)

        def life(due: datetime = due) -> None:
            given = runs.give(
                Claim(job=JOBS[0], user="asha", trigger=Trigger.SCHEDULE, due=due, by="schedule", lease=lease)
            )
            assert isinstance(given, machine.Run)
            runs.start(given.id, lease)
            runs.finish(given.id, Outcome.SUCCESS, code=0)

        took.append(timed(life))
    run.add(Figure(name="a run's claim, start and end, p99", value=high(took), unit="ms", samples=len(took)))


def prunes(run: Run, runs: Runs) -> None:
    took = [timed(lambda: runs.prune(LATEST)) for _ in range(PRUNED)]
    run.add(
        Figure(name="a batch of 50 runs forgotten, p99", value=high(took), unit="ms", samples=len(took), at_most=20.0)
    )


def main() -> None:
    run = Run(__file__)
    say("history.py: a million runs, a minute")
    with tempfile.TemporaryDirectory(dir=DISK) as place:
        path = Path(place) / "ledger.db"
        fill(path)
        run.add(
            Figure(
                name="a run in the ledger", value=path.stat().st_size / RUNS, unit="bytes", samples=RUNS, at_most=200.0
            )
        )
        file = LedgerFile(path)
        runs = Runs(file, now=lambda: datetime.now(UTC))
        pages(run, runs)
        claims(run, runs)
        prunes(run, runs)
        file.close()
    run.keep()


if __name__ == "__main__":
    main()
