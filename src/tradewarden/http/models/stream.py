"""What is streamed: instruments, the rules that want them, the latest quotes, the gaps; and what asks for it."""

from __future__ import annotations

from datetime import date
from typing import Any

from msgspec import UNSET, field

from tradewarden.http.gaps import GapsQuery
from tradewarden.http.models.document import Absent, Document, Moment
from tradewarden.http.operation import LEDGER, Operation, ok
from tradewarden.http.quotes import QuotesQuery


class Dump(Document):
    """The broker's list of instruments that is in use."""

    day: date | None
    fetched_at: Moment | None
    age_seconds: int | None
    instruments: int | None
    kept: int | None
    fresh: bool
    wanted_day: date
    problem: str | None
    fetching: bool


class InstrumentRule(Document):
    """A rule, and what it chose; the last four are an option chain's."""

    name: str
    kind: str
    mode: str
    instruments: int
    most: int | None
    problem: str | None
    waiting: bool
    expiry: date | Absent | None = UNSET
    spot: str | Absent | None = UNSET
    spot_price: float | Absent | None = UNSET
    centre: float | Absent | None = UNSET


class Silent(Document):
    """An instrument that should tick and does not."""

    token: int
    instrument: str
    since: Moment
    seconds: int
    limit_seconds: float
    first_tick_missing: bool
    asked: int
    kind: str = field(name="class")


class StreamedInstrument(Document, kw_only=True):
    """An instrument, and which rules want it; a contract has an expiry, an option a strike."""

    token: int
    instrument: str
    mode: str
    why: list[str]
    limit_seconds: float | None
    freshness: str | None = field(name="class")
    expiry: date | Absent = UNSET
    kind: str | Absent = UNSET
    strike: float | Absent = UNSET


class StreamedInstruments(Document):
    """What is streamed, which rule wants it, how fresh the dump is."""

    time: Moment
    total: int
    dump: Dump | None
    rules: list[InstrumentRule]
    rules_problem: str | None
    silent: list[Silent]
    instruments: list[StreamedInstrument]


class LatestQuotes(Document):
    """The latest tick of each instrument; a quote has the members that the broker sent."""

    time: Moment
    quotes: list[dict[str, Any]]


class GapTold(Document, kw_only=True):
    """A time without data that was due."""

    id: int
    feed: str
    begin: Moment = field(name="from")
    end: Moment = field(name="to")
    seconds: float
    cause: str | None
    causes: list[str]
    instrument_count: int
    instruments: list[int] | Absent = UNSET


class OpenGap(Document, kw_only=True):
    """The one that is not over."""

    begin: Moment = field(name="from")
    seconds: float
    causes: list[str]


class GapsTold(Document):
    """The gaps, newest first."""

    gaps: list[GapTold]
    open: OpenGap | None


OPERATIONS = {
    ("GET", "/api/instruments"): Operation(
        says="What is streamed, which rule wants it, how fresh the broker's dump is",
        answers=ok("the instruments", StreamedInstruments),
    ),
    ("GET", "/api/quotes"): Operation(
        says="The latest tick of each instrument, from memory",
        query=QuotesQuery,
        answers=ok("the quotes", LatestQuotes),
        asks="?only=NSE:INFY&depth=1",
    ),
    ("GET", "/api/gaps"): Operation(
        says="When data was due and did not come, newest first",
        more="Which instruments it concerns is told to an admin.",
        query=GapsQuery,
        answers=ok("the gaps", GapsTold),
        refusals=LEDGER,
        asks="?limit=10",
    ),
}
