"""The desk's day from 09:00 to 09:00 of the next trading day, where others go wrong, and everywhere else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given

from schedules import BOOK, IST, SMALL, at, moments
from tradewarden.machines.day_book import Hours
from tradewarden.machines.trading_window import trading_day_of, window


@pytest.mark.parametrize(
    ("now", "day", "begin", "end"),
    [
        ("2026-11-18 09:00", "2026-11-18", "11-18 09:00", "11-19 09:00"),
        ("2026-11-18 08:59", "2026-11-17", "11-17 09:00", "11-18 09:00"),
        ("2026-11-20 16:00", "2026-11-20", "11-20 09:00", "11-23 09:00"),  # Friday's lasts over the weekend
        ("2026-11-21 03:00", "2026-11-20", "11-20 09:00", "11-23 09:00"),
        ("2026-11-22 12:00", "2026-11-20", "11-20 09:00", "11-23 09:00"),  # asked on a Sunday
        ("2026-11-23 08:59", "2026-11-20", "11-20 09:00", "11-23 09:00"),  # Monday before nine
        ("2026-11-23 09:00", "2026-11-23", "11-23 09:00", "11-25 09:00"),  # a holiday follows
        ("2026-11-24 12:00", "2026-11-23", "11-23 09:00", "11-25 09:00"),
        ("2026-11-25 08:00", "2026-11-23", "11-23 09:00", "11-25 09:00"),
        ("2026-09-15 08:59", "2026-09-11", "09-11 09:00", "09-15 09:00"),  # Tuesday before nine, Monday was a holiday
        ("2026-09-15 09:00", "2026-09-15", "09-15 09:00", "09-16 09:00"),
        ("2026-02-01 10:00", "2026-02-01", "02-01 09:00", "02-02 09:00"),  # the Sunday of the Budget
        ("2026-01-31 10:00", "2026-01-30", "01-30 09:00", "02-01 09:00"),
        ("2025-02-01 10:00", "2025-02-01", "02-01 09:00", "02-03 09:00"),  # the Saturday of another
        ("2026-11-08 18:30", "2026-11-06", "11-06 09:00", "11-09 09:00"),  # Muhurat alone makes no day
        ("2026-12-31 12:00", "2026-12-31", "12-31 09:00", "01-01 09:00"),  # behind it every weekday counts
        ("2027-01-03 12:00", "2027-01-01", "01-01 09:00", "01-04 09:00"),
    ],
)
def test_each_hour_belongs_to_one_trading_day(now: str, day: str, begin: str, end: str) -> None:
    assert trading_day_of(at(now), BOOK, "NSE_EQ") == date.fromisoformat(day)
    found = window(at(now), BOOK, "NSE_EQ")
    assert tuple(f"{each.astimezone(IST):%m-%d %H:%M}" for each in found) == (begin, end)
    assert {each.tzinfo for each in found} == {UTC}


def test_nine_is_nine_where_the_segment_trades() -> None:
    found = window(datetime(2026, 11, 18, 14, 0, tzinfo=UTC), BOOK, "OANDA")
    assert [f"{each:%m-%d %H:%M}" for each in found] == ["11-18 14:00", "11-19 14:00"]
    assert trading_day_of(datetime(2026, 11, 18, 13, 59, tzinfo=UTC), BOOK, "OANDA") == date(2026, 11, 17)


@dataclass(frozen=True)
class Rare:
    """A book with these trading days only."""

    days: frozenset[date] = frozenset()

    def trading_day(self, segment: str, day: date, *, muhurat: bool = False) -> bool:
        return day in self.days and segment == "X" and not muhurat

    def hours(self, segment: str, day: date) -> Hours | None:
        raise NotImplementedError

    def closed_because(self, segment: str, day: date) -> str | None:
        raise NotImplementedError

    def zone(self, segment: str) -> ZoneInfo:
        return IST if segment == "X" else ZoneInfo("UTC")


def test_where_nothing_ever_trades_each_day_is_one() -> None:
    assert trading_day_of(at("2026-11-18 12:00"), Rare(), "X") == date(2026, 11, 18)
    assert window(at("2026-11-18 12:00"), Rare(), "X") == (at("2026-11-18 09:00"), at("2026-11-19 09:00"))


@pytest.mark.parametrize(("days", "found"), [(59, True), (60, False)])
def test_a_pause_is_looked_across_for_sixty_days(days: int, found: bool) -> None:  # noqa: FBT001 (a table)
    day = date(2026, 11, 18)
    now = at("2026-11-18 12:00") + timedelta(days=days)
    assert (trading_day_of(now, Rare(frozenset({day})), "X") == day) is found


@given(moments)
def test_the_windows_follow_each_other_without_a_gap(now: datetime) -> None:
    for book, segment in ((BOOK, "NSE_EQ"), (BOOK, "MCX"), (BOOK, "OANDA"), (SMALL, "SMALL")):
        begin, end = window(now, book, segment)
        assert begin <= now < end
        assert window(end, book, segment)[0] == end
        assert window(begin, book, segment) == (begin, end)
        day = trading_day_of(now, book, segment)
        assert book.trading_day(segment, day)
        assert begin.astimezone(book.zone(segment)).date() == day
