"""A job of the desk, as the operator describes it: a program that runs when its schedule says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal

from tradewarden.machines.run import Misfire
from tradewarden.machines.schedule import Schedule
from tradewarden.machines.service import Reference, Service

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
