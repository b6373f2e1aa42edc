"""One run of a job: who asked for it, when it was due, how it ended and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any


class Trigger(StrEnum):
    """What asked for a run."""

    SCHEDULE = "schedule"  # a due time came
    AFTER = "after"  # another job ended as this one waits for
    ONCE = "once"  # somebody wanted it once, now
    DESK = "desk"  # the desk or a trader's part of it was started inside the job's window


class Outcome(StrEnum):
    """Where a run stands; the first two are open, every run ends in exactly one of the others."""

    QUEUED = "queued"  # claimed, and waits for a condition or a keeper
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    TIMEOUT = "timeout"
    SKIPPED = "skipped"  # refused: the reason says by what
    MISSED = "missed"  # its time passed: the reason says why

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self in (Outcome.QUEUED, Outcome.RUNNING)


class Misfire(StrEnum):
    """What becomes of a due time that comes late: the daemon was away, or the machine slept."""

    RUN = "run"  # once, if its window is still open
    SKIP = "skip"
    ALERT = "alert"  # as skip, and people are told


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds an open run: a process by its pid, its start in clock ticks and the boot it belongs to."""

    pid: int
    ticks: int
    boot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One row of the history; times are aware, `user` is empty for the desk's own jobs."""

    id: int
    job: str
    user: str
    trigger: Trigger
    due: datetime
    by: str  # who asked, for the record
    outcome: Outcome
    reason: str | None = None  # a sentence a trader can read
    claimed: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    until: datetime | None = None  # a queued one is missed then; of one that lasts, when its window closes
    lasts: bool = False  # it is kept up until its window closes, which is then its end
    code: int | None = None  # of the process; negative: the signal that ended it
    lease: Lease | None = None
    slept: float | None = None  # seconds of the machine since its boot, when it began
    details: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))  # what the job handed back

    @property
    def seconds(self) -> float | None:
        """How long it took."""
        if self.started is None or self.ended is None:
            return None
        return (self.ended - self.started).total_seconds()


@dataclass(frozen=True, slots=True)
class Refused:
    """A run that was not given: the reason is stored with it, as a skipped one."""

    reason: str
    run: Run | None = None  # the stored refusal
    holder: Run | None = None  # the run that stands in its way
