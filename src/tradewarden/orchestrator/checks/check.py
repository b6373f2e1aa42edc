"""One question to the world: does this work? The answer is a verdict, in a sentence that a person can act on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from tradewarden.machines.service import Service
from tradewarden.orchestrator.checks.address import Address

if TYPE_CHECKING:
    from tradewarden.orchestrator.checks.flow import Flows

PATIENCE: Final = 2.0  # seconds for one answer; what takes longer does not work as one wants it to


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one question: what was asked, what came, what to do; no full stop, so that it fits into a reason."""

    good: bool
    text: str


class Check(Protocol):
    """One question, asked as often as one likes."""

    async def ask(self) -> Verdict:
        """The answer; it comes within the check's own deadline, and nothing that the world does is raised."""
        ...


class ServerCheck(Check, Protocol):
    """A question to a server, which has a place."""

    address: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whom a check asks about: a service, where its words go, and how its present life does."""

    service: Service
    log: Path  # NAME.log
    started_at: Callable[[], datetime | None]  # of the present life; none while it does not run
    exit_code: Callable[[], int | None]  # of the present run once it has ended; negative: the signal
    now: Callable[[], datetime]
    flows: Flows | None = None
    patience: float = PATIENCE

    @property
    def target(self) -> str:
        """What the operator wants to be asked."""
        return self.service.ready.target
