"""How much was missed today: read from the ledger, once a second at most."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import structlog

from tradewarden.machines.backoff import SECOND
from tradewarden.machines.gap import Gap
from tradewarden.machines.report import GapsReport
from tradewarden.orchestrator.clock import IST, Clock
from tradewarden.orchestrator.ledger import Ledger

log = structlog.get_logger()


class GapTally:
    """The gaps that have ended since midnight, and the one that is open."""

    def __init__(self, ledger: Ledger, clock: Clock, so_far: Callable[[], Gap | None] = lambda: None) -> None:
        self._ledger, self._clock, self._so_far = ledger, clock, so_far
        self._known: GapsReport | None = None
        self._at = 0

    def today(self) -> GapsReport:
        """Their number and their length."""
        mono = self._clock.mono_ns()
        if self._known is None or mono - self._at >= SECOND:
            midnight = self._clock.now().astimezone(IST).replace(hour=0, minute=0, second=0, microsecond=0)
            self._at = mono
            try:
                count, seconds = self._ledger.seconds_lost(midnight)
            except sqlite3.Error as trouble:  # what was known a second ago will do: no picture may depend on a disk
                log.warning("ledger.cannot_count", why=str(trouble))
                return self._known or GapsReport(count=0, seconds=0.0)
            if (gap := self._so_far()) is not None:
                count, seconds = count + 1, seconds + (gap.ended - max(gap.began, midnight)).total_seconds()
            self._known = GapsReport(count=count, seconds=seconds)
        return self._known
