"""What a calendar file may say, what a later one may change, and what a faulty one is told."""

from __future__ import annotations

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
        ("pre_open.entry", "siesta", "rules[0].phases[0].name: 'siesta' is not one of pre_open.entry, "),
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
    assert str(fault.value).startswith(f"0.toml: {sentence}")
    assert "\n" not in str(fault.value)


def test_a_segment_without_any_rule_is_refused() -> None:
    with pytest.raises(
        CalendarError, match=r"0\.toml: segments\.X\.covered_from: no rule of X is in force on 2026-01-01"
    ):
        read(SEGMENT)


@pytest.mark.parametrize("text", ["segments = 1", "[segments]\nX = 1"])
def test_what_is_no_table_is_told_so(text: str) -> None:
    with pytest.raises(CalendarError, match=r"0\.toml: segments(\.X)?: 1 is not a table"):
        read(text)
