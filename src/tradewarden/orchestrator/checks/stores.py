"""Do the stores have what was recorded? Asked now and then while data is wanted, of one minute that has just passed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import structlog

from tradewarden.machines.backoff import SECOND
from tradewarden.machines.report import AgreementReport, Picture
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.driver import Spawn
from tradewarden.orchestrator.validate import Span
from tradewarden.orchestrator.validation import ValidationError, lines

EVERY: Final = 15 * 60 * SECOND
FIRST: Final = 2 * 60 * SECOND  # after data became wanted
SETTLED: Final = timedelta(seconds=30)  # what is younger may be on its way
LENGTH: Final = timedelta(minutes=1)

log = structlog.get_logger()


class Validations(Protocol):
    """Whoever compares."""

    stores: Mapping[str, Any]

    async def verdict(self, names: list[str], span: Span) -> dict[str, Any]:
        """The verdict on these stores; raises ValidationError when there is none."""
        ...


class Reports(Protocol):
    """Who knows whether data is wanted, and tells of the verdict."""

    agreement: Callable[[], AgreementReport | None] | None

    @property
    def picture(self) -> Picture:
        """The desk as it is now."""
        ...


class StoresCheck:
    """Asks, and remembers the last verdict; nobody waits for it."""

    def __init__(self, validations: Validations, clock: Clock, spawn: Spawn, *, reports: Reports) -> None:
        self._validations, self._clock, self._spawn, self._reports = validations, clock, spawn, reports
        reports.agreement = self.report
        self._due: int | None = None
        self._asking = False
        self._report: AgreementReport | None = None

    def look(self) -> None:
        """Called at each beat."""
        now = self._clock.mono_ns()
        if not self._validations.stores or not self._reports.picture.market.wanted:
            self._due = None
        elif self._due is None:
            self._due = now + FIRST
        elif now >= self._due and not self._asking:
            self._due, self._asking = now + EVERY, True
            self._spawn(self._ask(self._clock.now()), name="check.stores")

    def report(self) -> AgreementReport | None:
        """The last verdict; none before the first."""
        return self._report

    async def _ask(self, now: datetime) -> None:
        until = now - SETTLED
        try:
            told = await self._validations.verdict(list(self._validations.stores), _span(until - LENGTH, until))
        except ValidationError as trouble:
            log.warning("check.stores", why=str(trouble))
            return
        finally:
            self._asking = False
        wrong = {store["store"] for store in told["stores"] if store["agrees"] is False}
        said = [line for line in lines(told) if line.partition(":")[0] in wrong]
        self._report = AgreementReport(at=now, agrees=not wrong, said=tuple(said))
        if wrong:
            log.warning("check.stores", stores=sorted(wrong), said=said)


def _span(since: datetime, until: datetime) -> Span:
    return Span(int(since.timestamp() * 1e9), int(until.timestamp() * 1e9))
