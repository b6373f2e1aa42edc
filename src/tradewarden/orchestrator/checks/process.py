"""Does it run, and has it done so for a while?"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Self

from tradewarden.orchestrator.checks.check import Subject, Verdict


class ProcessCheck:
    """A life that has lasted; measured on the clock that never jumps, from the moment that this life is first seen."""

    def __init__(
        self,
        started_at: Callable[[], datetime | None],
        seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._started_at, self._seconds, self._clock = started_at, seconds, clock
        self._life: datetime | None = None
        self._seen = 0.0

    @classmethod
    def of(cls, subject: Subject) -> Self:
        """`` or a number of seconds. Raises ValueError with what is allowed."""
        try:
            seconds = float(subject.target or 0)
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds < float("inf"):
            raise ValueError("allowed is how many seconds it must have run, such as 0.5")
        return cls(subject.started_at, seconds)

    async def ask(self) -> Verdict:
        """Whether it runs and has done so for long enough."""
        life, now = self._started_at(), self._clock()
        if life is None:
            return Verdict(good=False, text="it does not run: its log says why")
        if life != self._life:
            self._life, self._seen = life, now
        lasted = now - self._seen
        if lasted < self._seconds:
            return Verdict(good=False, text=f"it has run for {lasted:.1f} of {self._seconds:g} s")
        return Verdict(good=True, text="it runs")
