"""Puts what the machines say into one picture, and tells whoever wants to know when it changes."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from tradewarden.machines.headline import Situation, headline
from tradewarden.machines.report import AuthReport, FeedReport, Headline, Layer, MarketReport, Picture, Severity
from tradewarden.orchestrator.auth import AuthDriver
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.feed import FeedDriver
from tradewarden.orchestrator.market import MarketDriver

log = structlog.get_logger()


class Reports:
    """The desk's picture. `seq` grows with each change of the headline, the status or a machine's state."""

    def __init__(
        self,
        market: MarketDriver,
        auth: AuthDriver,
        feed: FeedDriver,
        clock: Clock,
        beat_age: Callable[[], float],
        *,
        forecast: Callable[[AuthReport], str] | None = None,
    ) -> None:
        self._market, self._auth, self._feed = market, auth, feed
        self._clock = clock
        self.beat_age = beat_age
        self._started_at = clock.now()
        self._stopping = False
        self._forecast = forecast
        self._key: tuple[object, ...] = ()
        self._on_change: list[Callable[[Picture], None]] = []
        self._on_age: list[Callable[[Picture], None]] = []
        first = Headline(
            row=0, code="system.starting", layer=Layer.SYSTEM, severity=Severity.WARNING, since=self._started_at
        )
        self.picture = self._draw(0, first, (market.report(), auth.report(), feed.report()))
        self.refresh()

    def subscribe(self, callback: Callable[[Picture], None]) -> None:
        """Call back with each new `seq`."""
        self._on_change.append(callback)

    def subscribe_ages(self, callback: Callable[[Picture], None]) -> None:
        """Call back with each refresh that brought no new `seq`: only ages may have changed."""
        self._on_age.append(callback)

    def stop(self) -> None:
        """The daemon begins to stop."""
        self._stopping = True
        self.refresh()

    def refresh(self) -> None:
        """Draw the picture anew; called after every change and at each beat."""
        reports = self._market.report(), self._auth.report(), self._feed.report()
        market, auth, feed = reports
        verdict = headline(Situation.of(auth, feed, market, now=self._clock.now(), stopping=self._stopping))
        key = (verdict, auth.state, auth.reason, feed.state, tuple((s.state, s.phase) for s in market.segments))
        if key == self._key:
            self.picture = self._draw(self.picture.seq, self.picture.headline, reports)
            self._call(self._on_age)
            return
        before = self.picture.headline
        same = (before.code, before.severity) == (verdict.code, verdict.severity)
        since = before.since if same else self._clock.now()
        line = Headline(row=verdict.row, code=verdict.code, layer=verdict.layer, severity=verdict.severity, since=since)
        self._key = key
        self.picture = self._draw(self.picture.seq + 1, line, reports)
        if not same:
            log.info("health.headline", code=line.code, status=line.severity.status, seq=self.picture.seq)
        self._call(self._on_change)

    def _call(self, callbacks: list[Callable[[Picture], None]]) -> None:
        for callback in callbacks:
            callback(self.picture)

    def _draw(self, seq: int, line: Headline, reports: tuple[MarketReport, AuthReport, FeedReport]) -> Picture:
        market, auth, feed = reports
        return Picture(
            seq=seq,
            now=self._clock.now(),
            headline=line,
            auth=auth,
            feed=feed,
            market=market,
            started_at=self._started_at,
            stopping=self._stopping,
            forecast=None if self._forecast is None else self._forecast(auth),
            simulated=self._clock.simulated,
        )
