"""One segment's days: what is left of a holiday, who says so, what comes next, and what an ordinary night is called."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

import pytest

from tradewarden.machines.segment import WEEKDAYS, Closure, Rule, Segment, Special
from tradewarden.machines.session import MIDNIGHT, Moment, Phase

IST = ZoneInfo("Asia/Kolkata")
HOUR = 3600
OPEN = Phase(9 * HOUR, 16 * HOUR, "live.continuous", "dense")
NIGHT = Moment("closed", "night", "regular")
FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)
MONDAY, SATURDAY = date(2026, 11, 23), date(2026, 11, 21)
NOTHING: Mapping[date, Closure] = MappingProxyType({})


def segment(
    *, closures: Mapping[date, Closure] = NOTHING, specials: Mapping[date, Special] | None = None, until: date = LAST
) -> Segment:
    rule = Rule(FIRST, (OPEN,), "circular 1", WEEKDAYS)
    return Segment(IST, FIRST, until, (rule,), closures, specials or {})


def moment(of: Segment, day: date, hour: int) -> Moment:
    return of.day(day).at(hour * HOUR)


def test_a_full_holiday_leaves_nothing_and_a_half_day_its_part() -> None:
    phases = (Phase(0, 24 * HOUR, "live.online", "dense"),)
    assert Closure("Diwali", "circular 2").left_of(phases) == ()
    (morning,) = Closure("Diwali", "circular 2", open_until=12 * HOUR).left_of(phases)
    assert (morning.begin, morning.end) == (0, 12 * HOUR)
    (evening,) = Closure("Diwali", "circular 2", open_from=17 * HOUR).left_of(phases)
    assert (evening.begin, evening.end) == (17 * HOUR, MIDNIGHT)


@pytest.mark.parametrize(
    ("status", "reason"), [("provisional", "Muhurat (provisional)"), ("confirmed", "Muhurat"), ("mock", "Muhurat")]
)
def test_hours_that_the_exchange_has_not_confirmed_are_told_as_such(status: str, reason: str) -> None:
    assert Special("muhurat", "Muhurat", status, "circular 3", None).reason == reason


def test_who_says_so_is_known_on_a_weekend_too() -> None:
    assert segment().told_by(SATURDAY) == ("circular 1", "confirmed")
    assert segment().told_by(MONDAY) == ("circular 1", "confirmed")
    assert segment().told_by(LAST + timedelta(days=1)) == (None, "unknown")


def test_an_ordinary_day_and_its_night_are_regular() -> None:
    assert moment(segment(), MONDAY, 8) == NIGHT
    assert moment(segment(), MONDAY, 10) == Moment("live", "continuous", "regular", None, "dense")
    assert moment(segment(), MONDAY, 16) == NIGHT


def test_a_half_day_is_a_regular_session_under_its_holidays_name() -> None:
    half = segment(closures={MONDAY: Closure("Diwali", "circular 2", open_until=12 * HOUR)})
    assert moment(half, MONDAY, 10) == Moment("live", "continuous", "regular", "Diwali", "dense")
    assert moment(half, MONDAY, 12) == Moment("closed", "holiday", "regular", "Diwali")


def test_what_begins_in_this_moment_is_no_change_any_more() -> None:
    opens = datetime(2026, 11, 23, 9, tzinfo=IST)
    later = [when for when, _ in segment().changes_after(opens)]
    assert later[0] == opens.replace(hour=16)
    before = [when for when, _ in segment().changes_after(opens - timedelta(seconds=1))]
    assert before[0] == opens


def test_nothing_is_told_of_days_after_the_first_that_is_unknown() -> None:
    changes = list(segment(until=MONDAY).changes_after(datetime(2026, 11, 23, 9, tzinfo=IST)))
    assert [(when.day, told.state) for when, told in changes] == [(23, "closed"), (24, "unknown")]


def test_the_days_outside_coverage_say_on_which_side_they_lie() -> None:
    assert moment(segment(), FIRST - timedelta(days=1), 10) == Moment(
        "unknown", "before_coverage", None, "calendar begins 2026-01-01"
    )
    assert moment(segment(), LAST + timedelta(days=1), 10) == Moment(
        "unknown", "past_coverage", None, "calendar ends 2026-12-31"
    )


def test_a_day_outside_coverage_is_what_it_is_whichever_was_asked_before() -> None:
    longer = Phase(8 * HOUR, 20 * HOUR, "live.continuous", "dense")
    rules = Rule(FIRST, (OPEN,), "circular 1", WEEKDAYS), Rule(date(2028, 1, 1), (longer,), "circular 2", WEEKDAYS)

    def new() -> Segment:
        return Segment(IST, FIRST, LAST, rules, {}, {})

    used = new()
    days = [date(year, month, day) for year in (2025, 2027, 2028, 2029) for month in (1, 6) for day in range(1, 8)]
    for day in (*days, *days[::-1]):
        assert used.day(day) == new().day(day)
    assert used == new()
    assert used.day(date(2027, 6, 1)) is used.day(date(2027, 6, 8)), "it is made once"
    assert "_beyond" not in repr(used)
