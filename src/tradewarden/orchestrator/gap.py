"""Watches the feed for outages and writes each into the ledger when it is over."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import structlog

from tradewarden.machines.gap import STOPPED, Gap, Outage
from tradewarden.orchestrator.feed import FeedDriver
from tradewarden.orchestrator.ledger import Ledger
from tradewarden.orchestrator.market import MarketDriver

log = structlog.get_logger()


class GapWatch:
    """One feed's outages; looks after every change of the desk."""

    def __init__(
        self, feed: FeedDriver, market: MarketDriver, ledger: Ledger, *, name: str, instruments: Collection[int]
    ) -> None:
        self._feed, self._market, self._ledger = feed, market, ledger
        self._name = name
        self._instruments = sorted(instruments)
        self._outage = Outage()

    def follow(self, instruments: Collection[int]) -> None:
        """The subscription has changed: a gap that ends from now on concerns these."""
        self._instruments = sorted(instruments)

    def look(self) -> None:
        """Follow the feed; writes when an outage that was long enough has ended."""
        machine, clock = self._feed.machine, self._feed.clock
        now, mono = clock.now(), clock.mono_ns()
        if self._market.wanted and self._market.expected == "none":
            self._look_in_a_lull(now, streaming=machine.leaf == "streaming")
            return
        gap = self._outage.observe(
            now=now,
            streaming=machine.leaf == "streaming",
            expected=self._market.expected if self._market.wanted else "none",
            due_since=now - timedelta(microseconds=(mono - machine.expected_since) / 1000),
            last_tick=self._feed.report().last_tick_at,
            cause=self._cause(),
        )
        if gap is not None:
            self._write(gap)

    def _look_in_a_lull(self, now: datetime, *, streaming: bool) -> None:
        """Between two phases of a session nothing new is missed, but an outage is over only when ticks come."""
        gap = self._outage.close(now, None) if streaming else None
        if gap is not None:
            self._write(gap)

    def so_far(self) -> Gap | None:
        """The gap that is open now; it is in the ledger once it is over."""
        return self._outage.so_far(self._feed.clock.now())

    def end(self) -> None:
        """The daemon stops: what is open ends here, since nobody watches any more."""
        gap = self._outage.close(self._feed.clock.now(), STOPPED)
        if gap is not None:
            self._write(gap)

    def _cause(self) -> str | None:
        match self._feed.machine.leaf:
            case "streaming":
                return None
            case "blocked_on_auth":
                return self._feed.machine.reason or "auth"
            case _:
                return self._feed.machine.reason

    def _write(self, gap: Gap) -> None:
        log.warning("feed.gap", began=gap.began, ended=gap.ended, seconds=round(gap.seconds, 3), causes=gap.causes)
        self._ledger.add_gap(self._name, gap, self._instruments)
