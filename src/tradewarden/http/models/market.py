"""The calendar and the orders above it, and what asks for them."""

from __future__ import annotations

from datetime import date

from msgspec import field

from tradewarden.http.market import DayQuery, Order
from tradewarden.http.models.document import Document, Moment
from tradewarden.http.operation import Operation, Told, ok


class CalendarSpan(Document):
    """A stretch of a day, and what holds in it."""

    state: str
    phase: str
    session: str | None
    reason: str | None
    data_expected: str
    begin: str = field(name="from")
    end: str = field(name="to")


class SegmentDay(Document):
    """What a day is for one segment, and who says so."""

    segment: str
    trading_day: bool | None
    status: str
    source: str | None
    covered_until: date
    spans: list[CalendarSpan]


class OverrideTold(Document):
    """An order above the calendar, as it holds."""

    segment: str
    state: str | None
    expect: str | None
    since: Moment
    until: Moment
    reason: str


class CalendarDay(Document):
    """One day, segment by segment."""

    day: date
    sha256: str
    problem: str | None
    segments: list[SegmentDay]
    overrides: list[OverrideTold]


class Lifted(Document):
    """The order is taken back."""

    segment: str
    lifted: bool


OPERATIONS = {
    ("GET", "/api/market/calendar"): Operation(
        says="What a day is for each segment, and who says so",
        query=DayQuery,
        answers=ok("the day", CalendarDay),
        asks="?day=2026-11-24&segment=NSE_EQ",
    ),
    ("POST", "/api/market/override"): Operation(
        says="An order above the calendar, which expires",
        body=Order,
        example={
            "segment": "NSE_EQ",
            "state": "closed",
            "until": "2026-11-23T18:00:00+05:30",
            "reason": "the exchange has closed early",
        },
        answers={201: Told("the order, as it holds from now on", OverrideTold)},
    ),
    ("DELETE", "/api/market/override/{segment}"): Operation(
        says="Take an order back",
        answers=ok("it is gone", Lifted),
        refusals={404: "there is no order about this segment"},
    ),
}
