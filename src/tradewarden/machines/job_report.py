"""How a job does, as people and programs see it, and what becomes of an edit of its schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from tradewarden.machines.run import Outcome, Run

Stands = Literal["unified", "individual", "stopped"]  # with the person's desk as a whole, by itself, or not at all
Holds = Literal["now", "next start"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What the runs of a job came to; seconds and lateness are of those that started, nothing when none did."""

    since: datetime
    outcomes: Mapping[Outcome, int] = field(default_factory=lambda: MappingProxyType({}))
    success_rate: float | None = None  # of those that ran to an end
    seconds_p50: float | None = None
    seconds_p95: float | None = None
    seconds_max: float | None = None
    lateness_p50: float | None = None  # seconds from due to started
    lateness_p99: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """How one job of the desk, or of one trader, does."""

    name: str
    user: str  # empty: the desk's own
    description: str
    per_user: bool
    does: str  # orders, monitor, feed, work
    enabled: bool
    stands: Stands
    schedules: tuple[str, ...]  # each in the words of the configuration
    next_due: datetime | None = None
    why_not: str | None = None  # why it does not run today
    running: Run | None = None  # the open run: queued or running
    last: Run | None = None  # the newest one that ended
    problem: str | None = None  # what keeps it from running at all
    notice: str | None = None  # an edit that waits for the desk's next start


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What schedules that somebody tries would bring."""

    problems: tuple[str, ...] = ()
    would: tuple[datetime, ...] = ()  # of a dry edit: when it would have run last month, one more than is told


@dataclass(frozen=True, slots=True, kw_only=True)
class EditAnswer:
    """What became of an edit, or would become of it; with problems nothing was changed."""

    text: str  # one sentence for a person
    holds: Holds = "now"
    problems: tuple[str, ...] = ()
    would: tuple[datetime, ...] = ()  # of a dry one: when it would have run last month
