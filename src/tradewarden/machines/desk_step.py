"""The states of the desk's programs together, what is done on the way, and what must be known of each for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from tradewarden.machines.life import STOPPED
from tradewarden.machines.service import ServiceState


class DeskState(StrEnum):
    """Where the desk's programs stand together, as people say it."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    DEGRADED = "degraded"  # it runs, but something that should run is down
    STOPPING = "stopping"
    ABORTED = "aborted"  # a critical service did not start: what this start had begun was stopped again


@dataclass(frozen=True, slots=True)
class Begin:
    """Have these services run."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Halt:
    """Have these services stop."""

    names: tuple[str, ...]
    why: str = STOPPED


@dataclass(frozen=True, slots=True)
class Kill:
    """These services had time enough to stop."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Moved:
    """The desk has changed its state."""

    src: DeskState
    dst: DeskState
    reason: str | None


Step = Begin | Halt | Kill | Moved


class Stands(Protocol):
    """What the desk must know of a service: ServiceLife tells it."""

    state: ServiceState
    reason: str | None


Standings = Mapping[str, Stands]
