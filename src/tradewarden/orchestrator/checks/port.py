"""Does somebody take connections there?"""

from __future__ import annotations

from typing import Self

from tradewarden.orchestrator.checks.address import Address, address_of
from tradewarden.orchestrator.checks.check import PATIENCE, Subject, Verdict
from tradewarden.orchestrator.checks.wire import connected, verdict


class PortCheck:
    """A connection is made, and hung up without a word."""

    def __init__(self, address: Address, patience: float = PATIENCE) -> None:
        self.address, self._patience = address, patience

    @classmethod
    def of(cls, subject: Subject) -> Self:
        """`8050`, `host:8050`, or the path of a Unix socket. Raises ValueError with what is allowed."""
        return cls(address_of(subject.target), subject.patience)

    async def ask(self) -> Verdict:
        """Whether a connection comes about."""
        return await verdict(str(self.address), self._connect(), self._patience)

    async def _connect(self) -> Verdict:
        async with connected(self.address):
            return Verdict(good=True, text=f"{self.address} takes connections")
