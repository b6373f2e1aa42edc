"""What became of the runs: pages of the history, one run, and what a job's runs came to."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

from tradewarden.machines.job_report import Statistics
from tradewarden.machines.run import Outcome, Run, Trigger
from tradewarden.orchestrator.ledger import LedgerError
from tradewarden.orchestrator.ledger_file import LedgerFile, moment, stamp
from tradewarden.orchestrator.run_row import OF_DUE_TIMES, OF_WISHES, SELECT, SELECT_OPEN, told

_RAN: Final = (Outcome.SUCCESS, Outcome.FAILED, Outcome.TIMEOUT)
INDEXES: Final = (("runs_due", OF_DUE_TIMES), ("runs_asked", OF_WISHES))  # each run is in one of them
_FIGURES: Final = [
    f"SELECT outcome, trigger, due, started, ended FROM runs INDEXED BY {index}"  # noqa: S608 - the same
    f" WHERE job = ? AND due >= ? AND {condition}"
    for index, condition in INDEXES
]
_DUE_TIMES: Final = (Trigger.SCHEDULE, Trigger.AFTER)
_SECOND: Final = 1_000_000  # in the ledger's microseconds


class RunHistory:
    """The runs that the ledger knows, those that were due last first. Raises LedgerError when it cannot be read.

    No question reads the whole table: a page is put together from one walk along an index for each job of each person.
    """

    def __init__(self, file: LedgerFile) -> None:
        self._file = file

    def run(self, run_id: int) -> Run | None:
        """One run."""
        return self._one(f"{SELECT} WHERE runs.id = ?", (run_id,))

    def may_be_open(self, run_id: int) -> bool:
        """Whether it is queued or running, or nobody can tell; never raises."""
        try:
            known = self.run(run_id)
        except LedgerError:
            return True
        return known is not None and known.outcome.is_open

    def open(self) -> list[Run]:
        """All that are queued or running, in the order in which they were claimed."""
        return sorted((told(row) for row in self._file.read(SELECT_OPEN)), key=lambda run: run.id)

    def running(self, job: str, user: str) -> Run | None:
        """The run of a job that is queued or running."""
        return self._one(f"{SELECT_OPEN} AND jobs.job = ? AND jobs.user = ?", (job, user))

    def watermark(self, job: str, user: str) -> datetime | None:
        """Up to when each due time of a job has its run; none: nobody has looked yet."""
        rows = self._file.read("SELECT seen FROM jobs WHERE job = ? AND user = ?", (job, user))
        return None if not rows or rows[0][0] is None else moment(rows[0][0])

    def history(
        self,
        *,
        job: str | None = None,
        user: str | None = None,
        outcome: Outcome | None = None,
        trigger: Trigger | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[Run]:
        """A page: due from `since` on and before `until`, behind the run `before`; without a job or a user, of all."""
        bounds = [] if until is None else [("due < ?", stamp(until))]
        if before is not None:
            last = self._file.read("SELECT due, id FROM runs WHERE id = ?", (before,))
            if not last:
                return []  # it is no longer kept, and neither is what was before it
            bounds += [("due <= ?", last[0][0]), (f"(due < {last[0][0]:d} OR id < ?)", last[0][1])]
        values = [value for _, value in bounds]
        oldest = stamp(since) if since else 0
        newest: list[tuple[int, int]] = []
        for question in _questions(outcome, trigger, [condition for condition, _ in bounds]):
            for number in self._jobs(job, user):
                newest += self._file.read(question, (number, oldest, *values, limit))
                newest.sort(reverse=True)
                del newest[limit:]
                if newest and len(newest) == limit:
                    oldest = newest[-1][0]  # what was due before it is on a later page
        return [run for _, number in newest if (run := self.run(number))]

    def successes(self, job: str, user: str, since: datetime) -> list[Run]:
        """The runs of a job that were due since then and did well."""
        return self.history(job=job, user=user, outcome=Outcome.SUCCESS, since=since, limit=1000)

    def statistics(self, job: str, user: str, since: datetime) -> Statistics:
        """What the runs of a job that were due since then came to; how late is told of those with a due time."""
        rows: list[tuple[str, str, int, int | None, int | None]] = []
        for number in self._jobs(job, user):
            for question in _FIGURES:
                rows += self._file.read(question, (number, stamp(since)))
        outcomes = Counter(Outcome(row[0]) for row in rows)
        seconds = sorted(max(0, ended - began) / _SECOND for *_, began, ended in rows if began and ended)
        late = sorted((began - due) / _SECOND for _, trigger, due, began, _ in rows if began and trigger in _DUE_TIMES)
        ran = sum(outcomes[each] for each in _RAN)
        return Statistics(
            since=since,
            outcomes=MappingProxyType(dict(outcomes)),
            success_rate=outcomes[Outcome.SUCCESS] / ran if ran else None,
            seconds_p50=_high(seconds, 0.5),
            seconds_p95=_high(seconds, 0.95),
            seconds_max=_high(seconds, 1.0),
            lateness_p50=_high(late, 0.5),
            lateness_p99=_high(late, 0.99),
        )

    def _one(self, question: str, values: Sequence[int | str]) -> Run | None:
        rows = self._file.read(question, values)
        return told(rows[0]) if rows else None

    def _jobs(self, job: str | None, user: str | None) -> list[int]:
        found = self._file.read(
            "SELECT id FROM jobs WHERE job = coalesce(?, job) AND user = coalesce(?, user)", (job, user)
        )
        return [number for (number,) in found]


def _questions(outcome: Outcome | None, trigger: Trigger | None, bounds: Sequence[str]) -> list[str]:
    """For one job of one person: along an index from the newest due time back."""
    conditions = ["job = ?", "due >= ?", *bounds]
    if outcome is not None:
        conditions.append(f"outcome = '{outcome.value}'")
    if trigger is not None:
        conditions.append(f"trigger = '{trigger.value}'")
    if outcome is not None:
        return [_walk("runs_by_outcome", conditions)]
    wanted = [each for each in INDEXES if trigger is None or f"'{trigger.value}'" in each[1]]
    return [_walk(index, [*conditions, condition]) for index, condition in wanted]


def _walk(index: str, conditions: Sequence[str]) -> str:
    among = " AND ".join(conditions)
    return f"SELECT due, id FROM runs INDEXED BY {index} WHERE {among} ORDER BY due DESC, id DESC LIMIT ?"  # noqa: S608


def _high(ordered: Sequence[float], share: float) -> float | None:
    """The value that this share does not exceed."""
    return ordered[max(1, math.ceil(share * len(ordered))) - 1] if ordered else None
