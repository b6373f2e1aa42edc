"""Does so much flow?"""

from __future__ import annotations

from typing import Self

from tradewarden.orchestrator.checks.check import Subject, Verdict
from tradewarden.orchestrator.checks.flow import Flows, source_of


class RateCheck:
    """How much a source brings a second, and how much must come."""

    def __init__(self, flows: Flows | None, source: str, at_least: float) -> None:
        self._flows, self._source, self._at_least = flows, source, at_least

    @classmethod
    def of(cls, subject: Subject) -> Self:
        """A source such as `redis:ticks`. Raises ValueError with what is allowed."""
        return cls(subject.flows, source_of(subject.target), subject.service.ready.at_least)

    async def ask(self) -> Verdict:
        """Whether that much has come lately."""
        if self._flows is None:
            return Verdict(good=False, text=f"{self._source} is not measured here")
        rate = self._flows.rate(self._source)
        if rate is None:
            return Verdict(good=False, text=self._flows.why(self._source))
        text = f"{self._source} brings {rate:.3g}/s"
        if rate < self._at_least:
            return Verdict(good=False, text=f"{text}, {self._at_least:g}/s are wanted: look at what feeds it")
        return Verdict(good=True, text=text)
