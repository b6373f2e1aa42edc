"""What is written when a run is asked for: each function is one part of one whole write."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tradewarden.machines.claim import Claim, in_the_way
from tradewarden.machines.run import Outcome, Refused, Run, Trigger
from tradewarden.orchestrator.ledger_file import stamp
from tradewarden.orchestrator.ledger_restored import UNKNOWN
from tradewarden.orchestrator.run_row import IS_OPEN, OF_DUE_TIMES, SELECT, told

DUE_TIMES: Final = (Trigger.SCHEDULE, Trigger.AFTER)  # what has one run for each due time


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A due time that has no run, and why."""

    job: str
    user: str
    due: datetime
    reason: str
    by: str
    trigger: Trigger = Trigger.SCHEDULE
    outcome: Outcome = Outcome.MISSED


def number_of(db: sqlite3.Connection, job: str, user: str) -> int:
    """The number of a job of the desk or of a trader, a new one if need be."""
    db.execute("INSERT INTO jobs (job, user) VALUES (?, ?) ON CONFLICT DO NOTHING", (job, user))
    number: int = db.execute("SELECT id FROM jobs WHERE job = ? AND user = ?", (job, user)).fetchone()[0]
    return number


def claimed(db: sqlite3.Connection, claim: Claim, now: datetime) -> Run | Refused:
    """The run that is given, or the refusal; that is a run too, unless the due time has one."""
    number = number_of(db, claim.job, claim.user)
    if claim.trigger in DUE_TIMES and (known := _of_due(db, number, claim.due)):
        return Refused(f"its run of that time is on record: {known.outcome}", holder=known)
    question = "SELECT latest, latest_once, restored FROM jobs WHERE id = ?"
    latest, latest_once, restored = db.execute(question, (number,)).fetchone()
    if claim.trigger in DUE_TIMES and restored is not None and stamp(claim.due) <= restored:
        return Refused(UNKNOWN, _insert(db, number, claim, Outcome.MISSED, UNKNOWN, now=now))
    refused = in_the_way(
        claim,
        now,
        open_run=_found(db, f"{IS_OPEN} AND runs.job = ?", number),
        latest=_found(db, "runs.id = ?", latest),
        latest_once=_found(db, "runs.id = ?", latest_once),
    )
    if refused is None:
        return _insert(db, number, claim, Outcome.QUEUED, claim.because, now=now)
    return Refused(refused.reason, _insert(db, number, claim, Outcome.SKIPPED, refused.reason, now=now), refused.holder)


def passed(db: sqlite3.Connection, over: Passed, now: datetime) -> Run | None:
    """The record of a due time without a run; none when it has one already."""
    number = number_of(db, over.job, over.user)
    if over.trigger in DUE_TIMES and _of_due(db, number, over.due):
        return None
    return _insert(db, number, over, over.outcome, over.reason, now=now)


def advanced(db: sqlite3.Connection, job: str, user: str, to: datetime) -> None:
    """Each due time of this job up to then has its run."""
    db.execute(
        "UPDATE jobs SET seen = max(coalesce(seen, ?1), ?1) WHERE id = ?2", (stamp(to), number_of(db, job, user))
    )


def _of_due(db: sqlite3.Connection, number: int, due: datetime) -> Run | None:
    return _found(db, f"{OF_DUE_TIMES} AND runs.job = {number:d} AND due = ?", stamp(due))


def _found(db: sqlite3.Connection, condition: str, value: int | None) -> Run | None:
    row = db.execute(f"{SELECT} WHERE {condition}", (value,)).fetchone()
    return told(row) if row else None


def _insert(
    db: sqlite3.Connection,
    number: int,
    of: Claim | Passed,
    outcome: Outcome,
    reason: str | None,
    *,
    now: datetime,
) -> Run:
    lease = of.lease if outcome.is_open and isinstance(of, Claim) else None
    until, lasts = (of.until, of.lasts) if isinstance(of, Claim) else (None, False)
    run_id = db.execute(
        "INSERT INTO runs (job, trigger, due, by, outcome, reason, claimed, ended, until, lasts, pid, ticks, boot)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            number,
            of.trigger.value,
            stamp(of.due),
            of.by,
            outcome.value,
            reason,
            stamp(now),
            None if outcome.is_open else stamp(now),
            stamp(until) if until else None,
            int(lasts),
            *((lease.pid, lease.ticks, lease.boot) if lease else (None, None, None)),
        ),
    ).lastrowid
    return told(db.execute(f"{SELECT} WHERE runs.id = ?", (run_id,)).fetchone())
