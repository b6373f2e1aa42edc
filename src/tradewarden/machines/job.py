"""A job of the desk, as the operator describes it: a program that runs when its schedule says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal

from tradewarden.machines.run import Misfire
from tradewarden.machines.schedule import Schedule
from tradewarden.machines.service import Difference, Reference, Service

TIMEOUT: Final = 300.0  # seconds that a job without a window has, unless it says otherwise


class Does(StrEnum):
    """What a job is about: whether it may be begun again by itself after a crash."""

    ORDERS = "orders"  # never: nobody knows which of its orders went out
    MONITOR = "monitor"
    FEED = "feed"
    WORK = "work"  # never: its next due time comes

    @property
    def is_repaired(self) -> bool:
        """Whether a crash is followed by another life."""
        return self in (Does.MONITOR, Does.FEED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Service):
    """What the operator says of one job, besides what every program has."""

    schedules: tuple[Schedule, ...] = ()
    per_user: bool = False  # one instance for each trader
    does: Does = Does.ORDERS
    misfire: Misfire = Misfire.RUN
    timeout: float | None = None  # seconds; none: TIMEOUT, and for one with a window no limit
    edits: Literal["now", "next start"] = "now"  # from when a changed schedule holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Trader:
    """What one trader's jobs get: an account, and variables of the trader's own."""

    name: str
    account: str = ""
    environment: Mapping[str, str | Reference] = field(default_factory=lambda: MappingProxyType({}))


def kept_as(job: str, user: str) -> str:
    """The name that a job's instance has with its keeper, in its log and in its files."""
    return f"{job}@{user}" if user else job


def parted(services: Sequence[Service]) -> tuple[tuple[Service, ...], tuple[Job, ...]]:
    """The programs and the jobs of a file."""
    return (
        tuple(each for each in services if not isinstance(each, Job)),
        tuple(each for each in services if isinstance(each, Job)),
    )


def with_jobs(found: Difference, old: Sequence[Job], new: Sequence[Job]) -> Difference:
    """What a changed file changes, with its jobs: none of them is begun anew, the next run goes by what is new."""
    before, after = {each.name: each for each in old}, {each.name: each for each in new}
    changed = {name: _changed(before[name], each) for name, each in after.items() if name in before}
    return replace(
        found,
        added=(*found.added, *(name for name in after if name not in before)),
        removed=(*found.removed, *(name for name in before if name not in after)),
        kept={**found.kept, **{name: what for name, what in changed.items() if what}},
    )


def _changed(old: Job, new: Job) -> tuple[str, ...]:
    return tuple(each.name for each in fields(Job) if getattr(old, each.name) != getattr(new, each.name))
