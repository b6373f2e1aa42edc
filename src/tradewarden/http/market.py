"""The calendar over HTTP: what a day is and who says so, and an admin's word above it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Protocol

from aiohttp import web

from tradewarden.http.body import answer, asked, fault, taken
from tradewarden.http.gate import told_of
from tradewarden.http.logs import YEARS
from tradewarden.http.member import Member
from tradewarden.http.moments import iso
from tradewarden.http.problems import ProblemError
from tradewarden.http.visitors import Visitors
from tradewarden.machines.calendar import Calendar
from tradewarden.machines.override import Override
from tradewarden.machines.session import Moment
from tradewarden.orchestrator.calendar_keeper import RefusedOverrideError
from tradewarden.orchestrator.clock import Clock


@dataclass(frozen=True, slots=True)
class DayQuery:
    """Which day, and of which segments."""

    day: Annotated[str | None, Member("a date such as 2026-11-23; today when none is given", example="2026-11-23")] = (
        None
    )
    segment: Annotated[tuple[str, ...], Member("a segment, several times for several; those of the desk else")] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """An order above the calendar: what the segment is to be held for, or how much data is due, and until when."""

    segment: str
    until: str
    reason: str
    state: str | None = None
    expect: str | None = None


class Keeper(Protocol):
    """Whoever keeps the calendar and the orders."""

    @property
    def calendar(self) -> Calendar:
        """The one in force."""
        ...

    @property
    def overrides(self) -> list[Override]:
        """The orders that hold."""
        ...

    @property
    def problem(self) -> str | None:
        """Why a newer calendar is not used."""
        ...

    def order(self, *, segment: str, until: datetime, reason: str, state: str | None, expect: str | None) -> Override:
        """Take an order. Raises RefusedOverrideError."""
        ...

    def lift(self, segment: str) -> bool:
        """Take it back."""
        ...


class Market:
    """GET /api/market/calendar, POST /api/market/override and DELETE /api/market/override/SEGMENT."""

    def __init__(self, keeper: Keeper, clock: Clock, segments: Sequence[str]) -> None:
        self._keeper, self._clock, self._segments = keeper, clock, tuple(segments)

    def routes(self, _visitors: Visitors) -> list[web.RouteDef]:
        """The days, and the orders above them."""

        async def post(request: web.Request) -> web.Response:
            order = await taken(request, Order)
            told_of(request, target=order.segment, detail=order.state or order.expect)
            return self._ordered(order)

        async def delete(request: web.Request) -> web.Response:
            segment = request.match_info["segment"]
            if not self._keeper.lift(segment):
                raise ProblemError(404, "not-found", detail=f"there is no order about {segment[:64]}")
            return answer({"segment": segment, "lifted": True})

        return [
            web.get("/api/market/calendar", self.day),
            web.post("/api/market/override", post),
            web.delete("/api/market/override/{segment}", delete),
        ]

    async def day(self, request: web.Request) -> web.Response:
        """One day, segment by segment; `segment` may be given several times, else those of the desk."""
        calendar = self._keeper.calendar
        query = asked(request, DayQuery)
        day, segments = _day(query.day, self._clock.now().date()), query.segment or self._segments
        unknown = [name for name in segments if name not in calendar.segments]
        if unknown:
            known = ", ".join(sorted(calendar.segments))
            errors = [{"parameter": "segment", "detail": f"{unknown[0][:64]!r} is not known; known: {known}"}]
            raise ProblemError(422, "validation", errors=errors)
        return answer(
            {
                "day": day.isoformat(),
                "sha256": calendar.sha256,
                "problem": self._keeper.problem,
                "segments": [told_day(calendar, name, day) for name in segments],
                "overrides": [told_override(override) for override in self._keeper.overrides],
            },
        )

    def _ordered(self, order: Order) -> web.Response:
        try:
            override = self._keeper.order(
                segment=order.segment,
                until=_moment(order.until),
                reason=order.reason,
                state=order.state,
                expect=order.expect,
            )
        except RefusedOverrideError as refused:
            raise _misfit(refused.key, refused.wrong) from None
        return answer(told_override(override), 201)


def told_day(calendar: Calendar, segment: str, day: date) -> dict[str, Any]:
    """What the files say of a segment's day, and who says so; outside the calendar nobody does."""
    source, status = calendar.told_by(segment, day)
    return {
        "segment": segment,
        "tradingDay": None if source is None else calendar.trading_day(segment, day),
        "status": status,
        "source": source,
        "coveredUntil": calendar.covered_until(segment).isoformat(),
        "spans": [
            {"from": span.begin.isoformat(), "to": span.end.isoformat(), **told_moment(span.moment)}
            for span in calendar.spans(segment, day)
        ],
    }


def told_moment(moment: Moment) -> dict[str, Any]:
    """One answer of the calendar."""
    return {
        "state": moment.state,
        "phase": moment.phase,
        "session": moment.session,
        "reason": moment.reason,
        "dataExpected": moment.expected,
    }


def told_override(override: Override) -> dict[str, Any]:
    """An order as it holds."""
    return {
        "segment": override.segment,
        "state": override.state,
        "expect": override.expect,
        "since": iso(override.since),
        "until": iso(override.until),
        "reason": override.reason,
    }


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _misfit("until", f"{text[:64]!r} is no date and time with an offset, such as 2026-11-23T18:00:00+05:30")
    return moment


def _day(text: str | None, today: date) -> date:
    if text is None:
        return today
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.year not in YEARS:
        errors = [{"parameter": "day", "detail": f"{text[:64]!r} is no date such as 2026-11-23"}]
        raise ProblemError(422, "validation", errors=errors)
    return day


def _misfit(key: str, wrong: str) -> ProblemError:
    return ProblemError(422, "validation", errors=[fault(key, wrong)])
