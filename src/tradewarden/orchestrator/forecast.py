"""Today's session by the calendar, and what it means for the token."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from tradewarden.machines.calendar import Calendar
from tradewarden.machines.forecast import Session, forecast
from tradewarden.machines.report import AuthReport
from tradewarden.orchestrator.clock import IST, Clock
from tradewarden.orchestrator.market import MarketDriver


class Forecaster:
    """Knows from when to when data is due today, and whether the token reaches so far."""

    def __init__(self, market: MarketDriver, segments: Sequence[str], clock: Clock) -> None:
        self._market = market
        self._segments = tuple(segments)
        self._clock = clock
        self._kept: tuple[date, Calendar, Session | None] | None = None

    def session(self) -> Session | None:
        """From the first data that is due today to the last; none on a day without."""
        today, calendar = self._clock.now().astimezone(IST).date(), self._market.calendar
        if self._kept is None or self._kept[0] != today or self._kept[1] is not calendar:
            self._kept = today, calendar, session_of(calendar, self._segments, today)
        return self._kept[2]

    def of(self, auth: AuthReport) -> str:
        """The forecast for the token that is held."""
        return forecast(
            now=self._clock.now().astimezone(IST),
            minted_at=auth.minted_at if auth.holds_token else None,
            verified_at=auth.verified_at,
            expires_at=auth.expires_at,
            session=self.session(),
        )


def session_of(calendar: Calendar, segments: Sequence[str], day: date) -> Session | None:
    """From the first data that is due on this day (IST) to the last."""
    at = datetime.combine(day, time(), IST)
    end = at + timedelta(days=1)
    on = calendar.wanted(segments, at, lead=timedelta())
    begin, last = (at, end) if on else (None, None)
    while (change := calendar.next_wanted_change(segments, at, lead=timedelta())) is not None and change < end:
        at, on = change.astimezone(IST), not on
        begin, last = (begin or at, end) if on else (begin, at)
    return None if begin is None or last is None else (begin, last)
