"""What people write is read as it is meant; what cannot be read is answered with what can."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schedules import SEGMENTS, schedules, written
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
    Rule,
    Schedule,
    Stretch,
    TradingDays,
)
from tradewarden.machines.schedule_words import ENDINGS, FORMS, parse

OFFICE = Between(time(9), time(16))
EARLY = Market(Anchor.OPEN, timedelta(minutes=-15))
LATE = Market(Anchor.CLOSE, timedelta(minutes=10))


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("always", Always()),
        ("between 09:15 and 15:30", Between(time(9, 15), time(15, 30))),
        ("between 22:00 and 02:00", Between(time(22), time(2))),
        ("between 22:00 and 00:00", Between(time(22), time(0))),
        ("at 16:00", At(time(16))),
        ("at 9:05", At(time(9, 5))),
        ("at 09:05:30", At(time(9, 5, 30))),
        ("at 9:05:30", At(time(9, 5, 30))),
        ("hourly at :30", Hourly(30)),
        ("hourly at :00", Hourly(0)),
        ("hourly at :59", Hourly(59)),
        ("hourly at :30 between 09:00 and 16:00", Hourly(30, OFFICE)),
        ("every 5m", Every(300)),
        ("every 5 minutes", Every(300)),
        ("every 1 minute", Every(60)),
        ("every 90s", Every(90)),
        ("every 1s", Every(1)),
        ("every 24h", Every(86_400)),
        ("every 2 hours between 09:00 and 16:00", Every(7200, OFFICE)),
        ("once 2026-11-24 10:00", Once(datetime(2026, 11, 24, 10))),  # noqa: DTZ001 (the schedule says the zone)
        ("once 2026-11-24T10:00", Once(datetime(2026, 11, 24, 10))),  # noqa: DTZ001
        ("cron 0 9 * * 1-5", Cron("0 9 * * 1-5")),
        ("cron 0,30 9 * * mon,wed", Cron("0,30 9 * * mon,wed")),
        ("cron */10 0 9 * * 1-5", Cron("*/10 0 9 * * 1-5")),
        ("15 minutes before open", EARLY),
        ("15m before open", EARLY),
        ("30 minutes after close", Market(Anchor.CLOSE, timedelta(minutes=30))),
        ("1 hour after close", Market(Anchor.CLOSE, timedelta(hours=1))),
        ("12 hours before open", Market(Anchor.OPEN, timedelta(hours=-12))),
        ("90 seconds before pre-open", Market(Anchor.PRE_OPEN, timedelta(seconds=-90))),
        ("at pre-open", Market(Anchor.PRE_OPEN)),
        ("at open", Market(Anchor.OPEN)),
        ("at close", Market(Anchor.CLOSE)),
        ("from 15 minutes before open to 10 minutes after close", Stretch(EARLY, LATE)),
        ("from 09:00 to close", Stretch(time(9), Market(Anchor.CLOSE))),
        ("from open to 15:00", Stretch(Market(Anchor.OPEN), time(15))),
        ("from 09:00 to 16:00", OFFICE),
        ("after analysis succeeded", After("analysis", Ended.SUCCEEDED)),
        ("after analysis succeeded today", After("analysis", Ended.SUCCEEDED)),
        ("after buy_orders failed", After("buy_orders", Ended.FAILED)),
        ("after eod-cleanup ended", After("eod-cleanup", Ended.ENDED)),
    ],
)
def test_each_form_says_its_rule(text: str, rule: Rule) -> None:
    found = written(text)
    assert found.rule == rule
    assert found.text == text
    assert written(f"  {text.replace(' ', '   ')} ").rule == rule


@pytest.mark.parametrize("text", FORMS)
def test_without_more_words_a_schedule_holds_on_trading_days_of_the_desk_unless_it_says_its_days(text: str) -> None:
    own = text.split(maxsplit=1)[0] in ("always", "once", "cron")
    assert written(text).days == (AllDays() if own else TradingDays())
    assert (written(text).segment, written(text).zone) == ("NSE_EQ", "Asia/Kolkata")


@pytest.mark.parametrize(
    ("ending", "days", "segment", "zone"),
    [
        ("on trading days", TradingDays(), "NSE_EQ", "Asia/Kolkata"),
        ("on trading days of NFO", TradingDays(), "NFO", "Asia/Kolkata"),
        ("on trading days with muhurat", TradingDays(muhurat=True), "NSE_EQ", "Asia/Kolkata"),
        ("on trading days of NFO with muhurat", TradingDays(muhurat=True), "NFO", "Asia/Kolkata"),
        ("on all days", AllDays(), "NSE_EQ", "Asia/Kolkata"),
        ("on all days of MCX", AllDays(), "MCX", "Asia/Kolkata"),
        ("on mon, wed", NamedDays(frozenset({0, 2})), "NSE_EQ", "Asia/Kolkata"),
        ("on Mon,SUN of NFO", NamedDays(frozenset({0, 6})), "NFO", "Asia/Kolkata"),
        ("on sat", NamedDays(frozenset({5})), "NSE_EQ", "Asia/Kolkata"),
        ("on mon, tue, wed, thu, fri, sat, sun", AllDays(), "NSE_EQ", "Asia/Kolkata"),
        ("in Europe/London", TradingDays(), "NSE_EQ", "Europe/London"),
        ("on fri in America/New_York", NamedDays(frozenset({4})), "NSE_EQ", "America/New_York"),
        ("on trading days of OANDA with muhurat in UTC", TradingDays(muhurat=True), "OANDA", "UTC"),
    ],
)
def test_words_behind_it_say_the_days_the_segment_and_the_zone(
    ending: str, days: object, segment: str, zone: str
) -> None:
    found = written(f"at 16:00 {ending}")
    assert (found.rule, found.days, found.segment, found.zone) == (At(time(16)), days, segment, zone)


def test_what_the_desk_calls_its_own_is_what_is_meant_without_more_words() -> None:
    found = parse("at 16:00", segment="MCX", zone="UTC", known_segments={"MCX"})
    assert str(found) == "at 16:00 on trading days of MCX in UTC"


FORMS_TOLD = ", ".join(f'"{form}"' for form in FORMS)
ENDINGS_TOLD = ", ".join(f'"{form}"' for form in ENDINGS)
NO_DAY = "is no day; write trading days, all days or some of mon, tue, wed, thu, fri, sat, sun"
ZONES = "write one such as Asia/Kolkata or Europe/London"
KNOWN = f"known: {', '.join(sorted(SEGMENTS))}"
NO_CLOCK = "is no time of day; write one from 00:00 to 23:59"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("", f"a schedule is missing; write one like {FORMS_TOLD}"),
        ("  ", f"a schedule is missing; write one like {FORMS_TOLD}"),
        ("at dawn", f"'at dawn' is no schedule; write one like {FORMS_TOLD}, and behind it {ENDINGS_TOLD}"),
        ("at 25:00", f"25:00 {NO_CLOCK}"),
        ("at 24:00", f"24:00 {NO_CLOCK}"),
        ("at 09:60", f"09:60 {NO_CLOCK}"),
        ("at 09:15:60", f"09:15:60 {NO_CLOCK}"),
        ("between 09:00 and 9:00", "between 09:00 and 9:00 is no time at all; write always for the whole day"),
        ("from 09:00 to 09:00", "between 09:00 and 09:00 is no time at all; write always for the whole day"),
        ("hourly at :60", ":60 is no minute of an hour; write one from :00 to :59"),
        ("every 0m", "every 0m cannot be; write something from 1s to 24h, or days behind a time"),
        ("every 25h", "every 25h cannot be; write something from 1s to 24h, or days behind a time"),
        ("every 86401s", "every 86401s cannot be; write something from 1s to 24h, or days behind a time"),
        (
            "once 2026-02-30 10:00",
            "once 2026-02-30 10:00: day is out of range for month; write it like once 2026-11-24 10:00",
        ),
        (
            "once 2026-02-03 25:00",
            f"once 2026-02-03 25:00: 25:00 {NO_CLOCK}; write it like once 2026-11-24 10:00",
        ),
        (
            "cron 0 25 * * *",
            "cron 0 25 * * *: Bad hour; write minute hour day-of-month month day-of-week, such as 0 9 * * 1-5",
        ),
        (
            "cron 0 9",
            "cron 0 9: Wrong number of fields; write minute hour day-of-month month day-of-week, such as 0 9 * * 1-5",
        ),
        ("13 hours before open", "13 hours before open is too far; write at most 12 hours"),
        ("721m after close", "721 m after close is too far; write at most 12 hours"),
        ("99999999999999999999 h after close", "99999999999999999999 h after close is too far; write at most 12 hours"),
        (
            "from dawn to close",
            "'dawn' is no moment; write one like 09:15, open, 15 minutes before open, 10 minutes after close",
        ),
        ("at 16:00 on holidays", f"'holidays' {NO_DAY}"),
        ("at 16:00 on mon, x", f"'x' {NO_DAY}"),
        ("at 16:00 on mon with muhurat", "'with muhurat' goes with trading days only, not with 'mon'"),
        ("at 16:00 on all days with muhurat", "'with muhurat' goes with trading days only, not with 'all days'"),
        ("at 16:00 on all days of XY", f"unknown segment XY in 'at 16:00 on all days of XY'; {KNOWN}"),
        ("at 16:00 in Mars/Base", f"unknown time zone 'Mars/Base'; {ZONES}"),
        ("at 16:00 in ../etc", f"unknown time zone '../etc'; {ZONES}"),
        ("at ٣:٣٣", f"'at ٣:٣٣' is no schedule; write one like {FORMS_TOLD}, and behind it {ENDINGS_TOLD}"),
    ],
)
def test_what_cannot_be_read_is_answered_with_what_to_write(text: str, answer: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(answer)}$"):
        written(text)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("mondya 09:15", "'mondya 09:15' is no schedule; did you mean mon instead of mondya? Write one like"),
        ("every trading dya at", "'every trading dya at' is no schedule; did you mean days instead of dya? Write one"),
        ("at 09:15 on trading dyas", "'trading dyas' is no day; did you mean \"at 09:15 on trading days\"? Write "),
        ("At 16:00 onn mon", "'At 16:00 onn mon' is no schedule; did you mean \"at 16:00 on mon\"? Write one like"),
        ("at 16:00 on monday", "'monday' is no day; did you mean \"at 16:00 on mon\"? Write trading days, all days"),
        ("at 9:15 on weekends", "'weekends' is no day; did you mean \"at 9:15 on sat, sun\"? Write trading days,"),
        ("at 25:00 on mondya", "25:00 is no time of day; did you mean mon instead of mondya? Write one from 00:00"),
        ("after closer succeded", "'after closer succeded' is no schedule; did you mean \"after closer succeeded\"?"),
        ("betwen 9:15 an 15:30", "'betwen 9:15 an 15:30' is no schedule; did you mean \"between 9:15 and 15:30\"?"),
        ("cron 0 9 * * mn", 'cron 0 9 * * mn: Bad day-of-week; did you mean "cron 0 9 * * mon"? Write minute hour'),
        ("at 16:00 on all days of NSE", "unknown segment NSE in 'at 16:00 on all days of NSE'; did you mean \"at 16"),
        ("alwys on sunn", "'alwys' is no schedule; did you mean \"always on sun\"? Write one like"),
        (
            "at 9:15 on weekdays",
            "'weekdays' is no day; did you mean \"at 9:15 on mon, tue, wed, thu, fri\"? Write trading",
        ),
        ("mondya; 9:15", "'mondya; 9:15' is no schedule; did you mean mon instead of mondya? Write one like"),
        ("evry dya", "'evry dya' is no schedule; did you mean every instead of evry and days instead of dya? Write"),
        ("from opn to close", "'opn' is no moment; did you mean \"from open to close\"? Write one like 09:15, open,"),
        ("at preopen in UTC", "'at preopen' is no schedule; did you mean \"at pre-open in UTC\"? Write one like"),
        (" ".join(["x"] * 20 + ["dya"]), f"'{'x ' * 20}dya' is no schedule; write one like"),
        (" ".join(["x"] * 19 + ["dya"]), f"'{'x ' * 19}dya' is no schedule; did you mean days instead of dya?"),
    ],
)
def test_who_misspells_a_word_is_told_what_was_meant(text: str, answer: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(answer)}"):
        written(text)


@given(schedules)
def test_a_schedule_says_itself_whole(schedule: Schedule) -> None:
    assert parse(str(schedule), segment="OANDA", zone="UTC", known_segments=SEGMENTS) == schedule


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("ending", ["", *ENDINGS])
def test_what_is_offered_can_be_written(form: str, ending: str) -> None:
    assert written(f"{form} {ending}").rule == written(form).rule


WORDS = "at between and from to every hourly once cron after before open close on in of 09:15 5m ٣ :30 0 * analysis mon"


@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(WORDS.split()), max_size=8).map(" ".join)))
def test_whatever_is_written_is_a_schedule_or_a_sentence_that_says_what_to_write(text: str) -> None:
    try:
        found = written(text)
    except ValueError as error:
        said = str(error)
    else:
        said = f"known; {written(str(found))}" if written(str(found)) == found else ""
    assert "; " in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("every 3600s", "every 1h"),
        ("every 60 s", "every 1m"),
        ("every 61s", "every 61s"),
        ("60 minutes before open", "1 hour before open"),
        ("120 minutes after close", "2 hours after close"),
        ("61 seconds after close", "61 seconds after close"),
        ("60 seconds before pre-open", "1 minute before pre-open"),
        ("0 minutes before open", "at open"),
        ("hourly at :05 between 9:00 and 16:00", "hourly at :05 between 09:00 and 16:00"),
        ("from 1m before open to 09:30:05", "from 1 minute before open to 09:30:05"),
        ("from open to close", "from open to close"),
        ("once 2026-11-24T09:00", "once 2026-11-24 09:00"),
    ],
)
def test_it_is_said_in_the_largest_unit_and_with_seconds_only_if_there_are_some(text: str, said: str) -> None:
    assert str(written(text).rule) == said


def test_two_ways_of_writing_the_same_are_the_same() -> None:
    assert written("every 60s") == written("every 1 minute on trading days of NSE_EQ in Asia/Kolkata")


def test_what_is_offered_has_an_example_of_each_form() -> None:
    assert FORMS == (
        "always",
        "between 09:15 and 15:30",
        "at 16:00",
        "hourly at :30",
        "hourly at :30 between 09:00 and 16:00",
        "every 5m",
        "every 5m between 09:15 and 15:30",
        "once 2026-11-24 10:00",
        "cron 0 9 * * 1-5",
        "15 minutes before open",
        "30 minutes after close",
        "at pre-open",
        "from 15 minutes before open to 10 minutes after close",
        "after analysis succeeded",
    )
    assert ENDINGS == ("on trading days", "on trading days of NFO with muhurat", "on all days", "on mon, wed")
