"""Schedules for tests: as they are written, and drawn at random."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tradewarden.machines.calendar_file import parse as parse_calendar
from tradewarden.machines.day_book import CalendarBook
from tradewarden.machines.due import Due, due_between
from tradewarden.machines.schedule import (
    After,
    AllDays,
    Always,
    Anchor,
    At,
    Between,
    Cron,
    Ended,
    Every,
    Hourly,
    Market,
    NamedDays,
    Once,
    Schedule,
    Stretch,
    TradingDays,
)
from tradewarden.machines.schedule_words import parse
from tradewarden.orchestrator.calendar import load_calendar

BOOK = CalendarBook(load_calendar())
SEGMENTS = BOOK.calendar.segments
IST = ZoneInfo("Asia/Kolkata")
LONDON = ZoneInfo("Europe/London")
NEW_YORK = ZoneInfo("America/New_York")
KOLKATA = "Asia/Kolkata"
ZONES = (KOLKATA, "Europe/London", "America/New_York", "Australia/Lord_Howe", "UTC")

# The end of coverage is near, Wednesday 2026-05-13 is a half day, 2026-05-16 a mock Saturday.
SMALL = CalendarBook(
    parse_calendar(
        {
            "small.toml": """
[segments.SMALL]
zone = "Asia/Kolkata"
covered_from = 2026-05-01
covered_until = 2026-05-20

[[rules]]
segments = ["SMALL"]
effective_from = 2026-05-01
source = "a test"
phases = [
  { name = "pre_open.entry", from = "09:00", to = "09:15" },
  { name = "live.continuous", from = "09:15", to = "15:30" },
  { name = "post_close.post_close", from = "15:40", to = "16:00" },
]

[[closures]]
segments = ["SMALL"]
source = "a test"
open_until = "13:00"
days = { 2026-05-13 = "Half a day" }

[[closures]]
segments = ["SMALL"]
source = "a test"
open_from = "14:00"
days = { 2026-05-14 = "Only late" }

[[specials]]
segments = ["SMALL"]
date = 2026-05-16
session = "mock"
name = "A mock"
status = "mock"
source = "a test"
""".replace(
                '{ name = "post_close',
                '{ name = "post_close.wait", from = "15:30", to = "15:40" },\n  { name = "post_close',
            )
        }
    )
)


def written(text: str, segment: str = "NSE_EQ", book: CalendarBook = BOOK) -> Schedule:
    """What this text means on a desk in India."""
    return parse(text, segment=segment, zone=KOLKATA, known_segments=book.calendar.segments)


def at(text: str, zone: ZoneInfo = IST) -> datetime:
    """A moment, as 2026-11-24 10:00."""
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def dues(text: str, since: str, until: str, zone: ZoneInfo = IST) -> list[str]:
    """When it comes between two moments, by the clock of a zone."""
    found = due_between(written(text), at(since, zone), at(until, zone), BOOK)
    return [told(due, zone) for due in found]


def told(due: Due, zone: ZoneInfo = IST) -> str:
    """A due time and its end; the date of the end is left out if it is the same day."""
    begin, end = due.at.astimezone(zone), due.until.astimezone(zone)
    return f"{begin:%m-%d %H:%M} - {end:{'%H:%M' if begin.date() == end.date() else '%m-%d %H:%M'}}"


_clocks = st.times().map(lambda each: each.replace(microsecond=0))
_between = st.tuples(_clocks, _clocks).filter(lambda both: both[0] != both[1]).map(lambda both: Between(*both))
_offsets = st.integers(-12 * 3600, 12 * 3600).map(lambda seconds: timedelta(seconds=seconds))
_markets = st.builds(Market, st.sampled_from(Anchor), _offsets)
_stretches = st.one_of(
    st.builds(Stretch, _markets, _markets), st.builds(Stretch, _clocks, _markets), st.builds(Stretch, _markets, _clocks)
)
_days = st.one_of(
    st.builds(TradingDays, st.booleans()),
    st.just(AllDays()),
    st.frozensets(st.integers(0, 6), min_size=1, max_size=6).map(NamedDays),
)
_onces = st.builds(
    lambda day, clock: Once(datetime.combine(day, clock)), st.dates(date(2026, 1, 1), date(2026, 12, 31)), _clocks
)
_crons = st.sampled_from(
    ["0 9 * * 1-5", "*/20 * * * *", "30 1,2 * * *", "15 0 1 * *", "0 0 * * *", "0 30 9 * * 2", "0 3 29 3 *"]
).map(Cron)
windows = st.one_of(st.just(Always()), _between, _stretches)
_points = st.one_of(
    st.builds(At, _clocks),
    st.builds(Hourly, st.integers(0, 59), st.none() | _between),
    st.builds(Every, st.integers(400, 86_400), st.none() | _between),
    _onces,
    _crons,
    _markets,
)
_afters = st.builds(After, st.sampled_from(["analysis", "buy_orders"]), st.sampled_from(Ended))


def _made(rules: st.SearchStrategy[object]) -> st.SearchStrategy[Schedule]:
    return st.builds(Schedule, rules, _days, st.sampled_from(sorted(SEGMENTS)), st.sampled_from(ZONES))


points = _made(_points)
kept_up = _made(windows)
timed = points | kept_up
schedules = timed | _made(_afters)
moments = st.datetimes(datetime(2026, 1, 5), datetime(2027, 1, 10), timezones=st.just(ZoneInfo("UTC")))  # noqa: DTZ001
