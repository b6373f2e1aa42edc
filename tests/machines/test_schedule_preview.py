"""The next runs of all jobs, with the reason for each gap, and what a month would have had."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from schedules import BOOK, IST, at, told, written
from tradewarden.machines.day_book import Hours
from tradewarden.machines.schedule_preview import Coming, dry_run, preview

DESK = {
    "premarket_retry": [written("at 09:00")],
    "sell_monitor": [written("between 09:15 and 15:30")],
    "weekend": [written("at 10:00 on sat"), written("at 10:00 on sun")],
    "buy_orders": [written("after analysis succeeded")],
    "eod_cleanup": [written("at 18:00")],
}
WEEKEND = "2026-11-21 is a Saturday, and NSE_EQ does not trade; 2026-11-22 is a Sunday, and NSE_EQ does not trade"
HOLIDAY = "2026-11-24 is a holiday of NSE_EQ: Prakash Gurpurb Sri Guru Nanak Dev"


def said(comings: list[Coming]) -> list[str]:
    return [f"{each.at.astimezone(IST):%m-%d %H:%M} {each.job} {each.reason or 'runs'}" for each in comings]


def test_the_next_runs_come_in_the_order_of_time_with_a_reason_for_each_gap() -> None:
    assert said(preview(DESK, at("2026-11-20 15:30"), 7, BOOK)) == [
        "11-20 18:00 eod_cleanup runs",
        f"11-21 00:00 premarket_retry {WEEKEND}",
        f"11-21 00:00 sell_monitor {WEEKEND}",
        f"11-21 00:00 eod_cleanup {WEEKEND}",
        "11-21 10:00 weekend runs",
        "11-22 10:00 weekend runs",
        "11-23 09:00 premarket_retry runs",
        "11-23 09:15 sell_monitor runs",
        "11-23 18:00 eod_cleanup runs",
        f"11-24 00:00 premarket_retry {HOLIDAY}",
        f"11-24 00:00 sell_monitor {HOLIDAY}",
        f"11-24 00:00 eod_cleanup {HOLIDAY}",
        "11-25 09:00 premarket_retry runs",
    ]


class Counted:
    """A book that counts how often it is asked for a day."""

    def __init__(self) -> None:
        self.asked = 0

    def trading_day(self, segment: str, day: date, *, muhurat: bool = False) -> bool:
        self.asked += 1
        return BOOK.trading_day(segment, day, muhurat=muhurat)

    def hours(self, segment: str, day: date) -> Hours | None:
        self.asked += 1
        return BOOK.hours(segment, day)

    def closed_because(self, segment: str, day: date) -> str | None:
        self.asked += 1
        return BOOK.closed_because(segment, day)

    def zone(self, segment: str) -> ZoneInfo:
        return BOOK.zone(segment)


@pytest.mark.parametrize(
    ("text", "most"),
    [("every 1m", 15), ("cron * * * * *", 15), ("hourly at :30", 250), ("at 16:00", 5500), ("at open", 7000)],
)
def test_five_hundred_runs_are_told_without_looking_at_a_day_again_and_again(text: str, most: int) -> None:
    book = Counted()
    found = preview({"job": [written(text)]}, at("2026-11-20 15:30"), 500, book)
    assert sum(each.reason is None for each in found) == 500
    assert book.asked < most


def test_a_gap_that_has_begun_begins_now_and_a_run_says_until_when() -> None:
    found = preview({"eod": [written("at 18:00")]}, at("2026-11-24 12:00"), 1, BOOK)
    assert {each.user for each in found} == {""}, "whoever knows whose it is says so"
    assert found == [
        Coming("eod", at("2026-11-24 12:00"), None, HOLIDAY),
        Coming("eod", at("2026-11-25 18:00"), at("2026-11-26 09:00")),
    ]


def test_several_schedules_of_a_job_fill_each_others_gaps_and_never_run_twice_at_once() -> None:
    schedules = [written("at 18:00"), written("at 18:00 on tue"), written("cron 0 18 * * 1"), written("at open on wed")]
    assert said(preview({"eod": schedules}, at("2026-11-23 12:00"), 3, BOOK)) == [
        "11-23 18:00 eod runs",
        "11-24 18:00 eod runs",
        "11-25 09:15 eod runs",
    ]


def test_a_session_that_is_not_held_is_a_gap_of_a_job_that_goes_by_it_on_any_days() -> None:
    assert said(preview({"a": [written("at open on all days")]}, at("2026-11-23 12:00"), 1, BOOK)) == [
        f"11-24 00:00 a {HOLIDAY}",
        "11-25 09:15 a runs",
    ]
    assert said(preview({"a": [written("from open to close on tue, wed")]}, at("2026-11-24 00:00"), 1, BOOK)) == [
        f"11-24 00:00 a {HOLIDAY}",
        "11-25 09:15 a runs",
    ]


def test_days_off_are_those_of_the_schedules_zone() -> None:
    schedule = written("at 01:00 in America/New_York")
    assert said(preview({"a": [schedule]}, at("2026-11-23 12:00"), 1, BOOK)) == [
        f"11-24 10:30 a {HOLIDAY}",
        "11-25 11:30 a runs",
    ]


def test_nothing_comes_of_what_has_no_time_of_its_own() -> None:
    assert preview({}, at("2026-11-23 12:00"), 5, BOOK) == []
    assert preview({"a": [], "b": [written("always")], "c": DESK["buy_orders"]}, at("2026-11-23 12:00"), 5, BOOK) == []
    assert preview(DESK, at("2026-11-23 12:00"), 0, BOOK) == []
    waits = [written("after analysis succeeded"), written("once 2026-11-25 10:00 on trading days")]
    assert said(preview({"a": waits}, at("2026-11-24 12:00"), 5, BOOK))[1:] == ["11-25 10:00 a runs"]


def test_what_a_stretch_of_time_would_have_had_is_told_in_order() -> None:
    schedules = [written("at 18:00"), written("between 09:15 and 15:30"), written("at 10:00 on sat")]
    found = dry_run(schedules, at("2026-11-20 09:15"), at("2026-11-23 09:15"), BOOK)
    assert [told(due) for due in found] == [
        "11-20 18:00 - 11-23 09:00",
        "11-21 10:00 - 11-23 09:00",
        "11-23 09:15 - 15:30",
    ]
