"""A run as the ledger keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import orjson

from tradewarden.machines.run import Lease, Outcome, Run, Trigger
from tradewarden.orchestrator.ledger_file import moment

COLUMNS: Final = (
    "runs.id, jobs.job, jobs.user, trigger, due, by, outcome, reason, claimed, started, ended, until, lasts, code,"
    " pid, ticks, boot, slept, details"
)
SELECT: Final = f"SELECT {COLUMNS} FROM runs JOIN jobs ON jobs.id = runs.job"  # noqa: S608 - names of our own
IS_OPEN: Final = "outcome IN ('queued', 'running')"  # in the words of the index
SELECT_OPEN: Final = f"SELECT {COLUMNS} FROM runs INDEXED BY runs_open JOIN jobs ON jobs.id = runs.job WHERE {IS_OPEN}"  # noqa: S608
OF_DUE_TIMES: Final = "trigger IN ('schedule', 'after')"  # the same: one run a due time
OF_WISHES: Final = "trigger IN ('once', 'desk')"

Row = Sequence[Any]


def told(row: Row) -> Run:
    """What a row says."""
    (
        number,
        job,
        user,
        trigger,
        due,
        by,
        outcome,
        reason,
        claimed,
        started,
        ended,
        until,
        lasts,
        code,
        pid,
        ticks,
        boot,
        slept,
        details,
    ) = row
    return Run(
        id=number,
        job=job,
        user=user,
        trigger=Trigger(trigger),
        due=moment(due),
        by=by,
        outcome=Outcome(outcome),
        reason=reason,
        claimed=moment(claimed),
        started=None if started is None else moment(started),
        ended=None if ended is None else moment(ended),
        until=None if until is None else moment(until),
        lasts=bool(lasts),
        code=code,
        lease=None if pid is None else Lease(pid, ticks, boot),
        slept=slept,
        details=MappingProxyType(orjson.loads(details) if details else {}),
    )


def details_text(details: Mapping[str, Any] | None) -> str | None:
    """What a job handed back, as a row keeps it."""
    return orjson.dumps(dict(details)).decode() if details else None
