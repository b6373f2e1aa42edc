"""Keeps each segment's session at the calendar's pace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from tradewarden.machines.calendar import LEAD, Calendar, Moment, most_expected
from tradewarden.machines.market import MarketSession
from tradewarden.machines.report import MarketReport, SegmentReport
from tradewarden.orchestrator.clock import IST, Clock

LOOK_BACK = 15  # days: no exchange is closed for longer

log = structlog.get_logger()


class MarketDriver:
    """The segments of the desk: follows the wall clock from boundary to boundary, with one timer for all."""

    def __init__(
        self,
        segments: Sequence[str],
        calendar: Calendar,
        clock: Clock,
        changed: Callable[[], None],
        *,
        lead: timedelta = LEAD,
    ) -> None:
        self.calendar = calendar
        self.sessions = [MarketSession(segment) for segment in segments]
        self._segments = tuple(segments)
        self._clock = clock
        self._changed = changed
        self._lead = lead
        self._since: dict[str, datetime] = {}
        self._upcoming: dict[str, tuple[datetime, str] | None] = {}  # it changes only where the timer rings
        self._venues: dict[str, str] = {}  # what round-the-clock venues say of themselves
        self._problem: str | None = None
        self._oldest: tuple[datetime, datetime] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._report: tuple[datetime, MarketReport] | None = None  # and the minute that it is of
        self.wanted = False
        self.wanted_since: datetime | None = None

    @property
    def expected(self) -> str:
        """What the segment that expects most data expects now."""
        return most_expected(session.moment.expected for session in self.sessions if session.moment)

    def oldest_tick(self, now_s: float) -> float:
        """Midnight of the last trading day before today of any segment: a snapshot may carry its last second."""
        today = datetime.fromtimestamp(now_s, IST).replace(hour=0, minute=0, second=0, microsecond=0)
        if self._oldest is None or self._oldest[0] != today:
            days = (today - timedelta(days=back) for back in range(1, LOOK_BACK))
            last = (day for day in days if any(self.calendar.trading_day(s, day.date()) for s in self._segments))
            self._oldest = today, next(last, today - timedelta(days=LOOK_BACK))
        return self._oldest[1].timestamp()

    def use(self, calendar: Calendar, *, problem: str | None = None) -> None:
        """Follow this calendar from now on; `problem` is what keeps a newer one from being used."""
        self.calendar, self._problem, self._oldest = calendar, problem, None
        self.sync()

    def pushed(self, segment: str, status: str) -> None:
        """A venue says of itself: online, maintenance, cancel_only, post_only."""
        self._venues[segment] = status
        log.info("market.venue", segment=segment, status=status)
        self.sync()

    def sync(self) -> None:
        """Read the clock, follow the calendar, and set the timer to the next boundary."""
        self.disarm()
        self._report = None
        now = self._clock.now()
        for session in self.sessions:
            before = session.leaf
            session.sync(self._moment(session.segment, now), now=self._clock.mono_ns())
            self._upcoming[session.segment] = self.calendar.next_state(session.segment, now)
            if session.leaf != before or session.segment not in self._since:
                self._since[session.segment] = now
                log.info("market.state", segment=session.segment, src=before, dst=session.leaf, reason=session.reason)
        wanted = self.calendar.wanted(self._segments, now, lead=self._lead)
        if wanted != self.wanted or self.wanted_since is None:
            self.wanted, self.wanted_since = wanted, now
            log.info("market.wanted", wanted=wanted)
        self._arm(now)
        self._changed()

    def _moment(self, segment: str, now: datetime) -> Moment:
        return self.calendar.at(segment, now, self._venues.get(segment))

    def _arm(self, now: datetime) -> None:
        changes = [self.calendar.next_change(segment, now) for segment in self._segments]
        boundaries = [change[0] for change in changes if change is not None]
        wanted = self.calendar.next_wanted_change(self._segments, now, lead=self._lead)
        if wanted is not None:
            boundaries.append(wanted)
        if boundaries:
            wait = max(0.0, (min(boundaries) - now).total_seconds())
            # A timer that rings a little early would find the old phase once more and set itself anew: harmless.
            self._timer = asyncio.get_running_loop().call_later(wait, self.sync)

    def disarm(self) -> None:
        """Forget the timer; the daemon stops or the clock has jumped."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    def report(self) -> MarketReport:
        """Every segment in the order of the configuration; the same report until one moves, or a day may begin."""
        now = self._clock.now()
        minute = now.replace(second=0, microsecond=0)
        if self._report is None or self._report[0] != minute:
            report = MarketReport(
                segments=tuple(self._segment_report(session, now) for session in self.sessions),
                wanted=self.wanted,
                wanted_since=self.wanted_since,
                expected=self.expected,
            )
            if self.wanted_since is None:
                return report  # nobody has looked at the clock yet
            self._report = minute, report
        return self._report[1]

    def _segment_report(self, session: MarketSession, now: datetime) -> SegmentReport:
        moment = session.moment or self._moment(session.segment, now)
        upcoming = self._upcoming.get(session.segment)
        problems = filter(None, (self._problem, self.calendar.problem(session.segment, now)))
        return SegmentReport(
            segment=session.segment,
            state=session.leaf,
            since=self._since.get(session.segment, now),
            phase=moment.phase,
            session=moment.session,
            reason=moment.reason,
            expected=moment.expected,
            next_at=upcoming[0] if upcoming else None,
            next_state=upcoming[1] if upcoming else None,
            covered_until=self.calendar.covered_until(session.segment),
            calendar_sha256=self.calendar.sha256,
            problem="; ".join(problems) or None,
        )
