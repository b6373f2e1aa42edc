"""What became of the runs: pages of the history, one run, and what a job's runs came to."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import datetime
from heapq import merge
from itertools import islice
from types import MappingProxyType
from typing import Final

from tradewarden.machines.job_report import Statistics
from tradewarden.machines.run import Outcome, Run, Trigger
from tradewarden.orchestrator.ledger_file import LedgerFile, moment, stamp
from tradewarden.orchestrator.run_row import COLUMNS, OF_DUE_TIMES, OF_WISHES, SELECT, SELECT_OPEN, told

_ID, _DUE = 0, 4  # columns
_RAN: Final = (Outcome.SUCCESS, Outcome.FAILED, Outcome.TIMEOUT)
_INDEXES: Final = (("runs_due", OF_DUE_TIMES), ("runs_asked", OF_WISHES))  # each run is in one of them
_DUE_TIMES: Final = (Trigger.SCHEDULE, Trigger.AFTER)


class RunHistory:
    """The runs that the ledger knows, those that were due last first. Raises LedgerError when it cannot be read.

    No question reads the whole table: a page is merged from one ordered walk for each job and person that is asked for.
    """

    def __init__(self, file: LedgerFile) -> None:
        self._file = file

    def run(self, run_id: int) -> Run | None:
        """One run."""
        return self._one(f"{SELECT} WHERE runs.id = ?", (run_id,))

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
        bounds = [("due >= ?", stamp(since))] if since else []
        if until is not None:
            bounds.append(("due < ?", stamp(until)))
        if before is not None:
            last = self._file.read("SELECT due, id FROM runs WHERE id = ?", (before,))
            if not last:
                return []  # it is no longer kept, and neither is what was before it
            bounds += [("due <= ?", last[0][0]), (f"(due < {last[0][0]:d} OR runs.id < ?)", last[0][1])]
        with ExitStack() as walks:
            pages = [
                walks.enter_context(closing(self._file.rows(question, (number, *(value for _, value in bounds)))))
                for question in _questions(outcome, trigger, [condition for condition, _ in bounds])
                for number in self._jobs(job, user)
            ]
            newest = merge(*pages, key=lambda row: (row[_DUE], row[_ID]), reverse=True)
            return [told(row) for row in islice(newest, limit)]

    def successes(self, job: str, user: str, since: datetime) -> list[Run]:
        """The runs of a job that were due since then and did well."""
        return self.history(job=job, user=user, outcome=Outcome.SUCCESS, since=since, limit=1000)

    def statistics(self, job: str, user: str, since: datetime) -> Statistics:
        """What the runs of a job that were due since then came to; how late is told of those with a due time."""
        runs = self.history(job=job, user=user, since=since, limit=1_000_000)
        outcomes = Counter(run.outcome for run in runs)
        seconds = sorted(max(0.0, run.seconds) for run in runs if run.seconds is not None)
        late = sorted((r.started - r.due).total_seconds() for r in runs if r.started and r.trigger in _DUE_TIMES)
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


def _questions(outcome: Outcome | None, trigger: Trigger | None, bounds: Iterable[str]) -> Iterator[str]:
    """For one job of one person: a walk along an index, from the newest due time back."""
    asked = [] if trigger is None else [f"trigger = '{trigger.value}'"]
    if outcome is None:
        wanted = [each for each in _INDEXES if trigger is None or f"'{trigger.value}'" in each[1]]
    else:
        wanted = [("runs_by_outcome", f"outcome = '{outcome.value}'")]
    for index, condition in wanted:
        conditions = " AND ".join(["jobs.id = ?", *bounds, condition, *asked])
        yield (
            f"SELECT {COLUMNS} FROM jobs CROSS JOIN runs INDEXED BY {index} ON runs.job = jobs.id"  # noqa: S608 - names
            f" WHERE {conditions} ORDER BY due DESC, runs.id DESC"
        )


def _high(ordered: Sequence[float], share: float) -> float | None:
    """The value that this share does not exceed."""
    return ordered[max(1, math.ceil(share * len(ordered))) - 1] if ordered else None
