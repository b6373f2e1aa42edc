"""The shipped calendar by date, and what holds of every day of it."""

from __future__ import annotations

import timeit
import tracemalloc
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewarden.machines.calendar import BRIDGE, LEAD, Calendar, Moment, most_expected
from tradewarden.machines.calendar_file import parse
from tradewarden.orchestrator.calendar import load_calendar

CALENDAR = load_calendar()
IST = ZoneInfo("Asia/Kolkata")
DESK = ["NSE_EQ", "NFO"]
MINUTE = timedelta(minutes=1)

CLOSED_2025 = "02-26 03-14 03-31 04-10 04-14 04-18 05-01 08-15 08-27 10-02 10-21 10-22 11-05 12-25"
CLOSED_2026 = "01-15 01-26 03-03 03-26 03-31 04-03 04-14 05-01 05-28 06-26 09-14 10-02 10-20 11-10 11-24 12-25"

OLD_PRE_OPEN = ["09:00 pre_open.entry", "09:07 pre_open.random_close", "09:08 pre_open.match", "09:12 pre_open.buffer"]
NEW_PRE_OPEN = [
    "09:00 pre_open.entry",
    "09:05 pre_open.limit_only",
    "09:08 pre_open.random_close",
    "09:10 pre_open.match",
    "09:12 pre_open.buffer",
]
FIRST_CLOSING_AUCTION = [
    "09:15 live.continuous",
    "15:15 closing_auction.reference",
    "15:20 closing_auction.entry",
    "15:25 closing_auction.limit_only",
    "15:28 closing_auction.random_close",
    "15:30 closing_auction.match",
    "15:35 post_close.wait",
]
SECOND_CLOSING_AUCTION = [
    "09:15 live.continuous",
    "15:30 closing_auction.reference",
    "15:31 closing_auction.entry",
    "15:36 closing_auction.limit_only",
    "15:38 closing_auction.random_close",
    "15:40 post_close.wait",
]
OLD_EVENING = ["09:15 live.continuous", "15:30 post_close.wait", "15:40 post_close.post_close", "16:00 closed.night"]
NEW_EVENING = ["15:50 post_close.post_close", "16:00 closed.night"]

segments = st.sampled_from(sorted(CALENDAR.segments))
days = st.dates(date(2024, 12, 25), date(2027, 1, 10))
moments = st.datetimes(datetime(2024, 12, 25), datetime(2027, 1, 10)).map(lambda when: when.replace(tzinfo=IST))  # noqa: DTZ001 (the zone is put on right here)


def ist(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=IST)


def at(segment: str, text: str) -> Moment:
    return CALENDAR.at(segment, ist(text))


def phases_of(segment: str, day: str) -> list[str]:
    """The day as people write it down: the begin and the name of each phase, and when it ends."""
    when, told = ist(f"{day} 00:00"), []
    while (found := CALENDAR.next_change(segment, when)) and found[0].date() == when.date():
        when, moment = found
        told.append(f"{when:%H:%M} {moment.state}.{moment.phase}")
    return told


@pytest.mark.parametrize(
    ("segment", "when", "state", "session", "reason"),
    [
        ("NSE_EQ", "2026-05-28 11:00", "closed", None, "Bakri Id"),
        ("NFO", "2026-05-28 11:00", "closed", None, "Bakri Id"),
        ("NSE_EQ", "2026-04-06 11:00", "live", "regular", None),
        ("NSE_EQ", "2026-01-15 11:00", "closed", None, "Municipal Corporation Election in Maharashtra"),
        ("NSE_EQ", "2026-02-01 11:00", "live", "special", "Union Budget"),
        ("NFO", "2026-02-01 11:00", "live", "special", "Union Budget"),
        ("NSE_EQ", "2025-02-01 11:00", "live", "special", "Union Budget"),
        ("NSE_EQ", "2026-11-08 18:30", "live", "muhurat", "Muhurat trading (provisional)"),
        ("NFO", "2026-11-08 18:30", "live", "muhurat", "Muhurat trading (provisional)"),
        ("NSE_EQ", "2026-11-08 11:00", "closed", "muhurat", "Diwali Laxmi Pujan"),
        ("NSE_EQ", "2026-11-08 19:15", "closed", "muhurat", "Diwali Laxmi Pujan"),
        ("NSE_EQ", "2025-10-21 11:00", "closed", "muhurat", "Diwali Laxmi Pujan"),
        ("NSE_EQ", "2025-10-21 13:40", "pre_open", "muhurat", "Muhurat trading"),
        ("NFO", "2025-10-21 13:40", "closed", "muhurat", "Diwali Laxmi Pujan"),
        ("NFO", "2025-10-21 14:00", "live", "muhurat", "Muhurat trading"),
        ("NSE_EQ", "2026-11-21 11:00", "closed", None, "weekend"),
        ("NSE_EQ", "2026-11-23 08:59", "closed", "regular", None),
        ("NSE_EQ", "2026-11-23 09:14", "pre_open", "regular", None),
        ("NSE_EQ", "2026-07-31 15:20", "live", "regular", None),
        ("NSE_EQ", "2026-08-03 15:20", "closing_auction", "regular", None),
        ("NSE_EQ", "2026-12-07 15:20", "live", "regular", None),
        ("NSE_EQ", "2026-12-07 15:39", "closing_auction", "regular", None),
        ("NSE_EQ_NOFO", "2026-08-03 15:20", "live", "regular", None),
        ("NFO", "2026-07-31 15:30", "closed", "regular", None),
        ("NFO", "2026-11-20 15:36", "live", "regular", None),
        ("NFO", "2026-11-20 15:40", "closed", "regular", None),
        ("NFO", "2026-12-07 15:44", "live", "regular", None),
        ("NFO", "2026-12-07 15:45", "closed", "regular", None),
        ("NFO", "2025-12-05 09:05", "closed", "regular", None),
        ("NFO", "2025-12-08 09:05", "pre_open", "regular", None),
        ("CDS", "2026-08-26 11:00", "closed", None, "Id-E-Milad"),
        ("NSE_EQ", "2026-08-26 11:00", "live", "regular", None),
        ("NSE_EQ", "2024-12-31 11:00", "unknown", None, "calendar begins 2025-01-01"),
        ("NSE_EQ", "2027-01-04 11:00", "unknown", None, "calendar ends 2026-12-31"),
        ("NSE_EQ", "2027-01-02 11:00", "unknown", None, "calendar ends 2026-12-31"),
    ],
)
def test_the_calendar_knows_the_days_that_others_got_wrong(
    segment: str, when: str, state: str, session: str | None, reason: str | None
) -> None:
    moment = at(segment, when)
    assert (moment.state, moment.session, moment.reason) == (state, session, reason)


@pytest.mark.parametrize(("year", "closed"), [(2025, CLOSED_2025), (2026, CLOSED_2026)])
@pytest.mark.parametrize("segment", ["NSE_EQ", "NFO"])
def test_exactly_the_listed_weekdays_are_holidays_and_every_one_has_a_name(
    segment: str, year: int, closed: str
) -> None:
    found = []
    for ordinal in range(date(year, 1, 1).toordinal(), date(year + 1, 1, 1).toordinal()):
        day = date.fromordinal(ordinal)
        moment = CALENDAR.at(segment, datetime(day.year, day.month, day.day, 11, tzinfo=IST))
        if day.weekday() < 5 and moment.state != "live":
            assert moment.phase == "holiday"
            assert moment.reason
            found.append(f"{day:%m-%d}")
    assert " ".join(found) == closed


@pytest.mark.parametrize(
    ("segment", "day", "phases"),
    [
        ("NSE_EQ", "2025-01-01", OLD_PRE_OPEN + OLD_EVENING),
        ("NSE_EQ", "2026-07-31", OLD_PRE_OPEN + OLD_EVENING),
        ("NSE_EQ", "2026-08-03", OLD_PRE_OPEN + FIRST_CLOSING_AUCTION + NEW_EVENING),
        ("NSE_EQ", "2026-09-04", OLD_PRE_OPEN + FIRST_CLOSING_AUCTION + NEW_EVENING),
        ("NSE_EQ", "2026-09-07", NEW_PRE_OPEN + FIRST_CLOSING_AUCTION + NEW_EVENING),
        ("NSE_EQ", "2026-12-04", NEW_PRE_OPEN + FIRST_CLOSING_AUCTION + NEW_EVENING),
        ("NSE_EQ", "2026-12-07", NEW_PRE_OPEN + SECOND_CLOSING_AUCTION + NEW_EVENING),
        ("NSE_EQ", "2026-11-24", []),
        ("NFO", "2025-12-05", ["09:15 live.continuous", "15:30 closed.night"]),
        ("NFO", "2025-12-08", [*OLD_PRE_OPEN, "09:15 live.continuous", "15:30 closed.night"]),
        ("NFO", "2026-07-31", [*OLD_PRE_OPEN, "09:15 live.continuous", "15:30 closed.night"]),
        ("NFO", "2026-08-03", [*OLD_PRE_OPEN, "09:15 live.continuous", "15:40 closed.night"]),
        ("NFO", "2026-09-07", [*NEW_PRE_OPEN, "09:15 live.continuous", "15:40 closed.night"]),
        ("NFO", "2026-12-07", [*NEW_PRE_OPEN, "09:15 live.continuous", "15:45 closed.night"]),
        ("NFO", "2026-11-08", ["18:15 live.continuous", "19:15 closed.holiday"]),
    ],
)
def test_a_day_runs_through_the_phases_of_the_rule_in_force(segment: str, day: str, phases: list[str]) -> None:
    assert phases_of(segment, day) == phases


@pytest.mark.parametrize(
    ("when", "phase", "expected"),
    [
        ("2026-11-23 09:00", "entry", "sparse"),
        ("2026-11-23 09:06", "limit_only", "sparse"),
        ("2026-11-23 09:09", "random_close", "none"),
        ("2026-11-23 09:11", "match", "none"),
        ("2026-11-23 09:14", "buffer", "none"),
        ("2026-11-23 09:15", "continuous", "dense"),
        ("2026-11-23 15:15", "reference", "sparse"),
        ("2026-11-23 15:24", "entry", "sparse"),
        ("2026-11-23 15:27", "limit_only", "sparse"),
        ("2026-11-23 15:29", "random_close", "none"),
        ("2026-11-23 15:34", "match", "none"),
        ("2026-11-23 15:40", "wait", "none"),
        ("2026-11-23 15:50", "post_close", "sparse"),
        ("2026-11-23 16:00", "night", "none"),
        ("2026-11-24 11:00", "holiday", "none"),
        ("2027-01-04 11:00", "past_coverage", "none"),
        ("2024-12-31 11:00", "before_coverage", "none"),
    ],
)
def test_silence_is_judged_only_where_a_phase_makes_data_due(when: str, phase: str, expected: str) -> None:
    moment = at("NSE_EQ", when)
    assert (moment.phase, moment.expected) == (phase, expected)


def test_a_phase_begins_with_its_first_instant_and_ends_before_its_last() -> None:
    assert CALENDAR.at("NSE_EQ", ist("2026-11-23 09:15") - timedelta(microseconds=1)).state == "pre_open"
    assert at("NSE_EQ", "2026-11-23 09:15").state == "live"


def test_friday_evening_looks_forward_to_monday_morning() -> None:
    friday = ist("2026-11-20 16:00")
    assert CALENDAR.next_state("NSE_EQ", friday) == (ist("2026-11-23 09:00"), "pre_open")
    assert ist("2026-11-23 09:00") - friday == timedelta(hours=65)


def test_a_change_is_told_for_the_phase_and_the_reason_too() -> None:
    saturday = ist("2026-11-21 00:00")
    assert CALENDAR.next_change("NSE_EQ", ist("2026-11-20 16:00")) == (
        saturday,
        Moment("closed", "weekend", None, "weekend"),
    )
    found = CALENDAR.next_change("NSE_EQ", ist("2025-10-21 16:00"))  # one holiday follows upon another
    assert found
    assert (found[0], found[1].reason) == (ist("2025-10-22 00:00"), "Diwali-Balipratipada")


@pytest.mark.parametrize(
    ("segment", "when", "then", "state"),
    [
        ("NSE_EQ", "2026-11-23 16:00", "2026-11-25 09:00", "pre_open"),  # over a holiday
        ("NSE_EQ", "2026-11-06 16:00", "2026-11-08 18:15", "live"),  # to a Sunday evening
        ("NSE_EQ", "2026-01-30 16:00", "2026-02-01 09:00", "pre_open"),  # to a Sunday's Budget
        ("NSE_EQ", "2025-12-31 16:00", "2026-01-01 09:00", "pre_open"),  # over the year's end
        ("NFO", "2026-04-02 15:30", "2026-04-06 09:00", "pre_open"),  # over Good Friday and a weekend
        ("NSE_EQ", "2026-12-31 16:00", "2027-01-01 00:00", "unknown"),
        ("NSE_EQ", "2020-06-01 12:00", "2025-01-01 00:00", "closed"),
        ("CDS", "2025-05-10 12:00", "2025-05-13 09:00", "live"),  # over a weekend and Buddha Pournima
        ("MCX", "2026-03-02 23:55", "2026-03-03 17:00", "live"),  # over a closed morning
        ("OANDA", "2026-11-21 03:28", "2026-11-23 03:33", "live"),  # New York's winter: Friday 16:58 to Sunday 17:03
        ("OANDA", "2026-07-11 02:28", "2026-07-13 02:33", "live"),  # New York's summer, an hour earlier in India
        ("KRAKEN", "2024-12-31 12:00", "2025-01-01 05:30", "live"),
    ],
)
def test_the_next_state_is_found_across_nights_holidays_and_years(
    segment: str, when: str, then: str, state: str
) -> None:
    assert CALENDAR.next_state(segment, ist(when)) == (ist(then), state)


def test_past_coverage_no_change_is_promised() -> None:
    assert CALENDAR.next_change("NSE_EQ", ist("2027-01-01 00:00")) is None
    assert CALENDAR.next_state("NSE_EQ", ist("2031-07-01 12:00")) is None


@pytest.mark.parametrize(
    ("segments", "when", "wanted", "change"),
    [
        (["NSE_EQ"], "2026-11-23 08:39", False, "2026-11-23 08:40"),
        (["NSE_EQ"], "2026-11-23 08:40", True, "2026-11-23 16:00"),
        (["NSE_EQ"], "2026-11-23 09:13", True, "2026-11-23 16:00"),  # match and buffer
        (["NSE_EQ"], "2026-11-23 15:45", True, "2026-11-23 16:00"),  # the wait does not close the socket
        (["NSE_EQ"], "2026-11-23 16:00", False, "2026-11-25 08:40"),  # then a holiday
        (["NFO"], "2026-11-23 15:40", False, "2026-11-25 08:40"),
        (["NFO"], "2025-12-05 08:54", False, "2025-12-05 08:55"),  # no pre-open yet: 20 minutes before 09:15
        (DESK, "2026-11-23 15:45", True, "2026-11-23 16:00"),
        (DESK, "2026-11-08 11:00", False, "2026-11-08 17:55"),
        (DESK, "2026-11-08 17:55", True, "2026-11-08 19:15"),
        (DESK, "2026-11-21 11:00", False, "2026-11-23 08:40"),
        (["CDS", "NSE_EQ"], "2026-11-23 16:30", True, "2026-11-23 17:00"),
        (["NSE_EQ"], "2027-01-04 08:40", True, "2027-01-04 16:00"),  # unknown: a weekday's usual hours
        (["NSE_EQ"], "2027-01-04 16:00", False, "2027-01-05 08:40"),
        (["NSE_EQ"], "2027-01-02 11:00", False, "2027-01-04 08:40"),  # unknown, but a Saturday
        (["NSE_EQ"], "2024-12-31 11:00", True, "2024-12-31 16:00"),
        (["NSE_EQ"], "2026-12-31 16:00", False, "2027-01-01 08:40"),
    ],
)
def test_the_feed_is_wanted_from_its_lead_time_to_the_last_data(
    segments: list[str], when: str, *, wanted: bool, change: str
) -> None:
    assert CALENDAR.wanted(segments, ist(when)) is wanted
    assert CALENDAR.next_wanted_change(segments, ist(when)) == ist(change)


def test_lead_and_bridge_are_the_operators_choice() -> None:
    none = timedelta(0)
    assert not CALENDAR.wanted(["NSE_EQ"], ist("2026-11-23 08:59"), none, none)
    assert not CALENDAR.wanted(["NSE_EQ"], ist("2026-11-23 15:45"), none, none)
    assert CALENDAR.wanted(["NSE_EQ"], ist("2026-11-23 15:45"), timedelta(minutes=5), none)  # lead of the post-close
    assert CALENDAR.wanted(["NSE_EQ"], ist("2026-11-22 10:00"), timedelta(hours=23), none)


def odd_hours(*spans: tuple[str, str]) -> Calendar:
    """A segment that trades at these hours of every weekday."""
    phases = ", ".join(f'{{ name = "live.continuous", from = "{begin}", to = "{end}" }}' for begin, end in spans)
    for (_, end), (begin, _) in pairwise(spans):
        pause = f'{{ name = "closed.break", from = "{end}", to = "{begin}" }}'
        phases = phases.replace(f'to = "{end}" }}', f'to = "{end}" }}, {pause}', 1)
    return parse(
        {
            "odd.toml": '[segments.X]\nzone = "Asia/Kolkata"\ncovered_from = 2026-01-01\ncovered_until = 2026-12-31\n'
            f'[[rules]]\nsegments = ["X"]\neffective_from = 2026-01-01\nsource = "a test"\nphases = [{phases}]\n'
        }
    )


def test_a_lull_of_exactly_the_bridge_is_bridged_and_a_longer_one_is_not() -> None:
    lunch = odd_hours(("09:00", "12:00"), ("12:30", "15:00"))
    assert lunch.next_wanted_change(["X"], ist("2026-11-23 10:00")) == ist("2026-11-23 15:00")
    lunch = odd_hours(("09:00", "12:00"), ("12:31", "15:00"))
    assert lunch.next_wanted_change(["X"], ist("2026-11-23 10:00")) == ist("2026-11-23 12:00")
    assert lunch.next_wanted_change(["X"], ist("2026-11-23 12:00")) == ist("2026-11-23 12:11")


def test_a_lead_longer_than_the_lull_leaves_nothing_to_close() -> None:
    lunch, hour = odd_hours(("09:00", "12:00"), ("12:45", "15:00")), timedelta(hours=1)
    assert lunch.wanted(["X"], ist("2026-11-23 12:01"), lead=hour)
    assert lunch.next_wanted_change(["X"], ist("2026-11-23 10:00"), lead=hour) == ist("2026-11-23 15:00")


def test_a_lull_over_midnight_is_bridged_too() -> None:
    night = odd_hours(("00:15", "23:50"))
    assert night.wanted(["X"], ist("2026-11-24 00:05"), lead=MINUTE)
    assert not night.wanted(["X"], ist("2026-11-23 00:05"), lead=MINUTE)  # a Monday: there was no Sunday session
    assert night.next_wanted_change(["X"], ist("2026-11-24 00:05")) == ist("2026-11-27 23:50")


@pytest.mark.parametrize(
    ("segment", "when", "state", "reason"),
    [
        ("MCX", "2026-11-20 23:40", "live", None),  # winter: to 23:55
        ("MCX", "2026-11-20 23:55", "closed", None),
        ("MCX", "2026-10-30 23:40", "closed", None),  # summer: to 23:30
        ("MCX", "2026-11-20 08:50", "pre_open", None),
        ("MCX", "2026-01-01 16:59", "live", "New Year Day"),
        ("MCX", "2026-01-01 17:00", "closed", "New Year Day"),
        ("MCX", "2026-11-10 11:00", "closed", "Diwali-Balipratipada"),
        ("MCX", "2026-11-10 17:00", "live", "Diwali-Balipratipada"),
        ("MCX", "2026-11-10 23:54", "live", "Diwali-Balipratipada"),
        ("MCX", "2026-11-10 23:55", "closed", "Diwali-Balipratipada"),
        ("MCX_AGRI_INTL", "2026-11-10 20:59", "live", "Diwali-Balipratipada"),
        ("MCX_AGRI_INTL", "2026-11-10 21:00", "closed", "Diwali-Balipratipada"),
        ("MCX_AGRI", "2026-11-10 17:30", "closed", "Diwali-Balipratipada"),  # nothing of its day is left
        ("MCX_AGRI", "2026-01-01 11:00", "live", "New Year Day"),
        ("MCX", "2026-01-26 18:00", "closed", "Republic Day"),
        ("MCX", "2026-01-15 16:59", "closed", "Municipal Corporation Election in Maharashtra"),
        ("MCX", "2026-01-15 23:54", "live", "Municipal Corporation Election in Maharashtra"),
        ("MCX", "2026-02-01 16:59", "live", "Union Budget"),  # a Sunday
        ("MCX", "2026-02-01 17:00", "closed", None),
        ("MCX", "2025-10-21 13:50", "live", "Muhurat trading"),
        ("MCX_AGRI", "2026-11-20 17:00", "closed", None),
        ("CDS", "2025-09-05 11:00", "live", None),
        ("CDS", "2025-09-08 11:00", "closed", "Id-E-Milad"),
        ("NSE_EQ", "2025-09-08 11:00", "live", None),
        ("KRAKEN", "2026-12-25 03:00", "live", None),
        ("KRAKEN", "2031-07-01 03:00", "live", None),
        ("OANDA", "2026-11-23 03:32", "closed", None),  # Sunday 17:02 in New York
        ("OANDA", "2026-11-23 03:33", "live", None),
        ("OANDA", "2026-11-24 03:30", "closed", None),  # the daily break
        ("OANDA", "2026-11-24 03:33", "live", None),
        ("OANDA", "2026-07-14 02:30", "closed", None),  # the same break in New York's summer
        ("OANDA", "2026-11-21 12:00", "closed", "weekend"),
        ("OANDA", "2026-12-25 03:27", "live", "Christmas Eve (provisional)"),  # 24 December, 16:57 in New York
        ("OANDA", "2026-12-25 03:33", "closed", None),
        ("OANDA", "2026-12-25 20:00", "closed", "Christmas"),
        ("OANDA", "2025-12-26 03:32", "closed", None),
        ("OANDA", "2025-12-26 03:33", "live", "Christmas (provisional)"),
        ("OANDA", "2026-01-01 03:33", "closed", None),  # 31 December, 17:03 in New York
        ("OANDA", "2026-01-02 03:33", "live", "New Year (provisional)"),
    ],
)
def test_other_markets_keep_their_own_days(segment: str, when: str, state: str, reason: str | None) -> None:
    moment = at(segment, when)
    assert (moment.state, moment.reason) == (state, reason)


def test_the_evening_of_mcx_follows_the_clocks_of_new_york_to_the_day() -> None:
    new_york = ZoneInfo("America/New_York")
    for ordinal in range(date(2025, 1, 1).toordinal(), date(2027, 1, 1).toordinal()):
        day = date.fromordinal(ordinal)
        evening = datetime(day.year, day.month, day.day, 23, 40, tzinfo=IST)
        if CALENDAR.at("MCX", evening - timedelta(minutes=20)).state == "live":
            winter = not evening.astimezone(new_york).dst()
            assert (CALENDAR.at("MCX", evening).state == "live") is winter, day


def test_a_mock_session_opens_nothing_and_makes_nothing_due() -> None:
    saturday = at("NSE_EQ", "2026-10-10 11:00")
    assert saturday == Moment("closed", "mock", "mock", "Mock trading")
    assert not CALENDAR.wanted(DESK, ist("2026-10-10 11:00"))
    assert not CALENDAR.trading_day("NSE_EQ", date(2026, 10, 10), muhurat=True)
    assert CALENDAR.next_state("NSE_EQ", ist("2026-10-09 16:00")) == (ist("2026-10-12 09:00"), "pre_open")


def test_an_evening_only_holiday_is_a_trading_day_and_a_full_one_is_not() -> None:
    assert CALENDAR.trading_day("MCX", date(2026, 11, 10))
    assert not CALENDAR.trading_day("MCX_AGRI", date(2026, 11, 10))
    assert not CALENDAR.trading_day("MCX", date(2026, 1, 26))
    assert CALENDAR.trading_day("OANDA", date(2026, 11, 22))  # a Sunday
    assert not CALENDAR.trading_day("OANDA", date(2026, 11, 21))


@pytest.mark.parametrize(
    ("says", "state", "expected"),
    [
        (None, "live", "dense"),
        ("online", "live", "dense"),
        ("post_only", "live", "sparse"),
        ("cancel_only", "closed", "none"),
        ("maintenance", "closed", "none"),
        ("dancing", "unknown", "none"),
    ],
)
def test_a_venue_without_a_closing_bell_says_itself_where_it_stands(
    says: str | None, state: str, expected: str
) -> None:
    moment = CALENDAR.at("KRAKEN", ist("2026-11-22 03:00"), venue=says)
    assert (moment.state, moment.expected) == (state, expected)


def test_what_a_venue_says_is_no_word_about_a_market_with_hours() -> None:
    assert CALENDAR.at("NSE_EQ", ist("2026-11-23 11:00"), venue="maintenance").state == "live"


@pytest.mark.parametrize(
    ("segment", "day", "source", "status"),
    [
        ("NSE_EQ", "2026-05-28", "NSE/CMTR/71775", "confirmed"),
        ("NSE_EQ", "2026-11-08", "OpenAlgo begins at 18:00", "provisional"),
        ("NSE_EQ", "2026-10-10", "NSE/MSD/71999", "mock"),
        ("MCX", "2026-11-20", "NSE/COM/76446", "confirmed"),
        ("OANDA", "2026-11-21", "oanda.com", "confirmed"),
        ("OANDA", "2026-12-24", "the custom of spot foreign exchange", "provisional"),
    ],
)
def test_every_day_can_say_who_says_so(segment: str, day: str, source: str, status: str) -> None:
    said, how = CALENDAR.told_by(segment, date.fromisoformat(day))
    assert said is not None
    assert source in said
    assert how == status


@pytest.mark.parametrize("day", ["2024-12-31", "2027-01-01", "2027-01-26"])
def test_nobody_says_what_a_day_outside_the_calendar_is(day: str) -> None:
    assert CALENDAR.told_by("NSE_EQ", date.fromisoformat(day)) == (None, "unknown")


def test_the_spans_of_a_day_cover_it_without_a_gap() -> None:
    spans = CALENDAR.spans("MCX", date(2026, 11, 10))
    assert [(f"{span.begin:%H:%M}", span.moment.state) for span in spans] == [
        ("00:00", "closed"),
        ("17:00", "live"),
        ("23:55", "closed"),
    ]
    assert spans[-1].end == ist("2026-11-11 00:00")
    assert all(before.end == after.begin for before, after in pairwise(spans))


def test_a_question_costs_less_than_five_microseconds_and_the_calendar_less_than_five_megabytes() -> None:
    when = ist("2026-11-23 11:00")
    rounds = 1000

    def cost(ask: Callable[[], object]) -> float:
        """Seconds a question, of the quickest of some rounds: the machine may be busy."""
        return min(timeit.repeat(ask, number=rounds, repeat=7)) / rounds

    # on the machine it was written on, in us: 0.6, 0.3, 0.3, 0.4, 0.4
    assert cost(lambda: CALENDAR.at("NSE_EQ", when)) < 5e-6
    assert cost(lambda: CALENDAR.trading_day("MCX", date(2026, 11, 10))) < 5e-6
    assert cost(lambda: CALENDAR.next_state("NSE_EQ", when)) < 5e-6
    assert cost(lambda: CALENDAR.wanted(DESK, when)) < 5e-6
    assert cost(lambda: CALENDAR.next_wanted_change(DESK, when)) < 5e-6
    tracemalloc.start()
    try:
        kept = load_calendar()
        assert tracemalloc.get_traced_memory()[0] < 5e6  # 0.5 MB there
    finally:
        tracemalloc.stop()
    assert kept.segments


def test_a_market_that_never_sleeps_promises_no_end() -> None:
    sessions = "".join(
        f'[[specials]]\nsegments = ["X"]\ndate = {day}\nsession = "regular"\nname = "always"\n'
        'status = "confirmed"\nsource = "a test"\n'
        for day in (date(2026, 1, 1) + timedelta(days=ahead) for ahead in range(365))
    )
    always = parse(
        {
            "always.toml": '[segments.X]\nzone = "UTC"\ncovered_from = 2026-01-01\ncovered_until = 2026-12-31\n'
            '[[rules]]\nsegments = ["X"]\neffective_from = 2026-01-01\nsource = "a test"\n'
            'phases = [{ name = "live.continuous", from = "00:00", to = "24:00" }]\n' + sessions
        }
    )
    assert always.wanted(["X"], ist("2026-06-15 12:00"))
    assert always.next_wanted_change(["X"], ist("2026-06-15 12:00")) is None
    assert always.next_state("X", ist("2026-06-15 12:00")) == (datetime(2027, 1, 1, tzinfo=UTC), "unknown")


def test_without_a_segment_nothing_is_wanted() -> None:
    assert not CALENDAR.wanted([], ist("2026-11-23 11:00"))
    assert CALENDAR.next_wanted_change([], ist("2026-11-23 11:00")) is None


@pytest.mark.parametrize(
    ("day", "trades", "with_muhurat"),
    [
        ("2026-11-23", True, True),
        ("2026-11-24", False, False),
        ("2026-11-21", False, False),
        ("2026-02-01", True, True),
        ("2026-11-08", False, True),
        ("2025-10-21", False, True),
        ("2027-01-04", True, True),  # unknown: rather a job on a holiday than a job that silently never ran
        ("2027-01-02", False, False),
    ],
)
def test_a_muhurat_only_day_is_a_trading_day_for_those_who_ask(day: str, *, trades: bool, with_muhurat: bool) -> None:
    assert CALENDAR.trading_day("NSE_EQ", date.fromisoformat(day)) is trades
    assert CALENDAR.trading_day("NSE_EQ", date.fromisoformat(day), muhurat=True) is with_muhurat


@pytest.mark.parametrize(
    ("day", "problem"),
    [
        ("2024-12-31", "NSE_EQ is covered from 2025-01-01 only"),
        ("2025-01-01", None),
        ("2026-12-01", None),
        ("2026-12-02", "NSE_EQ is covered until 2026-12-31 only; install a newer calendar before"),
        ("2026-12-31", "NSE_EQ is covered until 2026-12-31 only; install a newer calendar before"),
        ("2027-01-01", "NSE_EQ was covered until 2026-12-31; install a newer calendar"),
    ],
)
def test_a_person_is_told_thirty_days_before_the_calendar_ends(day: str, problem: str | None) -> None:
    assert CALENDAR.problem("NSE_EQ", ist(f"{day} 12:00")) == problem
    assert CALENDAR.covered_until("NSE_EQ") == date(2026, 12, 31)


def test_an_unknown_segment_is_named_with_the_known_ones() -> None:
    with pytest.raises(
        LookupError, match=r"no calendar for segment NSE; known: BFO, BSE_EQ, CDS, KRAKEN, MCX, MCX_AGRI,"
    ):
        CALENDAR.at("NSE", ist("2026-11-23 11:00"))


def test_a_time_without_a_zone_is_refused_rather_than_read_in_the_hosts() -> None:
    naive = ist("2026-11-23 11:00").replace(tzinfo=None)
    for ask in (CALENDAR.at, CALENDAR.next_change, CALENDAR.next_state, CALENDAR.problem):
        with pytest.raises(ValueError, match="no time zone"):
            ask("NSE_EQ", naive)
    for ask_feed in (CALENDAR.wanted, CALENDAR.next_wanted_change):
        with pytest.raises(ValueError, match="no time zone"):
            ask_feed(DESK, naive)


def test_the_segment_that_expects_most_data_decides() -> None:
    assert most_expected(["none", "dense", "sparse"]) == "dense"
    assert most_expected(["none", "sparse"]) == "sparse"
    assert most_expected([]) == "none"


shares_of_the_way = st.lists(st.floats(0, 0.999), max_size=20)
zones = st.sampled_from([UTC, ZoneInfo("America/New_York"), ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Europe/London")])


@given(segments, moments, zones | st.integers(-23, 23).map(lambda hours: timezone(timedelta(hours=hours))))
def test_the_zone_in_which_the_question_is_asked_does_not_matter(
    segment: str, when: datetime, zone: timezone | ZoneInfo
) -> None:
    elsewhere = when.astimezone(zone)
    assert CALENDAR.at(segment, elsewhere) == CALENDAR.at(segment, when)
    assert CALENDAR.next_change(segment, elsewhere) == CALENDAR.next_change(segment, when)
    assert CALENDAR.wanted([segment], elsewhere) is CALENDAR.wanted([segment], when)
    assert CALENDAR.next_wanted_change([segment], elsewhere) == CALENDAR.next_wanted_change([segment], when)


@given(segments, days)
def test_the_phases_of_a_day_neither_overlap_nor_leave_gaps(segment: str, day: date) -> None:
    table = CALENDAR.by_segment[segment].day(day)
    assert table.begins[0] == 0
    assert list(table.begins) == sorted(set(table.begins))
    assert table.begins[-1] < 24 * 60 * 60
    rests = {("closed", "night"), ("closed", "holiday"), ("closed", "weekend"), ("closed", "mock")}
    open_at = [
        index
        for index, moment in enumerate(table.moments)
        if moment.state != "unknown" and (moment.state, moment.phase) not in rests
    ]
    assert open_at == list(range(open_at[0], open_at[-1] + 1)) if open_at else True


@given(segments, moments, shares_of_the_way)
def test_until_the_next_change_nothing_changes(segment: str, when: datetime, shares: list[float]) -> None:
    now, found = CALENDAR.at(segment, when), CALENDAR.next_change(segment, when)
    until = found[0] if found else when + timedelta(days=400)
    assert until > when
    for between in [when + (until - when) * share for share in shares] + [until - timedelta(microseconds=1)]:
        assert CALENDAR.at(segment, between) == now
    if found:
        assert CALENDAR.at(segment, until) == found[1] != now


@given(segments, moments)
def test_the_next_state_is_the_first_change_that_alters_the_state(segment: str, when: datetime) -> None:
    state, then = CALENDAR.at(segment, when).state, when
    while (found := CALENDAR.next_change(segment, then)) and found[1].state == state:
        then = found[0]
    assert CALENDAR.next_state(segment, when) == (found and (found[0], found[1].state))


def wanted_by_definition(segments: list[str], when: datetime) -> bool:
    """Minute by minute, as the rule is written: lead, data, bridged lulls."""

    def due(then: datetime) -> bool:
        return any(CALENDAR.at(segment, then).expected != "none" for segment in segments)

    if due(when) or any(due(when + MINUTE * ahead) for ahead in range(1, LEAD // MINUTE + 1)):
        return True
    before = next((back for back in range(1, BRIDGE // MINUTE + 1) if due(when - MINUTE * back)), None)
    after = next((ahead for ahead in range(1, BRIDGE // MINUTE + 1) if due(when + MINUTE * ahead)), None)
    return before is not None and after is not None and before - 1 + after <= BRIDGE // MINUTE


near_a_session = st.builds(
    lambda day, minute: datetime(day.year, day.month, day.day, tzinfo=IST) + MINUTE * minute,
    st.dates(date(2026, 1, 2), date(2026, 12, 30)) | st.sampled_from([date(2026, 2, 1), date(2026, 11, 8)]),
    st.integers(0, 1439) | st.integers(500, 560) | st.integers(900, 1030),
)


@given(st.lists(segments, min_size=1, max_size=3), near_a_session)
def test_wanted_is_what_the_rule_says_minute_by_minute(segments: list[str], when: datetime) -> None:
    assert CALENDAR.wanted(segments, when) is wanted_by_definition(segments, when)


@given(st.lists(segments, min_size=1, max_size=3), moments, shares_of_the_way)
def test_until_the_next_change_the_feed_is_as_wanted_as_now(
    segments: list[str], when: datetime, shares: list[float]
) -> None:
    now, until = CALENDAR.wanted(segments, when), CALENDAR.next_wanted_change(segments, when)
    if until is None:
        assert "KRAKEN" in segments
        return
    assert until > when
    for between in [when + (until - when) * share for share in shares]:
        assert CALENDAR.wanted(segments, between) is now
    assert CALENDAR.wanted(segments, until) is not now


@given(st.lists(segments, min_size=1, max_size=3), moments)
def test_the_feed_is_wanted_whenever_a_segment_expects_data(segments: list[str], when: datetime) -> None:
    if most_expected(CALENDAR.at(segment, when).expected for segment in segments) != "none":
        assert CALENDAR.wanted(segments, when)
