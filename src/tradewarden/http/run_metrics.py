"""The figures of the desk's jobs for Prometheus: what became of runs, how long they took, how late they began."""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from tradewarden.http.jobs_port import Jobs
from tradewarden.http.metrics import Family, Sample, histogram
from tradewarden.http.runs import late
from tradewarden.machines.job_report import JobReport
from tradewarden.machines.run import Run

SECONDS: Final = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 7200.0, 21600.0, 43200.0)
LATE: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 60.0, 600.0)
REMEMBERED: Final = 1000  # runs that have ended: news of one that come again are counted once

_Spread = tuple[list[int], list[float]]


class RunTally:
    """Counts the runs that end, since the daemon began; by job and outcome, never by person."""

    def __init__(self, jobs: Jobs) -> None:
        self._ended: dict[tuple[str, str], int] = {}
        self._seconds: dict[str, _Spread] = {}
        self._late: _Spread = ([0] * (len(LATE) + 1), [0.0])
        self._known: OrderedDict[int, None] = OrderedDict()
        jobs.subscribe(self._count)

    def _count(self, news: Run | JobReport) -> None:
        if not isinstance(news, Run) or news.outcome.is_open or news.id in self._known:
            return
        self._known[news.id] = None
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        key = (news.job, str(news.outcome))
        self._ended[key] = self._ended.get(key, 0) + 1
        if news.seconds is not None:
            _add(self._seconds.setdefault(news.job, ([0] * (len(SECONDS) + 1), [0.0])), SECONDS, news.seconds)
        if (lateness := late(news)) is not None:
            _add(self._late, LATE, lateness)

    def families(self) -> Iterator[Family]:
        """All three."""
        ended: list[Sample] = [
            ("_total", {"job": job, "outcome": outcome}, count) for (job, outcome), count in sorted(self._ended.items())
        ]
        yield Family("tradewarden_runs", "counter", "Runs of jobs that ended, by job and outcome.", ended)
        lasted = [
            sample
            for job, (counts, total) in sorted(self._seconds.items())
            for sample in histogram(SECONDS, counts, total[0], {"job": job})
        ]
        yield Family("tradewarden_run_seconds", "histogram", "How long runs took, by job.", lasted, unit="seconds")
        counts, total = self._late
        text = "From the moment a run was due to the start of its program."
        spread = histogram(LATE, counts, total[0], {})
        yield Family("tradewarden_run_late_seconds", "histogram", text, spread, unit="seconds")


def _add(spread: _Spread, bounds: tuple[float, ...], value: float) -> None:
    spread[0][bisect_left(bounds, value)] += 1
    spread[1][0] += value
