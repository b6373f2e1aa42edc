"""What a desk allows of the schedules of its jobs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a desk allows of a job's schedules."""

    earliest: time = time.min
    latest: time = time.max  # its whole minute is allowed
    minute: int | None = None  # of an hourly one
