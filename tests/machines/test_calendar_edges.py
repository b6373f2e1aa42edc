"""The calendar's edges: answers that are remembered, words above it that begin or end in the middle of a stretch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from tradewarden.machines.calendar import Calendar, Moment
from tradewarden.machines.override import Override
from tradewarden.machines.segment import Segment
from tradewarden.orchestrator.calendar import load_calendar

CALENDAR = load_calendar()
IST = ZoneInfo("Asia/Kolkata")
DAY = "2026-11-23"  # a Monday; the pre-open begins at 09:00 and the feed is wanted twenty minutes before


def ist(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=IST)


def under(since: str, until: str, *, state: str | None = None, expect: str | None = None) -> Calendar:
    return CALENDAR.under({"NSE_EQ": Override("NSE_EQ", ist(since), ist(until), "a notice", state, expect)})


class Counted:
    """A segment that counts how often somebody searches it."""

    def __init__(self, segment: Segment) -> None:
        self._segment = segment
        self.searches = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._segment, name)

    def changes_after(self, local: datetime) -> Iterator[tuple[datetime, Moment]]:
        self.searches += 1
        return self._segment.changes_after(local)


def counted() -> tuple[Calendar, Counted]:
    segment = Counted(CALENDAR.by_segment["NSE_EQ"])
    return Calendar({"NSE_EQ": cast("Segment", segment)}, "0"), segment


def searches(calendar: Calendar, segment: Counted, *times: str) -> list[int]:
    told = []
    for time in times:
        before = segment.searches
        calendar.next_state("NSE_EQ", ist(time))
        told.append(segment.searches - before)
    return told


def test_what_comes_next_is_searched_once_until_it_comes_and_anew_when_the_clock_goes_back() -> None:
    calendar, segment = counted()
    assert searches(calendar, segment, f"{DAY} 10:00", f"{DAY} 10:00", f"{DAY} 15:14:59") == [1, 0, 0]
    assert searches(calendar, segment, f"{DAY} 15:30", f"{DAY} 10:00", f"{DAY} 09:30") == [1, 1, 1]


def test_that_nothing_more_is_known_is_believed_for_a_day() -> None:
    calendar, segment = counted()
    assert calendar.next_state("NSE_EQ", ist("2027-02-01 12:00")) is None
    times = ("2027-02-01 12:00", "2027-02-02 11:59", "2027-02-02 12:00")
    assert searches(calendar, segment, *times) == [0, 0, 1]


def test_words_above_the_calendar_are_its_own_and_nobody_changes_them_afterwards() -> None:
    words = {"NSE_EQ": Override("NSE_EQ", ist(f"{DAY} 10:00"), ist(f"{DAY} 11:00"), "a notice", "closed")}
    calendar = Calendar(CALENDAR.by_segment, "0", words)
    words.clear()
    assert calendar.at("NSE_EQ", ist(f"{DAY} 10:30")).state == "closed"
    with pytest.raises(TypeError):
        cast("dict[str, object]", calendar.overrides)["NFO"] = None


def test_a_moment_is_looked_up_to_the_second() -> None:
    assert CALENDAR.at("NSE_EQ", ist(f"{DAY} 09:14:59")).state == "pre_open"
    assert CALENDAR.at("NSE_EQ", ist(f"{DAY} 09:15:30")).state == "live"
    assert CALENDAR.at("NSE_EQ", ist(f"{DAY} 09:00:30")).state == "pre_open"


def test_what_comes_next_is_told_in_the_segments_own_zone() -> None:
    for when in (f"{DAY} 07:00", f"{DAY} 12:00"):
        change = CALENDAR.next_wanted_change(["NSE_EQ"], ist(when))
        assert change is not None
        assert change.tzinfo == IST


def test_errors_begin_with_what_was_asked() -> None:
    with pytest.raises(LookupError) as unknown:
        CALENDAR.at("XX", ist(f"{DAY} 10:00"))
    assert str(unknown.value).startswith("no calendar for segment XX; known: BFO,")
    with pytest.raises(ValueError, match="no time zone") as naive:
        CALENDAR.at("NSE_EQ", ist(f"{DAY} 10:00").replace(tzinfo=None))
    assert str(naive.value).startswith("2026-11-23 10:00:00 has no time zone")


def test_a_lull_of_more_than_two_months_is_beyond_sight() -> None:
    calendar = under("2026-11-20 18:00", "2027-02-10 18:00", state="closed")
    assert not calendar.wanted(["NSE_EQ"], ist(f"{DAY} 10:00"))
    assert calendar.next_wanted_change(["NSE_EQ"], ist(f"{DAY} 10:00")) is None


def test_the_last_stretch_before_a_long_lull_has_its_lead_too() -> None:
    calendar = under(f"{DAY} 12:00", "2027-02-10 18:00", state="closed")
    assert not calendar.wanted(["NSE_EQ"], ist(f"{DAY} 08:39"))
    assert calendar.wanted(["NSE_EQ"], ist(f"{DAY} 08:40"))
    assert calendar.wanted(["NSE_EQ"], ist(f"{DAY} 11:59"))
    assert not calendar.wanted(["NSE_EQ"], ist(f"{DAY} 12:00"))


def test_a_word_in_the_middle_of_the_day_takes_only_its_own_hours() -> None:
    calendar = under(f"{DAY} 11:00", f"{DAY} 14:00", state="closed")
    assert calendar.wanted(["NSE_EQ"], ist(f"{DAY} 10:00"))
    assert calendar.next_wanted_change(["NSE_EQ"], ist(f"{DAY} 10:00")) == ist(f"{DAY} 11:00")
    assert calendar.next_wanted_change(["NSE_EQ"], ist(f"{DAY} 11:00")) == ist(f"{DAY} 13:40")


def test_a_word_that_begins_with_the_first_data_leaves_nothing_of_it() -> None:
    calendar = under(f"{DAY} 09:00", f"{DAY} 23:00", state="closed")
    assert not calendar.wanted(["NSE_EQ"], ist(f"{DAY} 08:50"))


def test_data_expected_in_the_evening_takes_nothing_from_the_day() -> None:
    calendar = under(f"{DAY} 19:00", f"{DAY} 20:00", expect="dense")
    assert calendar.wanted(["NSE_EQ"], ist(f"{DAY} 10:00"))
    assert calendar.wanted(["NSE_EQ"], ist(f"{DAY} 19:30"))
    assert not calendar.wanted(["NSE_EQ"], ist(f"{DAY} 18:00"))


def test_a_word_that_has_just_ended_still_bridges_the_short_lull_behind_it() -> None:
    calendar = under(f"{DAY} 08:00", f"{DAY} 08:35", expect="dense")  # and the pre-open's data are due from 09:00 on
    assert calendar.next_wanted_change(["NSE_EQ"], ist(f"{DAY} 08:10")) == ist(f"{DAY} 16:00")
    for fresh in (calendar, under(f"{DAY} 08:00", f"{DAY} 08:35", expect="dense")):  # remembered, and asked anew
        assert fresh.wanted(["NSE_EQ"], ist(f"{DAY} 08:35"))
        assert fresh.wanted(["NSE_EQ"], ist(f"{DAY} 08:39:59"))


def test_a_word_that_ended_long_before_the_first_data_bridges_nothing() -> None:
    calendar = under(f"{DAY} 08:00", f"{DAY} 08:29", expect="dense")
    assert calendar.wanted(["NSE_EQ"], ist(f"{DAY} 08:28"))
    assert not calendar.wanted(["NSE_EQ"], ist(f"{DAY} 08:30"))
    assert calendar.next_wanted_change(["NSE_EQ"], ist(f"{DAY} 08:30")) == ist(f"{DAY} 08:40")


def test_what_is_shown_of_a_calendar_fits_a_line_and_what_it_remembers_makes_no_difference() -> None:
    calendar, other = (Calendar(CALENDAR.by_segment, "0") for _ in range(2))
    calendar.next_state("NSE_EQ", ist(f"{DAY} 10:00"))
    assert repr(calendar) == "Calendar(sha256='0', overrides=mappingproxy({}))"
    assert calendar == other
    assert "_weeks" not in repr(CALENDAR.by_segment["NSE_EQ"])
    assert "_exceptional" not in repr(CALENDAR.by_segment["NSE_EQ"])
    assert "_in_force" not in repr(CALENDAR.by_segment["NSE_EQ"])
    assert "_effective" not in repr(CALENDAR.by_segment["NSE_EQ"])
