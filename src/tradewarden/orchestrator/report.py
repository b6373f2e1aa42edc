"""Puts what the machines say into one picture, and tells whoever wants to know when it changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple

import structlog

from tradewarden.machines import remarks
from tradewarden.machines.conflict import conflicts
from tradewarden.machines.headline import Situation, Verdict, headline
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

MOST_RESTS: Final = 20  # beats without a new picture: then it is drawn whatever is known
_NO_STREAM: Final = frozenset({"halted", "blocked_on_auth"})  # nothing comes by itself

log = structlog.get_logger()


class _Untold(NamedTuple):
    """What moves the picture's number without a word: the calendar's day, stores, the journal and the dump."""

    market: MarketReport
    sinks: tuple[SinkReport, ...]
    journal: JournalReport | None
    agreement: AgreementReport | None
    dump: DumpReport | None


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
        self._judged: tuple[Situation, Verdict] | None = None
        self._programs: tuple[DeskReport | None, bool, object] = None, False, None
        self._may_rest = False  # the last picture can only be another by what `_untold` tells
        self._drawn_from: _Untold | None = None
        self._on_change: list[Callable[[Picture], None]] = []
        self._on_age: list[Callable[[Picture], None]] = []
        self._is_old = False  # a beat has passed since it was drawn
        self._rested = 0  # beats
        self._picture: Picture
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

    @property
    def picture(self) -> Picture:
        """The desk as it was at the last beat, or change; at rest it is drawn for whoever looks."""
        if self._is_old:
            self.refresh()
        return self._picture

    def look(self) -> None:
        """At each beat: draw the picture anew; while nothing but the clock moves, only once somebody looks at it.

        Whoever changes a state says so and has the picture drawn at once; what nobody says is compared here.
        """
        rests = self._may_rest and self._rested < MOST_RESTS and not self._on_age
        if rests and self._untold() == self._drawn_from:
            self._is_old = True
            self._rested += 1
        else:
            self._rested = 0
            self.refresh()

    def _untold(self) -> _Untold:
        return _Untold(
            market=self._market.report(),
            sinks=self.sinks(),
            journal=None if self.journal is None else self.journal(),
            agreement=None if self.agreement is None else self.agreement(),
            dump=None if self.instruments is None else self.instruments(),
        )

    def refresh(self) -> None:
        """Draw the picture anew; called after every change."""
        self._is_old = False
        self._drawn_from = untold = self._untold()
        auth, feed, journal = self._auth.report(), self._feed.report(), untold.journal
        market, conflict = self._compared(untold.market, feed)
        untold, accounts = untold._replace(market=market), self._accounts()
        service_down, programs = self._of_programs()
        now = self._clock.now()
        situation = Situation.of(
            auth,
            feed,
            market,
            now=now,
            stopping=self._stopping,
            conflict=conflict,
            further=[account.auth for account in accounts],
            sink_behind=any(sink.needs_a_look for sink in untold.sinks),
            journal_failed=journal is not None and journal.state == "failed",
            service_down=service_down,
        )
        verdict = self._judge(situation)
        segments = tuple((s.state, s.phase, s.problem) for s in market.segments)
        odd = (remarks.of_feed(feed, now), () if untold.dump is None else remarks.of_dump(untold.dump, now))
        self._may_rest = feed.state in _NO_STREAM and not (situation.recent or situation.grace or conflict or any(odd))
        others = (
            *((account.auth.state, account.auth.reason) for account in accounts),
            *((sink.name, sink.state, sink.needs_a_look) for sink in untold.sinks),
            None if journal is None else (journal.state, journal.too_much),
            untold.agreement,
            programs,
        )
        key = (verdict, auth.state, auth.reason, feed.state, segments, others, odd)
        if key == self._key:
            self._picture = self._draw(self._picture.seq, self._picture.headline, (auth, feed), untold, accounts)
            self._call(self._on_age)
            return
        seq, before = (self._picture.seq, self._picture.headline) if self._key else (0, None)
        same = before is not None and (before.code, before.severity) == (verdict.code, verdict.severity)
        since = before.since if before is not None and same else self._clock.now()
        line = Headline(row=verdict.row, code=verdict.code, layer=verdict.layer, severity=verdict.severity, since=since)
        self._key = key
        self._picture = self._draw(seq + 1, line, (auth, feed), untold, accounts)
        if not same:
            log.info("health.headline", code=line.code, status=line.severity.status, seq=self._picture.seq)
        self._call(self._on_change)

    def _judge(self, situation: Situation) -> Verdict:
        """The row that holds: the same one as before for the same situation."""
        if self._judged is None or self._judged[0] != situation:
            self._judged = situation, headline(situation)
        return self._judged[1]

    def _of_programs(self) -> tuple[bool, object]:
        """Whether something critical is down, and how each program stands; looked up once in each report."""
        desk = None if self.desk is None else self.desk()
        if desk is not self._programs[0]:
            told = None if desk is None else (desk.state, desk.phase, *((one.name, one.state) for one in desk.services))
            self._programs = desk, desk is not None and desk.is_failing, told
        return self._programs[1:]

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
            callback(self._picture)

    def _accounts(self) -> tuple[AccountReport, ...]:
        """The accounts besides the feeding one."""
        reports = {name: auth.report() for name, auth in self._further.items()}
        return tuple(
            AccountReport(name=name, auth=auth, forecast=self._forecast and self._forecast(auth))
            for name, auth in reports.items()
        )

    def _draw(
        self,
        seq: int,
        line: Headline,
        reports: tuple[AuthReport, FeedReport],
        untold: _Untold,
        accounts: tuple[AccountReport, ...],
    ) -> Picture:
        auth, feed = reports
        return Picture(
            seq=seq,
            now=self._clock.now(),
            headline=line,
            auth=auth,
            feed=feed,
            market=untold.market,
            started_at=self._started_at,
            stopping=self._stopping,
            alerts=None if self.deliveries is None else self.deliveries(),
            instruments=untold.dump,
            forecast=None if self._forecast is None else self._forecast(auth),
            simulated=self._clock.simulated,
            sinks=untold.sinks,
            agreement=untold.agreement,
            journal=untold.journal,
            gaps=None if self.gaps is None else self.gaps(),
            desk=None if self.desk is None else self.desk(),
            accounts=accounts,
        )
