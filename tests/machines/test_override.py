"""An admin's word above the calendar: what it changes, for how long, and what it may not say."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tradewarden.machines.calendar import Calendar, Moment
from tradewarden.machines.market_state import STATES
from tradewarden.machines.override import Override, fault_of
from tradewarden.orchestrator.calendar import load_calendar

IST = ZoneInfo("Asia/Kolkata")
CALENDAR = load_calendar()


def ist(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=IST)


def word(since: str, until: str, *, state: str | None = None, expect: str | None = None) -> Override:
    return Override("NSE_EQ", ist(since), ist(until), "a notice of tonight", state, expect)


def under(override: Override) -> Calendar:
    return CALENDAR.under({override.segment: override})


CLOSE = word("2026-11-23 11:00", "2026-11-23 23:00", state="closed")
EXPECT = word("2026-11-22 20:00", "2026-11-22 21:00", expect="dense")


def test_a_state_by_override_holds_from_its_begin_to_before_its_end() -> None:
    calendar = under(CLOSE)
    told = [
        calendar.at("NSE_EQ", ist(f"2026-11-23 {time}")).state for time in ("10:59", "11:00", "15:20", "22:59", "23:00")
    ]
    assert told == ["live", "closed", "closed", "closed", "closed"]
    assert calendar.at("NSE_EQ", ist("2026-11-23 11:00")) == Moment(
        "closed", "override", "regular", "override: a notice of tonight", "none"
    )
    assert calendar.at("NFO", ist("2026-11-23 11:00")).state == "live"


@pytest.mark.parametrize(("state", "expected"), STATES.items())
def test_a_state_brings_the_data_it_makes_due_unless_the_admin_says_otherwise(state: str, expected: str) -> None:
    assert (
        under(word("2026-11-23 11:00", "2026-11-23 12:00", state=state)).at("NSE_EQ", ist("2026-11-23 11:30")).expected
        == expected
    )
    other = under(word("2026-11-23 11:00", "2026-11-23 12:00", state=state, expect="sparse"))
    assert other.at("NSE_EQ", ist("2026-11-23 11:30")).expected == "sparse"


def test_expect_data_now_leaves_the_state_alone_and_wants_the_feed_until_it_expires() -> None:
    calendar = under(EXPECT)
    moment = calendar.at("NSE_EQ", ist("2026-11-22 20:30"))  # a Sunday evening
    assert (moment.state, moment.phase, moment.expected) == ("closed", "weekend", "dense")
    assert moment.reason == "override: a notice of tonight"
    assert calendar.wanted(["NSE_EQ"], ist("2026-11-22 20:30"))
    assert calendar.next_wanted_change(["NSE_EQ"], ist("2026-11-22 20:30")) == EXPECT.until
    assert not calendar.wanted(["NSE_EQ"], ist("2026-11-22 21:00"))
    assert calendar.next_wanted_change(["NSE_EQ"], ist("2026-11-22 21:00")) == ist("2026-11-23 08:40")


def test_a_segment_closed_by_override_wants_no_feed_before_it_ends() -> None:
    calendar = under(CLOSE)
    assert not calendar.wanted(["NSE_EQ"], ist("2026-11-23 11:00"))
    assert calendar.next_wanted_change(["NSE_EQ"], ist("2026-11-23 11:00")) == ist("2026-11-25 08:40")
    short = under(word("2026-11-23 11:00", "2026-11-23 12:00", state="halted"))
    assert short.next_wanted_change(["NSE_EQ"], ist("2026-11-23 11:10")) == ist("2026-11-23 11:40")
    assert short.wanted(["NSE_EQ", "NFO"], ist("2026-11-23 11:10"))  # the other one still trades


def test_an_override_that_says_nothing_of_data_leaves_the_window_as_it_is() -> None:
    plain = Override("NSE_EQ", CLOSE.since, CLOSE.until, "why", expect=None, state=None)
    assert plain.due is None
    assert under(plain).next_wanted_change(["NSE_EQ"], ist("2026-11-23 11:00")) == ist("2026-11-23 16:00")


def test_the_end_of_an_override_is_the_next_change() -> None:
    assert under(CLOSE).next_change("NSE_EQ", ist("2026-11-23 11:00")) == (
        CLOSE.until,
        Moment("closed", "night", "regular"),
    )
    assert under(CLOSE).next_state("NSE_EQ", ist("2026-11-23 11:00")) == (ist("2026-11-25 09:00"), "pre_open")
    short = under(word("2026-11-23 11:00", "2026-11-23 12:00", state="halted"))
    assert short.next_state("NSE_EQ", ist("2026-11-23 11:00")) == (ist("2026-11-23 12:00"), "live")


def test_while_data_is_expected_by_override_the_states_still_change() -> None:
    calendar = under(word("2026-11-23 08:00", "2026-11-23 10:00", expect="dense"))
    change = calendar.next_change("NSE_EQ", ist("2026-11-23 08:30"))
    assert change
    assert (change[0], change[1].state, change[1].expected) == (ist("2026-11-23 09:00"), "pre_open", "dense")


def test_an_expired_override_changes_nothing() -> None:
    later = ist("2026-11-23 23:30")
    for ask in ("at", "next_change", "next_state"):
        assert getattr(under(CLOSE), ask)("NSE_EQ", later) == getattr(CALENDAR, ask)("NSE_EQ", later)
    assert under(CLOSE).next_wanted_change(["NSE_EQ"], later) == CALENDAR.next_wanted_change(["NSE_EQ"], later)


def test_a_word_about_a_segment_that_is_gone_is_left_out() -> None:
    gone = Override("OLD", CLOSE.since, CLOSE.until, "why", "closed")
    assert CALENDAR.under({"OLD": gone}).overrides == {}


@pytest.mark.parametrize(
    ("changes", "key", "wrong"),
    [
        ({"segment": "NSE"}, "segment", "'NSE' is not known; known: BFO, "),
        ({"state": None}, "state", "give a state, or expect, or both"),
        ({"state": "open"}, "state", "'open' is not one of closed, pre_open, live, "),
        ({"expect": "much"}, "expect", "'much' is not one of none, sparse, dense"),
        ({"reason": "  "}, "reason", "say why"),
        ({"until": CLOSE.since}, "until", "is not in the future"),
        ({"until": CLOSE.since + timedelta(days=7, seconds=1)}, "until", "is more than 7 days ahead"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_with_its_key(changes: dict[str, object], key: str, wrong: str) -> None:
    order = {
        "segment": "NSE_EQ",
        "since": CLOSE.since,
        "until": CLOSE.until,
        "reason": "why",
        "state": "closed",
        "expect": None,
    } | changes
    fault = fault_of(Override(**order), CALENDAR.segments)  # type: ignore[arg-type]  # a table
    assert fault
    assert fault[0] == key
    assert fault[1].startswith(wrong)


def test_seven_days_are_allowed_and_a_good_order_has_no_fault() -> None:
    week = Override("NSE_EQ", CLOSE.since, CLOSE.since + timedelta(days=7), "why", "closed")
    assert fault_of(week, CALENDAR.segments) is None
    assert fault_of(EXPECT, CALENDAR.segments) is None


def test_an_override_that_ends_with_a_phase_leaves_the_next_phase_alone() -> None:
    calendar = under(word("2026-11-23 15:00", "2026-11-23 15:15", expect="dense"))
    assert calendar.next_change("NSE_EQ", ist("2026-11-23 15:01")) == (
        ist("2026-11-23 15:15"),
        Moment("closing_auction", "reference", "regular", None, "sparse"),
    )


def test_each_state_makes_the_agreed_data_due() -> None:
    assert STATES == {
        "closed": "none",
        "pre_open": "sparse",
        "live": "dense",
        "closing_auction": "sparse",
        "post_close": "sparse",
        "halted": "none",
    }


def test_the_known_segments_are_told_in_order() -> None:
    known = frozenset({"ZZ", "MCX", "BFO", "NSE_EQ", "NFO", "CDS", "BSE_EQ", "NCDEX"})
    fault = fault_of(word("2026-11-23 11:00", "2026-11-23 23:00", state="closed"), known - {"NSE_EQ"})
    assert fault == ("segment", "'NSE_EQ' is not known; known: BFO, BSE_EQ, CDS, MCX, NCDEX, NFO, ZZ")
