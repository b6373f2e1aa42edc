"""What holds of every schedule at every moment."""

from __future__ import annotations

import timeit
from datetime import UTC, date, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from schedules import BOOK, IST, ZONES, at, kept_up, moments, timed, written
from tradewarden.machines.due import FOREVER, Due, due_between, is_for_ever, next_due, open_window, upcoming, why_not
from tradewarden.machines.schedule import AllDays, Every, Market, NamedDays, Schedule, TradingDays
from tradewarden.machines.schedule_words import FORMS

FEW = settings(max_examples=150, deadline=None)


# What holds of every schedule


def _held(schedule: Schedule, day: date) -> bool:
    match schedule.days:
        case AllDays():
            return True
        case NamedDays(weekdays):
            return day.weekday() in weekdays
        case TradingDays(muhurat):
            return BOOK.trading_day(schedule.segment, day, muhurat=muhurat)


@given(timed, moments, st.timedeltas(timedelta(), timedelta(days=20)))
@FEW
def test_every_due_time_lies_between_on_a_day_of_its_schedule_and_before_it_is_too_late(
    schedule: Schedule, since: datetime, length: timedelta
) -> None:
    found = due_between(schedule, since, since + length, BOOK)
    assert [due.at for due in found] == sorted({due.at for due in found})
    for due in found:
        assert since < due.at <= since + length
        assert due.at < due.until
        local = due.at.astimezone(schedule.tz).date()
        near = timedelta(days=0 if _stays(schedule) else 1)
        days = [local - near, local, local + near]
        assert any(_held(schedule, day) and why_not(schedule, day, BOOK) is None for day in days)


def _stays(schedule: Schedule) -> bool:
    """Whether its times lie on their own day: neither over midnight nor told by a session elsewhere."""
    rule = schedule.rule
    return not isinstance(rule, Market) and "from" not in str(rule) and getattr(rule, "within", None) is None


@given(timed, moments, st.lists(st.timedeltas(timedelta(), timedelta(days=6)), max_size=3))
@FEW
def test_what_comes_between_is_the_same_at_once_and_piece_by_piece(
    schedule: Schedule, since: datetime, lengths: list[timedelta]
) -> None:
    pieces, begin = [], since
    for length in lengths:
        pieces += due_between(schedule, begin, begin + length, BOOK)
        begin += length
    assert pieces == due_between(schedule, since, begin, BOOK)


@given(timed, moments)
@FEW
def test_the_next_one_is_the_first_of_all_that_come(schedule: Schedule, after: datetime) -> None:
    found = due_between(schedule, after, after + timedelta(days=30), BOOK)
    coming = next_due(schedule, after, BOOK)
    if found:
        assert coming == found[0]
    else:
        assert coming is None or coming.at > after + timedelta(days=30)


@given(timed, moments, st.integers(1, 8))
@FEW
def test_those_that_come_are_each_the_next_one_behind_the_one_before(
    schedule: Schedule, after: datetime, count: int
) -> None:
    found = list(islice(upcoming(schedule, after, BOOK), count))
    one_by_one: list[Due] = []
    while len(one_by_one) < count and (due := next_due(schedule, after, BOOK)) is not None:
        one_by_one.append(due)
        after = due.at
    assert found == one_by_one


def test_what_comes_more_rarely_than_every_400_days_ends_the_list() -> None:
    found = upcoming(written("cron 0 9 29 2,3 *"), at("2026-01-01 00:00"), BOOK)
    assert [f"{due.at.astimezone(IST):%Y-%m-%d}" for due in islice(found, 4)] == [
        "2026-03-29",
        "2027-03-29",
        "2028-02-29",
        "2028-03-29",
    ]
    assert list(upcoming(written("cron 0 9 29 2 *"), at("2028-02-01 00:00"), BOOK)) == [
        Due(at("2028-02-29 09:00"), at("2028-03-01 09:00"))
    ]


_seconds = st.sampled_from(("0", "*/7", "59", "0,30"))
_minutes = st.sampled_from(("*", "*/20", "0", "59", "10-14", "5,50"))
_hours = st.sampled_from(("*", "*/6", "0", "23", "1,2", "9-15"))
_days = st.sampled_from(("* * *", "* * 1-5", "1-7 * *", "L * *", "* 3,10 0", "29 2 *", "1 * 1", "* * 5#2"))


_crons = st.tuples(_seconds, _minutes, _hours, _days).map(" ".join)


@given(_crons, st.sampled_from(ZONES), moments)
@FEW
def test_cron_comes_when_cron_says_on_days_with_a_clock_change_and_without(
    text: str, zone: str, since: datetime
) -> None:
    said = islice(CronSim(text, since.astimezone(ZoneInfo(zone))), 40)
    expected = list(takewhile(lambda each: each <= since + timedelta(days=6), (each.astimezone(UTC) for each in said)))
    found = due_between(written(f"cron {text} in {zone}"), since, since + timedelta(days=6), BOOK)
    assert [due.at for due in found[:40]] == expected


@given(kept_up, moments)
@FEW
def test_a_window_is_open_when_it_has_begun_and_not_ended(schedule: Schedule, now: datetime) -> None:
    found = open_window(schedule, now, BOOK)
    begun = due_between(schedule, now - timedelta(days=4), now, BOOK)
    opened = [due for due in begun if due.until > now]
    assert found == (FOREVER if is_for_ever(schedule) else opened[-1] if opened else None)


@given(timed, moments)
@FEW
def test_a_day_with_a_reason_has_no_run(schedule: Schedule, moment: datetime) -> None:
    day = moment.date()
    if isinstance(schedule.rule, Every):
        return
    begin = datetime(day.year, day.month, day.day, tzinfo=schedule.tz)
    found = due_between(schedule, begin - timedelta(seconds=1), begin + timedelta(hours=23), BOOK)
    if why_not(schedule, day, BOOK) is not None and _stays(schedule) and found:
        assert {due.at.astimezone(schedule.tz).date() for due in found} != {day}


@pytest.mark.parametrize("text", [*FORMS, "every 5s", "cron * * * * *", "hourly at :30 between 22:00 and 02:00"])
def test_an_answer_takes_less_than_a_millisecond(text: str) -> None:
    schedule, now = written(text), at("2026-11-20 16:30")

    def ask() -> object:
        return due_between(schedule, now, now + timedelta(seconds=1), BOOK), next_due(schedule, now, BOOK)

    assert min(timeit.repeat(ask, number=1, repeat=20)) < 0.002  # both, on a machine that does other things too
