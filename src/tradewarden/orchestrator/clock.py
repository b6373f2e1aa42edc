"""The desk's time: one clock for deadlines, one for the calendar, and a stand-in for rehearsals."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

IST = ZoneInfo("Asia/Kolkata")


class Clock(Protocol):
    """Two times: one that only ever runs forward, and the one on the wall."""

    def mono_ns(self) -> int:
        """Nanoseconds that never jump; the scale of every deadline and silence."""

    def now(self) -> datetime:
        """The time on the wall, aware, in IST; it may jump."""

    simulated: bool


class SystemClock:
    """The world's time."""

    simulated = False

    def mono_ns(self) -> int:
        """Nanoseconds of the host's monotonic clock."""
        return time.monotonic_ns()

    def now(self) -> datetime:
        """The host's time, shown in IST."""
        return datetime.now(UTC).astimezone(IST)


class ShiftedClock:
    """A wall clock that was started at a chosen moment and then runs at the world's pace; for the demo."""

    simulated = True

    def __init__(self, start: datetime) -> None:
        self._start = start.astimezone(IST)
        self._begun = time.monotonic_ns()

    def mono_ns(self) -> int:
        """Nanoseconds of the host's monotonic clock."""
        return time.monotonic_ns()

    def now(self) -> datetime:
        """The chosen moment plus the time that has passed since."""
        return self._start + timedelta(microseconds=(time.monotonic_ns() - self._begun) / 1000)
