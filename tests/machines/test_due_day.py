"""What a day makes of a schedule: clock changes, what is next, what is open, and why there is nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import settings

from schedules import BOOK, IST, LONDON, NEW_YORK, at, told, written
from tradewarden.machines.due import FOREVER, Due, due_between, is_for_ever, is_window, next_due, open_window, why_not
from tradewarden.machines.due_day import points, span
from tradewarden.machines.schedule_words import FORMS

FEW = settings(max_examples=150, deadline=None)


# Clock changes


@pytest.mark.parametrize(
    ("zone", "text", "since", "until", "expected"),
    [
        # London springs forward at 01:00 of 2026-03-29, a Sunday
        (LONDON, "at 01:30 on sun", "2026-03-29 00:00", "2026-03-29 23:00", ["03-29 02:00"]),
        (LONDON, "at 00:59 on sun", "2026-03-29 00:00", "2026-03-29 23:00", ["03-29 00:59"]),
        (LONDON, "at 01:00 on sun", "2026-03-29 00:00", "2026-03-29 23:00", ["03-29 02:00"]),
        (LONDON, "at 02:00 on sun", "2026-03-29 00:00", "2026-03-29 23:00", ["03-29 02:00"]),
        (
            LONDON,
            "hourly at :30 on sun",
            "2026-03-29 00:00",
            "2026-03-29 03:00",
            ["03-29 00:30", "03-29 02:00", "03-29 02:30"],
        ),
        (LONDON, "hourly at :00 on sun", "2026-03-29 00:01", "2026-03-29 03:00", ["03-29 02:00", "03-29 03:00"]),
        (
            LONDON,
            "every 30m between 00:30 and 02:30 on sun",
            "2026-03-29 00:00",
            "2026-03-29 09:00",
            ["03-29 00:30", "03-29 02:00", "03-29 02:30"],
        ),
        (LONDON, "cron 30 1 * * 0", "2026-03-29 00:00", "2026-03-29 09:00", ["03-29 02:00"]),
        (LONDON, "cron 0,30 1,2 * * 0", "2026-03-29 00:00", "2026-03-29 09:00", ["03-29 02:00", "03-29 02:30"]),
        (
            LONDON,
            "cron */30 * * * 0",
            "2026-03-29 00:00",
            "2026-03-29 02:30",
            ["03-29 00:30", "03-29 02:00", "03-29 02:30"],
        ),
        # and back at 02:00 of 2026-10-25: 01:00 to 02:00 is there twice
        (LONDON, "at 01:30 on sun", "2026-10-25 00:00", "2026-10-25 23:00", ["10-25 01:30"]),
        (
            LONDON,
            "hourly at :30 on sun",
            "2026-10-25 00:00",
            "2026-10-25 03:00",
            ["10-25 00:30", "10-25 01:30", "10-25 02:30"],
        ),
        (
            LONDON,
            "every 30m between 00:30 and 02:00 on sun",
            "2026-10-25 00:00",
            "2026-10-25 09:00",
            ["10-25 00:30", "10-25 01:00", "10-25 01:30", "10-25 01:00", "10-25 01:30", "10-25 02:00"],
        ),
        (LONDON, "cron 30 1 * * 0", "2026-10-25 00:00", "2026-10-25 09:00", ["10-25 01:30"]),
        (
            LONDON,
            "cron */30 * * * 0",
            "2026-10-25 00:30",
            "2026-10-25 02:00",
            ["10-25 01:00", "10-25 01:30", "10-25 01:00", "10-25 01:30", "10-25 02:00"],
        ),
        # New York at 02:00 of 2026-03-08 and of 2026-11-01
        (NEW_YORK, "at 02:30 on sun", "2026-03-08 00:00", "2026-03-08 23:00", ["03-08 03:00"]),
        (NEW_YORK, "at 01:30 on sun", "2026-11-01 00:00", "2026-11-01 23:00", ["11-01 01:30"]),
        (
            NEW_YORK,
            "hourly at :15 between 01:00 and 03:00 on sun",
            "2026-11-01 00:00",
            "2026-11-01 23:00",
            ["11-01 01:15", "11-01 02:15"],
        ),
    ],
)
def test_a_skipped_time_comes_right_after_the_gap_and_a_doubled_one_once(
    zone: object, text: str, since: str, until: str, expected: list[str]
) -> None:
    here = LONDON if zone is LONDON else NEW_YORK
    schedule = written(f"{text}{' on all days' * ('cron' in text)} in {here.key}")
    found = due_between(schedule, at(since, here), at(until, here), BOOK)
    assert [f"{due.at.astimezone(here):%m-%d %H:%M}" for due in found] == expected
    assert [due.at for due in found] == sorted({due.at for due in found})


def test_a_window_over_a_clock_change_is_an_hour_shorter_or_longer() -> None:
    schedule = written("between 00:30 and 03:30 on sun in Europe/London")
    spring = next_due(schedule, at("2026-03-28 12:00", LONDON), BOOK)
    autumn = next_due(schedule, at("2026-10-24 12:00", LONDON), BOOK)
    assert spring is not None
    assert autumn is not None
    assert (spring.until - spring.at, autumn.until - autumn.at) == (timedelta(hours=2), timedelta(hours=4))
    begins_in_gap = next_due(
        written("between 01:15 and 01:45 on sun in Europe/London"), at("2026-03-28 12:00", LONDON), BOOK
    )
    assert begins_in_gap is not None
    assert told(begins_in_gap, LONDON) == "04-05 01:15 - 01:45"  # on the 29th there is no such time at all


def test_new_yorks_hours_move_against_the_desks_clock() -> None:
    schedule = written("at open on trading days of OANDA")
    assert [
        f"{due.at.astimezone(IST):%m-%d %H:%M}"
        for due in due_between(schedule, at("2026-10-30 00:00"), at("2026-11-02 23:00"), BOOK)
    ] == ["10-30 09:30", "11-02 03:33", "11-02 10:30"]


# What is next, what is open, and why not


def test_what_comes_next_is_the_first_of_what_comes() -> None:
    found = next_due(written("at 16:00"), at("2026-11-20 16:00"), BOOK)
    assert found == Due(at("2026-11-23 16:00"), at("2026-11-25 09:00"))
    assert found.at.tzinfo is UTC
    assert found.until.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["once 2026-11-20 16:00", "cron 0 9 29 2 *", "from close to open", "always", "after analysis ended"],
)
def test_what_does_not_come_within_sight_is_none(text: str) -> None:
    assert next_due(written(text), at("2026-11-20 16:00"), BOOK) is None


def test_what_comes_within_400_days_is_seen() -> None:
    found = next_due(written("once 2027-12-25 16:29"), at("2026-11-20 16:30"), BOOK)
    assert found is not None
    assert next_due(written("once 2027-12-25 16:31"), at("2026-11-20 16:30"), BOOK) is None


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        ("between 09:15 and 15:30", "2026-11-20 09:14", None),
        ("between 09:15 and 15:30", "2026-11-20 09:15", "11-20 09:15 - 15:30"),
        ("between 09:15 and 15:30", "2026-11-20 15:29", "11-20 09:15 - 15:30"),
        ("between 09:15 and 15:30", "2026-11-20 15:30", None),
        ("between 09:15 and 15:30", "2026-11-24 12:00", None),
        ("between 22:00 and 02:00", "2026-11-21 01:59", "11-20 22:00 - 11-21 02:00"),
        ("between 22:00 and 02:00", "2026-11-21 22:00", None),
        ("from 12 hours before open to close", "2026-11-22 23:00", "11-22 21:15 - 11-23 15:35"),
        ("from open to 12 hours after close", "2026-11-21 03:34", "11-20 09:15 - 11-21 03:35"),
        (
            "from 12 hours before open to 12 hours after close on mon, tue, wed",
            "2026-12-01 22:00",
            "12-01 21:15 - 12-03 03:35",
        ),
        ("always on mon", "2026-11-23 23:59", "11-23 00:00 - 11-24 00:00"),
        ("always on mon", "2026-11-24 00:00", None),
        ("at 16:00", "2026-11-20 16:00", None),
        ("every 5m", "2026-11-20 16:00", None),
        ("after analysis ended", "2026-11-20 16:00", None),
    ],
)
def test_a_window_is_open_from_its_begin_to_just_before_its_end(text: str, now: str, expected: str | None) -> None:
    found = open_window(written(text), at(now), BOOK)
    assert (found and told(found)) == expected


def test_always_is_one_window_that_neither_opens_nor_closes() -> None:
    assert open_window(written("always"), at("2026-11-22 12:00"), BOOK) is FOREVER
    assert open_window(written("always on sun"), at("2026-11-22 12:00"), BOOK) is not FOREVER
    assert (FOREVER.at, FOREVER.until) == (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("text", FORMS)
def test_windows_are_kept_up_and_points_are_not(text: str) -> None:
    assert is_window(written(text)) == (text.split(maxsplit=1)[0] in ("always", "between", "from"))
    assert is_for_ever(written(text)) == (text == "always")
    assert not is_for_ever(written(f"{text} on mon"))


@pytest.mark.parametrize(
    ("text", "day", "why"),
    [
        ("at 16:00", "2026-11-23", None),
        ("at 16:00", "2026-11-24", "2026-11-24 is a holiday of NSE_EQ: Prakash Gurpurb Sri Guru Nanak Dev"),
        ("at 16:00", "2026-11-22", "2026-11-22 is a Sunday, and NSE_EQ does not trade"),
        ("at 16:00", "2026-11-08", "2026-11-08 is a day with only the Muhurat session of NSE_EQ"),
        ("at 16:00 on trading days with muhurat", "2026-11-08", None),
        ("at 16:00 on all days", "2026-11-24", None),
        ("at 16:00 on mon, wed", "2026-11-24", "2026-11-24 is a Tuesday; it runs on mon, wed only"),
        ("at 16:00 on tue", "2026-11-24", None),
        ("at open on tue", "2026-11-24", "2026-11-24 is a holiday of NSE_EQ: Prakash Gurpurb Sri Guru Nanak Dev"),
        (
            "from open to close on tue",
            "2026-11-24",
            "2026-11-24 is a holiday of NSE_EQ: Prakash Gurpurb Sri Guru Nanak Dev",
        ),
        ("between 09:00 and 10:00 on tue", "2026-11-24", None),
        ("at open on trading days of MCX", "2026-11-24", None),
        ("from 16:00 to close", "2026-11-23", "on 2026-11-23 it would end at 15:35, before it begins at 16:00"),
        ("from open to open", "2026-11-23", "on 2026-11-23 it would end at 09:15, before it begins at 09:15"),
        ("once 2026-11-24 10:00", "2026-11-24", None),
        ("once 2026-11-24 10:00", "2026-11-23", "once 2026-11-24 10:00 does not come on 2026-11-23"),
        ("cron 0 9 * * 2", "2026-11-24", None),
        ("cron 0 0 * * 2", "2026-11-24", None),
        ("cron 59 23 * * 2", "2026-11-24", None),
        ("cron 0 9 * * 2", "2026-11-23", "cron 0 9 * * 2 does not come on 2026-11-23"),
        ("after analysis succeeded", "2026-11-23", None),
        ("after analysis succeeded", "2026-11-22", "2026-11-22 is a Sunday, and NSE_EQ does not trade"),
        ("always", "2026-11-22", None),
        ("12 hours before open", "2026-11-23", None),
    ],
)
def test_a_day_without_a_run_has_its_reason(text: str, day: str, why: str | None) -> None:
    assert why_not(written(text), date.fromisoformat(day), BOOK) == why


@pytest.mark.parametrize("text", ["always", "between 09:00 and 10:00", "from open to close", "after analysis ended"])
def test_what_is_no_point_has_none(text: str) -> None:
    day = date(2026, 11, 23)
    assert list(points(written(text), day, at("2026-11-01 00:00"), BOOK)) == []
    assert (span(written(text), day, BOOK) is None) == text.startswith("after")


def test_what_is_no_window_has_none() -> None:
    assert span(written("at 16:00"), date(2026, 11, 23), BOOK) is None


def test_a_day_lasts_to_its_last_second() -> None:
    schedule = written("every 1s on mon")
    found = due_between(schedule, at("2026-11-23 23:59:57"), at("2026-11-24 12:00"), BOOK)
    assert [f"{due.at.astimezone(IST):%d %H:%M:%S}" for due in found] == ["23 23:59:58", "23 23:59:59"]


def test_cron_at_midnight_comes_on_the_day_of_a_clock_change_too() -> None:
    schedule = written("cron 0 0 * * * in Europe/London")
    found = due_between(schedule, at("2026-03-28 12:00", LONDON), at("2026-03-30 12:00", LONDON), BOOK)
    assert [f"{due.at.astimezone(LONDON):%m-%d %H:%M}" for due in found] == ["03-29 00:00", "03-30 00:00"]


def test_cron_at_midnight_comes_each_day() -> None:
    found = due_between(written("cron 0 0 * * *"), at("2026-11-22 00:00"), at("2026-11-26 00:00"), BOOK)
    assert [due.at.astimezone(IST).day for due in found] == [23, 24, 25, 26]
    seconds = due_between(written("cron 59,0 59,0 23,0 * * *"), at("2026-11-22 23:59"), at("2026-11-23 00:00"), BOOK)
    assert [f"{due.at.astimezone(IST):%H:%M:%S}" for due in seconds] == ["23:59:59", "00:00:00"]
