"""A time of the clock on the wall is one moment, whatever the clock does."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schedules import ZONES
from tradewarden.machines.wall_clock import instant


@pytest.mark.parametrize(
    ("zone", "day", "clock", "expected"),
    [
        ("Asia/Kolkata", "2026-11-24", "09:00", "2026-11-24 03:30"),
        ("Europe/London", "2026-03-29", "00:59:59", "2026-03-29 00:59:59"),
        ("Europe/London", "2026-03-29", "01:00", "2026-03-29 01:00"),
        ("Europe/London", "2026-03-29", "01:30", "2026-03-29 01:00"),
        ("Europe/London", "2026-03-29", "01:17:23", "2026-03-29 01:00"),
        ("Europe/London", "2026-03-29", "01:00:01", "2026-03-29 01:00"),
        ("Europe/London", "2026-03-29", "01:59:59", "2026-03-29 01:00"),
        ("Europe/London", "2026-03-29", "02:00", "2026-03-29 01:00"),
        ("Europe/London", "2026-03-29", "02:00:01", "2026-03-29 01:00:01"),
        ("Europe/London", "2026-10-25", "00:59", "2026-10-24 23:59"),
        ("Europe/London", "2026-10-25", "01:00", "2026-10-25 00:00"),
        ("Europe/London", "2026-10-25", "01:59", "2026-10-25 00:59"),
        ("Europe/London", "2026-10-25", "02:00", "2026-10-25 02:00"),
        ("Australia/Lord_Howe", "2026-10-04", "02:15", "2026-10-03 15:30"),  # half an hour is skipped
        ("Pacific/Apia", "2011-12-30", "12:00", "2011-12-30 10:00"),  # a whole day is
    ],
)
def test_a_skipped_time_is_the_first_moment_after_and_a_doubled_one_the_first(
    zone: str, day: str, clock: str, expected: str
) -> None:
    found = instant(date.fromisoformat(day), time.fromisoformat(clock), ZoneInfo(zone))
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert found.tzinfo is UTC


@pytest.mark.parametrize("second", range(0, 3600, 91))
def test_whatever_is_skipped_is_the_same_moment(second: int) -> None:
    clock = time(1, second // 60, second % 60)
    assert instant(date(2026, 3, 29), clock, ZoneInfo("Europe/London")) == datetime(2026, 3, 29, 1, tzinfo=UTC)


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.times().map(lambda each: each.replace(microsecond=0)))
@pytest.mark.parametrize("zone", ZONES)
def test_the_clock_shows_it_then_or_something_later(zone: str, day: date, clock: time) -> None:
    wall = datetime.combine(day, clock)
    shown = instant(day, clock, ZoneInfo(zone)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert wall <= shown <= wall + timedelta(hours=1)
