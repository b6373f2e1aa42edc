"""Puts what the machines say into one picture, and tells whoever wants to know when it changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

import structlog

from tradewarden.machines import remarks
from tradewarden.machines.conflict import conflicts
from tradewarden.machines.headline import Situation, headline
from tradewarden.machines.report import (
    AccountReport,
    AgreementReport,
    AuthReport,
    DeliveryReport,
    DumpReport,
    FeedReport,
    GapsReport,
    Headline,
    JournalReport,
    MarketReport,
    Picture,
)
from tradewarden.machines.service import DeskReport
from tradewarden.machines.sink import SinkReport
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
        further: Mapping[str, AuthDriver] = MappingProxyType({}),
    ) -> None:
        self._market, self._auth, self._feed = market, auth, feed
        self._clock = clock
        self._forecast = forecast
        self._further = dict(further)
        self.deliveries: Callable[[], DeliveryReport] | None = None  # set once there is somebody to tell
        self.instruments: Callable[[], DumpReport | None] | None = None  # set where there are rules
        self.journal: Callable[[], JournalReport] | None = None  # set where ticks are recorded
        self.sinks: Callable[[], tuple[SinkReport, ...]] = tuple  # set where ticks are recorded
        self.agreement: Callable[[], AgreementReport | None] | None = None  # set where stores are compared
        self.gaps: Callable[[], GapsReport] | None = None  # set once there is a ledger
        self.desk: Callable[[], DeskReport | None] | None = None  # set once there is somebody who keeps programs
        self.beat_age = beat_age
        self._started_at = clock.now()
        self._stopping = False
        self._heard_at: datetime | None = None  # the last proven tick
        self._odd: set[str] = set()
        self._key: tuple[object, ...] = ()
        self._on_change: list[Callable[[Picture], None]] = []
        self._on_age: list[Callable[[Picture], None]] = []
        self.picture: Picture
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
        auth, feed = self._auth.report(), self._feed.report()
        market, conflict = self._compared(self._market.report(), feed)
        reports = market, auth, feed
        accounts, sinks = self._accounts(), self.sinks()
        journal = None if self.journal is None else self.journal()
        desk = None if self.desk is None else self.desk()
        verdict = headline(
            Situation.of(
                auth,
                feed,
                market,
                now=self._clock.now(),
                stopping=self._stopping,
                conflict=conflict,
                further=[account.auth for account in accounts],
                sink_behind=any(sink.needs_a_look for sink in sinks),
                journal_failed=journal is not None and journal.state == "failed",
                service_down=desk is not None and desk.is_failing,
            )
        )
        now = self._clock.now()
        segments = tuple((s.state, s.phase, s.problem) for s in market.segments)
        odd = (remarks.of_feed(feed, now), self._about_instruments(now))
        others = (
            *((account.auth.state, account.auth.reason) for account in accounts),
            *((sink.name, sink.state, sink.needs_a_look) for sink in sinks),
            None if journal is None else (journal.state, journal.too_much),
            None if self.agreement is None else self.agreement(),
            None if desk is None else (desk.state, desk.phase, *((one.name, one.state) for one in desk.services)),
        )
        key = (verdict, auth.state, auth.reason, feed.state, segments, others, odd)
        if key == self._key:
            self.picture = self._draw(self.picture.seq, self.picture.headline, reports, accounts)
            self._call(self._on_age)
            return
        seq, before = (self.picture.seq, self.picture.headline) if self._key else (0, None)
        same = before is not None and (before.code, before.severity) == (verdict.code, verdict.severity)
        since = before.since if before is not None and same else self._clock.now()
        line = Headline(row=verdict.row, code=verdict.code, layer=verdict.layer, severity=verdict.severity, since=since)
        self._key = key
        self.picture = self._draw(seq + 1, line, reports, accounts)
        if not same:
            log.info("health.headline", code=line.code, status=line.severity.status, seq=self.picture.seq)
        self._call(self._on_change)

    def _compared(self, market: MarketReport, feed: FeedReport) -> tuple[MarketReport, bool]:
        """The market with what ticks and calendar disagree about, and whether they do."""
        if feed.state == "streaming":
            self._heard_at = feed.last_tick_at
        odd = conflicts(market, feed, self._clock.now(), self._heard_at)
        if set(odd) != self._odd:
            self._odd = set(odd)
            log.warning("market.conflict", segments=sorted(odd), text=next(iter(odd.values()), "over"))
        if not odd:
            return market, False
        segments = (
            replace(each, problem="; ".join(filter(None, (odd.get(each.segment), each.problem))) or None)
            for each in market.segments
        )
        return replace(market, segments=tuple(segments)), True

    def _call(self, callbacks: list[Callable[[Picture], None]]) -> None:
        for callback in callbacks:
            callback(self.picture)

    def _accounts(self) -> tuple[AccountReport, ...]:
        """The accounts besides the feeding one."""
        reports = {name: auth.report() for name, auth in self._further.items()}
        return tuple(
            AccountReport(name=name, auth=auth, forecast=self._forecast and self._forecast(auth))
            for name, auth in reports.items()
        )

    def _about_instruments(self, now: datetime) -> tuple[str, ...]:
        dump = None if self.instruments is None else self.instruments()
        return () if dump is None else remarks.of_dump(dump, now)

    def _draw(
        self,
        seq: int,
        line: Headline,
        reports: tuple[MarketReport, AuthReport, FeedReport],
        accounts: tuple[AccountReport, ...],
    ) -> Picture:
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
            alerts=None if self.deliveries is None else self.deliveries(),
            instruments=None if self.instruments is None else self.instruments(),
            forecast=None if self._forecast is None else self._forecast(auth),
            simulated=self._clock.simulated,
            sinks=self.sinks(),
            agreement=None if self.agreement is None else self.agreement(),
            journal=None if self.journal is None else self.journal(),
            gaps=None if self.gaps is None else self.gaps(),
            desk=None if self.desk is None else self.desk(),
            accounts=accounts,
        )
