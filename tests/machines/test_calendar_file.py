"""What a calendar file may say, what a later one may change, and what a faulty one is told."""

from __future__ import annotations

import re
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from tradewarden.machines.calendar import Calendar, Moment
from tradewarden.machines.calendar_file import CalendarError, parse

NEW_YORK = ZoneInfo("America/New_York")

SEGMENT = """
[segments.X]
zone = "America/New_York"
covered_from = 2026-01-01
covered_until = 2026-12-31
"""
RULE = """
[[rules]]
segments = ["X"]
effective_from = 2026-01-01
source = "a notice"
phases = [{ name = "pre_open.entry", from = "09:00", to = "09:30" },
          { name = "live.continuous", from = "09:30", to = "16:00" }]
"""
CLOSURE = """
[[closures]]
segments = ["X"]
source = "a notice"
days = { 2026-07-03 = "Independence Day" }
"""


def special(day: str, session: str, status: str = "confirmed", phases: str = "") -> str:
    return (
        f'[[specials]]\nsegments = ["X"]\ndate = {day}\nsession = "{session}"\nname = "Sunday drill"\n'
        f'status = "{status}"\nsource = "a notice"\n{phases}\n'
    )


def read(*layers: str) -> Calendar:
    return parse({f"{index}.toml": text for index, text in enumerate(layers)})


def at(calendar: Calendar, text: str) -> Moment:
    return calendar.at("X", datetime.fromisoformat(text).replace(tzinfo=NEW_YORK))


def test_a_segment_lives_in_the_zone_of_its_file() -> None:
    calendar = read(SEGMENT + RULE)
    for month, utc in ((1, 14), (7, 13)):  # winter and summer time
        early = datetime(2026, month, 15, utc, 29, tzinfo=ZoneInfo("UTC"))
        assert calendar.at("X", early).state == "pre_open"
        assert calendar.at("X", early.replace(minute=30)).state == "live"


def test_the_file_may_say_how_much_data_a_phase_makes_due() -> None:
    thin = RULE.replace('to = "16:00"', 'to = "16:00", data_expected = "sparse"')
    assert at(read(SEGMENT + thin), "2026-07-01 12:00").expected == "sparse"


def test_two_sessions_of_one_day_have_a_break_between_them() -> None:
    phases = (
        'phases = [{ name = "live.continuous", from = "09:15", to = "10:00" }, '
        '{ name = "closed.break", from = "10:00", to = "11:30" }, '
        '{ name = "live.continuous", from = "11:30", to = "24:00" }]'
    )
    calendar = read(SEGMENT + RULE + special("2026-07-05", "special", phases=phases))
    told = [at(calendar, f"2026-07-05 {time}").state for time in ("09:14", "09:15", "10:00", "11:30", "23:59")]
    assert told == ["closed", "live", "closed", "live", "live"]
    assert at(calendar, "2026-07-05 10:30") == Moment("closed", "break", "special", "Sunday drill")


def test_a_special_session_without_phases_keeps_the_ordinary_hours() -> None:
    calendar = read(SEGMENT + RULE + special("2026-07-05", "special"))
    assert at(calendar, "2026-07-05 12:00") == Moment("live", "continuous", "special", "Sunday drill", "dense")
    assert at(calendar, "2026-07-05 17:00") == Moment("closed", "night", "special")


def test_a_mock_session_opens_nothing_and_wants_no_feed() -> None:
    calendar = read(SEGMENT + RULE + special("2026-07-05", "mock", "mock"))
    noon = datetime(2026, 7, 5, 12, tzinfo=NEW_YORK)
    assert calendar.at("X", noon) == Moment("closed", "mock", "mock", "Sunday drill")
    assert not calendar.wanted(["X"], noon)
    assert not calendar.trading_day("X", date(2026, 7, 5), muhurat=True)


def test_a_later_file_closes_a_day_that_an_earlier_one_had_open() -> None:
    calendar = read(SEGMENT + RULE + special("2026-07-03", "special"), CLOSURE)
    assert at(calendar, "2026-07-03 12:00") == Moment("closed", "holiday", None, "Independence Day")


def test_a_later_file_calls_a_closure_off() -> None:
    calendar = read(SEGMENT + RULE + CLOSURE, special("2026-07-03", "regular"))
    assert at(calendar, "2026-07-03 12:00") == Moment("live", "continuous", "regular", None, "dense")
    assert at(calendar, "2026-07-03 20:00") == Moment("closed", "night", "regular")
    assert calendar.trading_day("X", date(2026, 7, 3))


def test_a_later_file_lengthens_the_coverage_and_changes_the_hours() -> None:
    longer = "[segments.X]\ncovered_until = 2027-12-31\n" + RULE.replace("2026-01-01", "2027-01-01").replace(
        "16:", "17:"
    )
    calendar = read(SEGMENT + RULE, longer)
    assert calendar.covered_until("X") == date(2027, 12, 31)
    assert at(calendar, "2026-07-01 16:30").state == "closed"
    assert at(calendar, "2027-07-01 16:30").state == "live"


def test_the_digest_is_that_of_the_files() -> None:
    assert read(SEGMENT + RULE).sha256 == parse({"renamed.toml": SEGMENT + RULE}).sha256
    assert read(SEGMENT + RULE).sha256 != read(SEGMENT + RULE + CLOSURE).sha256


def test_the_answers_cannot_be_altered_from_outside() -> None:
    calendar = read(SEGMENT + RULE)
    with pytest.raises(TypeError):
        calendar.by_segment["Y"] = calendar.by_segment["X"]  # type: ignore[index]  # the point of the test


GOOD = SEGMENT + RULE + CLOSURE + special("2026-07-05", "special")


@pytest.mark.parametrize(
    ("was", "becomes", "sentence"),
    [
        ("[segments.X]", "[segments.X", "not valid TOML: Expected ']' at the end of a table declaration (at line 2,"),
        ("[[rules]]", "[[rule]]", "rule: unknown key; known: segments, rules, closures, specials"),
        ("[[rules]]", "[rules]", "rules: is not a list of tables; write [[rules]]"),
        ("[[specials]]", "[segments.Y]", "segments.Y.segments: unknown key; known: zone, covered_from, covered_until"),
        ("zone =", "timezone =", "segments.X.timezone: unknown key"),
        ('zone = "America/New_York"', "", "segments.X.zone: missing, and no earlier file sets it"),
        ("America/New_York", "Mars/Base", "segments.X.zone: 'Mars/Base' is not a time zone such as Asia/Kolkata"),
        ("America/New_York", "../passwd", "segments.X.zone: '../passwd' is not a time zone such as Asia/Kolkata"),
        ("2026-12-31", '"2026-12-31"', "segments.X.covered_until: '2026-12-31' is not a date such as 2026-12-31"),
        ("2026-12-31", "2025-12-31", "segments.X.covered_until: 2025-12-31 is before covered_from, 2026-01-01"),
        ("effective_from = 2026-01", "effective_from = 2026-02", "segments.X.covered_from: no rule of X is in force"),
        ('["X"]', '["Z"]', "rules[0].segments: 'Z' is not defined; known: X"),
        ('["X"]', "[[1]]", "rules[0].segments: [1] is not defined; known: X"),
        ('["X"]', "[]", "rules[0].segments: [] is not a list of segments"),
        ('source = "a notice"', "", "rules[0].source: missing; wanted: a text in quotes"),
        ('"a notice"', '""', "rules[0].source: '' is not a text in quotes"),
        ("pre_open.entry", "siesta", "rules[0].phases[0].name: 'siesta' is not one of pre_open.cancel_only, "),
        ('"09:00"', '"9:00"', "rules[0].phases[0].from: '9:00' is not a time of day such as 09:15"),
        ('"09:00"', "9", "rules[0].phases[0].from: 9 is not a text in quotes"),
        ('"16:00"', '"24:01"', "rules[0].phases[1].to: '24:01' is not a time of day such as 09:15, at most 24:00"),
        ('"16:00"', '"09:30"', "rules[0].phases[1].to: '09:30' is not after '09:30'"),
        ('to = "09:30"', 'to = "09:31"', "rules[0].phases[1].from: overlaps the phase before it"),
        ('to = "09:30"', 'to = "09:29"', "rules[0].phases[1].from: leaves a gap after the phase before"),
        ("name =", "data_expected = 1, name =", "rules[0].phases[0].data_expected: 1 is not a text in quotes"),
        ("2026-07-03", "2026-02-30", "closures[0].days.2026-02-30: '2026-02-30' is not a date such as 2026-05-28"),
        ('"Independence Day"', '""', "closures[0].days.2026-07-03: '' is not a text in quotes"),
        ('"special"', '"party"', "specials[0].session: 'party' is not one of regular, muhurat, special, mock"),
        ('"confirmed"', '"rumour"', "specials[0].status: 'rumour' is not one of confirmed, provisional, mock"),
        ('"special"', '"mock"', "specials[0].status: 'confirmed' does not go with session 'mock'"),
        ('"confirmed"', '"mock"', "specials[0].status: 'mock' does not go with session 'special'"),
        ('"confirmed"', '"confirmed"\nphases = []', "specials[0].phases: [] is not a list of phases"),
        ('"confirmed"', '"confirmed"\nphases = [1]', "specials[0].phases: is not a list of tables"),
    ],
)
def test_a_faulty_file_is_told_which_key_is_wrong_and_what_is_allowed(was: str, becomes: str, sentence: str) -> None:
    assert read(GOOD)
    with pytest.raises(CalendarError) as fault:
        read(GOOD.replace(was, becomes, 1))
    told = re.sub(r"^0\.toml:\d+: ", "0.toml: ", fault.value.problems[0])
    assert told.startswith(f"0.toml: {sentence}")
    assert "\n" not in told


def test_a_segment_without_any_rule_is_refused() -> None:
    with pytest.raises(
        CalendarError, match=r"0\.toml:4: segments\.X\.covered_from: no rule of X is in force on 2026-01-01"
    ):
        read(SEGMENT)


@pytest.mark.parametrize("text", ["segments = 1", "[segments]\nX = 1"])
def test_what_is_no_table_is_told_so(text: str) -> None:
    with pytest.raises(CalendarError, match=r"0\.toml:[12]: segments(\.X)?: 1 is not a table"):
        read(text)


def problems_of(*layers: str) -> list[str]:
    with pytest.raises(CalendarError) as fault:
        read(*layers)
    return list(fault.value.problems)


def test_every_fault_of_a_file_is_told_at_once_each_with_its_line() -> None:
    bad = """[segments.X]
zone = "America/New_York"
covered_from = 2026-01-01
covered_until = 2026-12-31

[[rules]]
segments = ["X"]
effective_from = 2026-01-01
source = "a notice"
phases = [
  { name = "pre_open.entry", from = "09:00", to = "09:31" }, # too long
  { name = "live.continuous", from = "09:30", to = "16:00" },
]

[[closures]]
segments = ["Y"]
source = "a notice"
days = { 2026-07-03 = "Independence Day" }

[[closures]]
segments = ["X"]
source = "a notice"
[closures.days]
2026-07-03 = "Independence Day"
2026-07-04 = ""

[[specials]]
segments = ["X"]
date = 2026-07-05
session = "special"
name = "Sunday drill"
status = "confirmed"
source = "a notice"
phases = [{ name = "live.continuous", from = "16:00", to = "09:30" }]
"""
    assert problems_of(bad) == [
        "0.toml:12: rules[0].phases[1].from: overlaps the phase before it; a pause has a name of its own: closed.break",
        "0.toml:16: closures[0].segments: 'Y' is not defined; known: X",
        "0.toml:25: closures[1].days.2026-07-04: '' is not a text in quotes",
        "0.toml:34: specials[0].phases[0].to: '09:30' is not after '16:00'",
    ]


def test_the_faults_of_several_files_are_told_together() -> None:
    told = problems_of(SEGMENT + RULE, CLOSURE.replace('"X"', '"Y"'), "[[closures]\n", CLOSURE.replace("2026-", "26-"))
    assert [problem.split(":")[0] for problem in told] == ["1.toml", "2.toml", "3.toml"]


@pytest.mark.parametrize(
    ("again", "sentence"),
    [
        (CLOSURE, "0.toml:21: closures[1].days.2026-07-03: 2026-07-03 stands twice for one segment; first in line 16"),
        (RULE, "0.toml:16: rules[1].effective_from: 2026-01-01 stands twice for one segment; first in line 9"),
    ],
)
def test_a_date_twice_in_one_file_is_refused_with_both_places(again: str, sentence: str) -> None:
    first = RULE if again == RULE else RULE.replace("\n          ", " ") + CLOSURE
    assert sentence in problems_of(SEGMENT + first + again)[0]


def test_a_special_session_twice_is_refused_but_a_later_file_may_replace_it() -> None:
    once = special("2026-07-05", "special")
    assert "2026-07-05 stands twice" in problems_of(SEGMENT + RULE + once + once)[0]
    assert read(SEGMENT + RULE + once, special("2026-07-05", "mock", "mock"))
    assert read(SEGMENT + RULE + CLOSURE + special("2026-07-03", "muhurat"))  # a session on a holiday is no date twice


def test_toml_itself_refuses_a_key_twice_and_says_where() -> None:
    twice = CLOSURE.replace("days = {", '[closures.days]\n2026-07-03 = "once"\n').replace(" }", "")
    assert problems_of(SEGMENT + RULE + twice)[0].startswith(
        "0.toml: not valid TOML: Cannot overwrite a value (at line "
    )


def test_an_evening_only_holiday_and_a_half_day_keep_a_part_of_the_ordinary_hours() -> None:
    def part(key: str, at: str) -> Calendar:
        return read(SEGMENT + RULE + CLOSURE.replace("days", f'{key} = "{at}"\ndays', 1))

    half = part("open_until", "13:00")
    assert [at(half, f"2026-07-03 {time}").state for time in ("09:00", "12:59", "13:00")] == [
        "pre_open",
        "live",
        "closed",
    ]
    assert at(half, "2026-07-03 14:00") == Moment("closed", "holiday", "regular", "Independence Day")
    evening = part("open_from", "13:00")
    assert [at(evening, f"2026-07-03 {time}").state for time in ("09:00", "12:59", "13:00", "16:00")] == [
        "closed",
        "closed",
        "live",
        "closed",
    ]
    assert half.trading_day("X", date(2026, 7, 3))
    nothing = part("open_from", "17:00")
    assert at(nothing, "2026-07-03 12:00") == Moment("closed", "holiday", None, "Independence Day")
    assert not nothing.trading_day("X", date(2026, 7, 3))


def test_a_part_of_a_holiday_on_a_weekend_opens_nothing() -> None:
    saturday = CLOSURE.replace("2026-07-03", "2026-07-04").replace("days", 'open_until = "13:00"\ndays', 1)
    assert at(read(SEGMENT + RULE + saturday), "2026-07-04 10:00").state == "closed"


WEEK = RULE.replace("phases", 'days = ["mon", "tue", "wed", "thu", "sun"]\nphases') + RULE.replace(
    "phases", 'days = ["fri"]\nphases'
).replace('to = "16:00"', 'to = "12:00"')


def test_a_week_may_have_its_own_days_each_with_its_hours() -> None:
    calendar = read(SEGMENT + WEEK)
    open_at = {day: at(calendar, f"2026-07-{day:02} 13:00").state for day in range(5, 12)}  # from Sunday on
    assert open_at == {5: "live", 6: "live", 7: "live", 8: "live", 9: "live", 10: "closed", 11: "closed"}
    assert at(calendar, "2026-07-10 11:00").state == "live"
    assert at(calendar, "2026-07-11 11:00").phase == "weekend"


def test_a_later_file_replaces_the_hours_of_some_days_of_the_week_only() -> None:
    friday = RULE.replace("phases", 'days = ["fri"]\nphases').replace('to = "16:00"', 'to = "15:00"')
    calendar = read(SEGMENT + WEEK, friday)
    assert at(calendar, "2026-07-10 14:00").state == "live"
    assert at(calendar, "2026-07-09 15:30").state == "live"


@pytest.mark.parametrize(
    ("was", "becomes", "sentence"),
    [
        ("phases =", 'days = ["mo"]\nphases =', "rules[0].days: 'mo' is not one of mon, tue, wed, thu, fri, sat, sun"),
        ("phases =", "days = []\nphases =", "rules[0].days: [] is not a list of weekdays"),
        ("days = {", 'open_from = "5pm"\ndays = {', "closures[0].open_from: '5pm' is not a time of day such as 09:15"),
        (
            "days = {",
            'open_from = "13:00"\nopen_until = "12:00"\ndays = {',
            "closures[0].open_until: '12:00' is not after open_from",
        ),
        ("date = 2026", "dates = [2026-07-06]\ndate = 2026", "specials[0].dates: stands beside date; write only one"),
        ("date = 2026-07-05", 'dates = ["2026-07-05"]', "specials[0].dates: '2026-07-05' is not a date such as"),
        ("date = 2026-07-05", "dates = []", "specials[0].dates: [] is not a list of dates"),
    ],
)
def test_what_is_new_is_checked_like_the_rest(was: str, becomes: str, sentence: str) -> None:
    told = problems_of(GOOD.replace(was, becomes, 1))[0]
    assert re.sub(r":\d+:", ":", told).startswith(f"0.toml: {sentence}")


def test_one_special_may_name_several_dates() -> None:
    calendar = read(
        SEGMENT + RULE + special("1", "mock", "mock").replace("date = 1", "dates = [2026-07-04, 2026-07-05]")
    )
    assert [at(calendar, f"2026-07-{day} 12:00").session for day in ("04", "05", "06")] == ["mock", "mock", "regular"]


TWO_DATES = special("2026-07-05", "special").replace("date = 2026-07-05", "dates = [2026-07-05, 2026-07-12]")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            RULE.replace("source =", 'colour = "red"\nsource ='),
            "10: rules[0].colour: unknown key; known: segments, effective_from, days, source, phases",
        ),
        (
            RULE.replace('to = "16:00"', 'to = "16:00", colour = "red"'),
            "12: rules[0].phases[1].colour: unknown key; known: name, from, to, data_expected",
        ),
        (
            RULE + CLOSURE.replace("source =", 'colour = "red"\nsource ='),
            "16: closures[0].colour: unknown key; known: segments, source, open_from, open_until, days",
        ),
        (
            RULE + special("2026-07-05", "special", phases='colour = "red"'),
            "20: specials[0].colour: unknown key; known: segments, date, dates, session, name, status, source, phases",
        ),
        (
            RULE + CLOSURE.replace("days = {", 'open_from = "17:00"\nopen_until = "17:00"\ndays = {'),
            "18: closures[0].open_until: '17:00' is not after open_from",
        ),
        (
            RULE + CLOSURE.replace('{ 2026-07-03 = "Independence Day" }', "5"),
            "17: closures[0].days: 5 is not a table of dates and names",
        ),
        (
            RULE + special("2026-07-05", "special") * 2,
            "23: specials[1].date: 2026-07-05 stands twice for one segment; first in line 15",
        ),
        (
            RULE + TWO_DATES * 2,
            "23: specials[1].dates: 2026-07-05 stands twice for one segment; first in line 15",
        ),
        (
            RULE.replace('"X"', '"Z"') + SEGMENT.replace(".X", ".Y"),
            "8: rules[0].segments: 'Z' is not defined; known: X, Y",
        ),
        (
            RULE.replace('to = "09:30"', 'to = "9"'),
            "11: rules[0].phases[0].to: '9' is not a time of day such as 09:15, at most 24:00",
        ),
    ],
)
def test_a_fault_is_told_once_with_its_line_its_place_and_what_is_known(text: str, sentence: str) -> None:
    with pytest.raises(CalendarError) as caught:
        read(SEGMENT + text)
    assert str(caught.value) == f"0.toml:{sentence}"


def test_without_any_segment_nothing_is_known() -> None:
    with pytest.raises(CalendarError) as caught:
        read(RULE)
    assert str(caught.value).endswith("rules[0].segments: 'X' is not defined; known: none")


def test_a_file_that_is_nested_without_end_is_refused() -> None:
    with pytest.raises(CalendarError) as caught:
        read("a = " + "[" * 3000)
    assert str(caught.value) == "0.toml: not valid TOML: nested too deeply"


def test_several_faults_are_one_a_line() -> None:
    with pytest.raises(CalendarError) as caught:
        read(SEGMENT + RULE + "[extra]\n[more]\n")
    assert len(str(caught.value).split("\n")) == len(caught.value.problems) > 0
    assert str(CalendarError("one", "two")) == "one\ntwo"


def test_a_calendar_may_cover_a_single_day() -> None:
    calendar = read(SEGMENT.replace("2026-12-31", "2026-01-01") + RULE)
    assert calendar.covered_until("X") == date(2026, 1, 1)


def test_a_closure_says_who_announced_it() -> None:
    assert read(SEGMENT + RULE + CLOSURE).told_by("X", date(2026, 7, 3)) == ("a notice", "confirmed")


def test_a_faulty_phase_in_the_middle_is_one_fault_and_leaves_no_gap() -> None:
    rule = RULE.replace(
        'to = "16:00" }',
        'to = "16:00", data_expected = "some" },\n{ name = "post_close.wait", from = "16:00", to = "17:00" }',
    )
    with pytest.raises(CalendarError) as caught:
        read(SEGMENT + rule)
    assert len(caught.value.problems) == 1
