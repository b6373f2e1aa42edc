"""When a schedule is due, through nights, weekends, holidays and special sessions."""

from __future__ import annotations

import pytest
from hypothesis import settings

from schedules import BOOK, SMALL, at, dues, told, written
from tradewarden.machines.due import FOREVER, Due, due_between, next_due, open_window

FEW = settings(max_examples=150, deadline=None)


# The six jobs of an ordinary desk, over a weekend and a holiday


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at 09:00", ["11-20 09:00 - 11-23 09:00", "11-23 09:00 - 11-25 09:00", "11-25 09:00 - 11-26 09:00"]),
        ("between 09:15 and 15:30", ["11-20 09:15 - 15:30", "11-23 09:15 - 15:30", "11-25 09:15 - 15:30"]),
        (
            "hourly at :30 between 14:30 and 15:30",
            [
                "11-20 14:30 - 15:30",
                "11-20 15:30 - 11-23 09:00",
                "11-23 14:30 - 15:30",
                "11-23 15:30 - 11-25 09:00",
                "11-25 14:30 - 15:30",
                "11-25 15:30 - 11-26 09:00",
            ],
        ),
        ("at 16:00", ["11-20 16:00 - 11-23 09:00", "11-23 16:00 - 11-25 09:00", "11-25 16:00 - 11-26 09:00"]),
        ("at 18:00", ["11-20 18:00 - 11-23 09:00", "11-23 18:00 - 11-25 09:00", "11-25 18:00 - 11-26 09:00"]),
        ("after analysis succeeded", []),
        ("always", []),
    ],
)
def test_a_desks_day_ends_at_nine_of_the_next_trading_day(text: str, expected: list[str]) -> None:
    assert dues(text, "2026-11-20 00:00", "2026-11-25 23:59") == expected


@pytest.mark.parametrize(
    ("text", "since", "until", "expected"),
    [
        # over midnight: the day is the one on which it begins
        ("between 22:00 and 02:00", "2026-11-20 23:00", "2026-11-25 00:00", ["11-23 22:00 - 11-24 02:00"]),
        ("between 22:00 and 00:00 on fri", "2026-11-20 00:00", "2026-11-25 00:00", ["11-20 22:00 - 11-21 00:00"]),
        (
            "hourly at :15 between 22:30 and 01:15 on mon",
            "2026-11-23 00:00",
            "2026-11-25 00:00",
            ["11-23 23:15 - 11-24 00:15", "11-24 00:15 - 01:15", "11-24 01:15 - 11-25 09:00"],
        ),
        (
            "every 1h between 23:00 and 01:30 on mon",
            "2026-11-23 00:00",
            "2026-11-25 00:00",
            ["11-23 23:00 - 11-24 00:00", "11-24 00:00 - 01:00", "11-24 01:00 - 11-25 09:00"],
        ),
        # intervals begin with their day or their window
        ("every 10h", "2026-11-20 00:00", "2026-11-20 23:59", ["11-20 10:00 - 20:00", "11-20 20:00 - 11-23 00:00"]),
        ("every 24h on fri", "2026-11-19 23:59", "2026-11-22 00:00", ["11-20 00:00 - 09:00"]),
        (
            "every 2h between 09:15 and 13:15",
            "2026-11-20 00:00",
            "2026-11-21 00:00",
            ["11-20 09:15 - 11:15", "11-20 11:15 - 13:15", "11-20 13:15 - 11-23 09:00"],
        ),
        ("hourly at :45", "2026-11-20 22:50", "2026-11-23 00:45", ["11-20 23:45 - 11-23 00:45", "11-23 00:45 - 01:45"]),
        # days
        (
            "at 10:00 on sat, sun",
            "2026-11-20 00:00",
            "2026-11-28 09:59",
            ["11-21 10:00 - 11-22 10:00", "11-22 10:00 - 11-23 09:00"],
        ),
        ("at 10:00 on tue", "2026-11-23 00:00", "2026-11-25 00:00", ["11-24 10:00 - 11-25 09:00"]),
        (
            "at 10:00 on all days",
            "2026-11-23 00:00",
            "2026-11-24 23:59",
            ["11-23 10:00 - 11-24 10:00", "11-24 10:00 - 11-25 09:00"],
        ),
        (
            "always on trading days",
            "2026-11-20 12:00",
            "2026-11-25 00:00",
            ["11-23 00:00 - 11-24 00:00", "11-25 00:00 - 11-26 00:00"],
        ),
        ("always on tue", "2026-11-20 12:00", "2026-11-25 00:00", ["11-24 00:00 - 11-25 00:00"]),
        # once and cron hold on whatever day they name
        ("once 2026-11-24 10:00", "2026-11-01 00:00", "2026-12-01 00:00", ["11-24 10:00 - 11-25 09:00"]),
        ("once 2026-11-24 10:00 on trading days", "2026-11-01 00:00", "2026-12-01 00:00", []),
        ("cron 0 9 * * 2", "2026-11-20 00:00", "2026-12-01 08:59", ["11-24 09:00 - 11-25 09:00"]),
        (
            "cron 0 9 * * 1-5 on trading days",
            "2026-11-23 00:00",
            "2026-11-25 09:00",
            ["11-23 09:00 - 11-25 09:00", "11-25 09:00 - 11-26 09:00"],
        ),
        (
            "cron 30 0 1 * *",
            "2026-10-01 00:31",
            "2026-12-01 00:30",
            ["11-01 00:30 - 11-02 09:00", "12-01 00:30 - 09:00"],
        ),
        ("cron 0 30 9 * * 1", "2026-11-23 00:00", "2026-11-24 00:00", ["11-23 09:30 - 11-25 09:00"]),
        ("cron 0,20 9 * * 1", "2026-11-23 09:00", "2026-11-24 00:00", ["11-23 09:20 - 11-25 09:00"]),
        # relative to the market: the closing auction counts, the post-close session does not
        ("15 minutes before open", "2026-11-23 00:00", "2026-11-24 23:59", ["11-23 09:00 - 11-25 09:00"]),
        ("at pre-open", "2026-11-23 00:00", "2026-11-24 23:59", ["11-23 09:00 - 11-25 09:00"]),
        ("30 minutes after close", "2026-11-23 00:00", "2026-11-24 23:59", ["11-23 16:05 - 11-25 09:00"]),
        ("at close on trading days of NFO", "2026-11-23 00:00", "2026-11-24 23:59", ["11-23 15:40 - 11-25 09:00"]),
        (
            "at close on trading days of NSE_EQ_NOFO",
            "2026-11-23 00:00",
            "2026-11-24 23:59",
            ["11-23 15:30 - 11-25 09:00"],
        ),
        ("at open on all days", "2026-11-21 00:00", "2026-11-24 23:59", ["11-23 09:15 - 11-25 09:00"]),
        ("12 hours before open", "2026-11-20 21:15", "2026-11-23 21:15", ["11-22 21:15 - 11-23 09:00"]),
        (
            "12 hours after close",
            "2026-11-20 15:35",
            "2026-11-24 03:35",
            ["11-21 03:35 - 11-23 09:00", "11-24 03:35 - 11-25 09:00"],
        ),
        (
            "from 15 minutes before open to 10 minutes after close",
            "2026-11-23 00:00",
            "2026-11-24 23:59",
            ["11-23 09:00 - 15:45"],
        ),
        ("from 12:00 to close", "2026-11-23 00:00", "2026-11-24 23:59", ["11-23 12:00 - 15:35"]),
        ("from close to 18:00", "2026-11-23 00:00", "2026-11-24 23:59", ["11-23 15:35 - 18:00"]),
        ("from 16:00 to close", "2026-11-23 00:00", "2026-11-24 23:59", []),
        ("from open to open", "2026-11-23 00:00", "2026-11-24 23:59", []),
        # MCX holds only its evening on that holiday
        ("at open on trading days of MCX", "2026-11-24 00:00", "2026-11-24 23:59", ["11-24 17:00 - 11-25 09:00"]),
        ("at close on trading days of MCX", "2026-11-24 00:00", "2026-11-24 23:59", ["11-24 23:55 - 11-25 09:00"]),
        # special Sunday of the Budget, special Saturday before
        ("at 09:00", "2026-01-31 00:00", "2026-02-02 00:00", ["02-01 09:00 - 02-02 09:00"]),
        ("at open", "2026-01-31 00:00", "2026-02-02 00:00", ["02-01 09:15 - 02-02 09:00"]),
        ("at 18:00", "2025-01-31 18:00", "2025-02-03 00:00", ["02-01 18:00 - 02-03 09:00"]),
        # Muhurat: only for those who ask for it, by its own hours
        ("at 18:00", "2026-11-07 00:00", "2026-11-09 00:00", []),
        (
            "at 18:00 on trading days with muhurat",
            "2026-11-07 00:00",
            "2026-11-09 00:00",
            ["11-08 18:00 - 11-09 09:00"],
        ),
        (
            "15 minutes before pre-open on trading days with muhurat",
            "2026-11-07 00:00",
            "2026-11-09 00:00",
            ["11-08 18:00 - 11-09 08:45"],
        ),
        (
            "from open to close on trading days with muhurat",
            "2026-11-07 00:00",
            "2026-11-09 00:00",
            ["11-08 18:15 - 19:15"],
        ),
        ("from open to close", "2026-11-07 00:00", "2026-11-09 00:00", []),
        ("at open on all days", "2026-11-07 00:00", "2026-11-09 00:00", ["11-08 18:15 - 11-09 09:00"]),
        # past the end of coverage every weekday counts: a job on a holiday is the smaller harm
        (
            "at 16:00",
            "2026-12-31 00:00",
            "2027-01-04 23:59",
            ["12-31 16:00 - 01-01 09:00", "01-01 16:00 - 01-04 09:00", "01-04 16:00 - 01-05 09:00"],
        ),
        (
            "at close",
            "2026-12-31 00:00",
            "2027-01-03 00:00",
            ["12-31 15:40 - 01-01 09:00", "01-01 15:40 - 01-04 09:00"],
        ),
    ],
)
def test_it_comes_when_it_should_and_is_too_late_when_it_should(
    text: str, since: str, until: str, expected: list[str]
) -> None:
    assert dues(text, since, until) == expected


def test_a_half_day_ends_early_and_an_evening_begins_late() -> None:
    schedule = written("from open to close", "SMALL", SMALL)
    found = due_between(schedule, at("2026-05-12 12:00"), at("2026-05-14 23:59"), SMALL)
    assert [told(due) for due in found] == ["05-13 09:15 - 13:00", "05-14 14:00 - 15:30"]
    before = next_due(written("at pre-open", "SMALL", SMALL), at("2026-05-14 00:00"), SMALL)
    assert before is not None
    assert told(before) == "05-14 14:00 - 05-15 09:00"


@pytest.mark.parametrize(
    ("text", "lasts"),
    [("at 10:00", False), ("every 5m", False), ("cron 0 9 * * *", False), ("between 09:15 and 15:30", True)],
)
def test_a_window_is_told_from_a_point(text: str, *, lasts: bool) -> None:
    schedule, since = written(text), at("2026-11-20 00:00")
    found = due_between(schedule, since, at("2026-11-26 00:00"), BOOK)
    assert len(found) > 2
    assert {due.lasts for due in found} == {lasts}
    coming = next_due(schedule, since, BOOK)
    assert coming is not None
    assert coming.lasts is lasts
    assert (open_window(schedule, at("2026-11-20 10:00"), BOOK) is not None) is lasts
    assert FOREVER.lasts


def test_what_is_no_window_says_so_and_two_of_one_time_are_the_same_either_way() -> None:
    point = Due(at("2026-11-20 10:00"), at("2026-11-20 11:00"))
    assert not point.lasts
    assert point == Due(point.at, point.until, lasts=True)
    opened = open_window(written("between 09:15 and 15:30"), at("2026-11-20 10:00"), BOOK)
    assert opened is not None
    assert opened.lasts
