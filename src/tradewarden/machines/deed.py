"""What a service's life asks to be done, and the lines that its keeper understands."""

from __future__ import annotations

from dataclasses import dataclass
from signal import Signals

from tradewarden.machines.service import Service

KILL = f"stop {Signals.SIGKILL.value} 0"  # now, and everything that it started


@dataclass(frozen=True, slots=True)
class Keep:
    """Ask for a keeper, who starts the service; what an earlier one left running is ended first."""


@dataclass(frozen=True, slots=True)
class Fence:
    """Ask for a keeper that starts nothing: it ends what outlived the one before it, and leaves."""


@dataclass(frozen=True, slots=True)
class Command:
    """Tell the keeper this line."""

    line: str


@dataclass(frozen=True, slots=True)
class BeginAsking:
    """Ask the service, from now on and again and again, whether it is ready."""


@dataclass(frozen=True, slots=True)
class EndAsking:
    """Ask it no more."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Something happened that is worth a line in the log."""

    event: str
    reason: str | None


Deed = Keep | Fence | Command | BeginAsking | EndAsking | Tell


def stop(service: Service) -> Command:
    """End it in its own time; its keeper leaves with it."""
    return Command(f"stop {number(service.stop_signal)} {service.stop_seconds:g}")


def number(signal: str) -> int:
    """A signal's number by its name without SIG."""
    return Signals[f"SIG{signal}"].value
