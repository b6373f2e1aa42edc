"""How well a sink does: how long a tick takes to be safe in the store, how many a second, and what went wrong."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from tradewarden.machines.backoff import SECOND

WINDOW = 10 * SECOND  # over which ticks are counted
HOUR = 3600 * SECOND
SAMPLES = 1000  # frames whose way is remembered
MOST_ERRORS = 10_000  # of an hour: one every third of a second; more are one figure too


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from receipt to commit that half, and all but one of a hundred, did not exceed."""

    p50: float
    p99: float


class SinkFigures:
    """Counts batches, never single ticks; times are monotonic nanoseconds."""

    def __init__(self) -> None:
        self.written_total = 0
        self.set_aside_total = 0
        self.missed_total = 0
        self.last_error: str | None = None
        self._ways: deque[float] = deque(maxlen=SAMPLES)
        self._counts: deque[tuple[int, int]] = deque()
        self._errors: deque[int] = deque(maxlen=MOST_ERRORS)

    def committed(self, now: int, records: int, ways: Iterable[float]) -> None:
        """A batch is safe; `ways` are the seconds that each of its frames was under way."""
        self.written_total += records
        self._ways.extend(ways)
        self._count(now)

    def failed(self, now: int, reason: str) -> None:
        """A try did not come off."""
        self.last_error = reason
        self._errors.append(now)

    def errors_last_hour(self, now: int) -> int:
        """How many tries did not come off in the last hour."""
        while self._errors and now - self._errors[0] > HOUR:
            self._errors.popleft()
        return len(self._errors)

    def latency(self) -> Latency | None:
        """Of the frames that were written last; none before the first."""
        if not self._ways:
            return None
        ordered = sorted(self._ways)
        return Latency(ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)])

    def rate(self, now: int) -> float:
        """Ticks a second over the last ten seconds."""
        self._count(now)
        (begun, before), (ended, after) = self._counts[0], self._counts[-1]
        return 0.0 if ended == begun else (after - before) * SECOND / (ended - begun)

    def _count(self, now: int) -> None:
        if len(self._counts) > 1 and now - self._counts[-2][0] < SECOND // 4:
            self._counts[-1] = (now, self.written_total)  # a look each quarter of a second is enough
        else:
            self._counts.append((now, self.written_total))
        while len(self._counts) > 2 and now - self._counts[1][0] > WINDOW:  # noqa: PLR2004 - both ends of a stretch
            self._counts.popleft()
