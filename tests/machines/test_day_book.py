"""What schedules are told of a day: whether it counts, its hours, and what it is instead."""

from __future__ import annotations

from datetime import date

import pytest

from schedules import BOOK, SMALL
from tradewarden.machines.day_book import CalendarBook


@pytest.mark.parametrize(
    ("book", "segment", "day", "hours"),
    [
        (BOOK, "NSE_EQ", "2026-11-23", "09:00 09:15 15:35"),  # with the closing auction
        (BOOK, "NSE_EQ", "2026-12-07", "09:00 09:15 15:40"),
        (BOOK, "NSE_EQ", "2026-07-31", "09:00 09:15 15:30"),
        (BOOK, "NSE_EQ_NOFO", "2026-11-23", "09:00 09:15 15:30"),
        (BOOK, "NFO", "2026-11-23", "09:00 09:15 15:40"),
        (BOOK, "CDS", "2026-11-23", "09:00 09:00 17:00"),  # no pre-open
        (BOOK, "NSE_EQ", "2026-02-01", "09:00 09:15 15:30"),
        (BOOK, "NSE_EQ", "2026-11-08", "18:15 18:15 19:15"),
        (BOOK, "NSE_EQ", "2026-11-24", None),
        (BOOK, "NSE_EQ", "2026-11-22", None),
        (BOOK, "MCX", "2026-11-24", "17:00 17:00 23:55"),
        (BOOK, "OANDA", "2026-11-18", "00:00 00:00 00:00"),  # to midnight, over a break
        (BOOK, "NSE_EQ", "2027-01-04", "09:00 09:15 15:40"),  # as usual, as far as anybody knows
        (BOOK, "NSE_EQ", "2027-01-03", None),
        (SMALL, "SMALL", "2026-05-13", "09:00 09:15 13:00"),
        (SMALL, "SMALL", "2026-05-14", "14:00 14:00 15:30"),
        (SMALL, "SMALL", "2026-05-16", None),  # a mock
    ],
)
def test_a_day_has_one_session_from_the_first_to_the_last_trade(
    book: CalendarBook, segment: str, day: str, hours: str | None
) -> None:
    found = book.hours(segment, date.fromisoformat(day))
    said = found and " ".join(f"{each:%H:%M}" for each in (found.pre_open, found.open, found.close))
    assert said == hours
    assert found is None or found.open.tzinfo is book.zone(segment)


@pytest.mark.parametrize(
    ("book", "segment", "day", "muhurat", "because"),
    [
        (BOOK, "NSE_EQ", "2026-11-23", True, None),
        (BOOK, "NSE_EQ", "2026-11-24", False, "a holiday of NSE_EQ: Prakash Gurpurb Sri Guru Nanak Dev"),
        (BOOK, "NSE_EQ", "2026-11-22", False, "a Sunday, and NSE_EQ does not trade"),
        (BOOK, "NSE_EQ", "2026-11-08", True, "a day with only the Muhurat session of NSE_EQ"),
        (BOOK, "MCX", "2026-11-24", True, None),
        (BOOK, "NSE_EQ", "2027-01-04", True, None),
        (BOOK, "NSE_EQ", "2027-01-02", False, "a Saturday, and NSE_EQ does not trade"),
        (SMALL, "SMALL", "2026-05-16", False, "a day with only a mock session of SMALL"),
        (SMALL, "SMALL", "2026-05-13", True, None),
    ],
)
def test_a_day_that_does_not_count_is_something_else(
    book: CalendarBook,
    segment: str,
    day: str,
    muhurat: bool,  # noqa: FBT001 (a table)
    because: str | None,
) -> None:
    asked = date.fromisoformat(day)
    assert book.closed_because(segment, asked) == because
    assert book.trading_day(segment, asked) is (because is None)
    assert book.trading_day(segment, asked, muhurat=True) is muhurat
