"""What is to be done for one run of a job, as its machine answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tradewarden.machines.run import Lease, Outcome


@dataclass(frozen=True, slots=True)
class Keep:
    """Ask for a keeper that begins it; the revision is the run's own, so that it begins once."""

    revision: str


@dataclass(frozen=True, slots=True)
class Fence:
    """Its keeper was killed: have whatever is left of it ended."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Ask it to end; after its time it and all it started are killed."""


@dataclass(frozen=True, slots=True)
class Began:
    """A process of it runs."""

    lease: Lease
    at: datetime


@dataclass(frozen=True, slots=True)
class Waits:
    """It cannot begin yet."""

    reason: str


@dataclass(frozen=True, slots=True)
class Over:
    """How it ended."""

    outcome: Outcome
    reason: str | None
    code: int | None = None
    at: datetime | None = None  # as its keeper saw it; none: now


Deed = Keep | Fence | Stop | Began | Waits | Over
