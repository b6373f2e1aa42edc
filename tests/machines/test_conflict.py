"""When ticks and calendar disagree, and when they only seem to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from pictures import CLOSED, a_feed, a_market, a_segment, at
from tradewarden.machines.conflict import MORNING, SILENCE, STRAY, TAIL
from tradewarden.machines.conflict import conflicts as conflicts_of
from tradewarden.machines.report import FeedReport, MarketReport, Run

NOON = at("12:00:00")
LIVE = a_market(a_segment("NSE_EQ"), a_segment("NFO"))


def conflicts(market: MarketReport, feed: FeedReport, now: datetime) -> Mapping[str, str]:
    """With a feed whose last tick was a proven one."""
    return conflicts_of(market, feed, now, feed.last_tick_at)


def ago(**how: float) -> Any:
    return NOON - timedelta(**how)


def test_silence_everywhere_while_live_asks_whether_it_is_a_holiday() -> None:
    feed = a_feed(state="stale", reason="stall", last_tick_at=NOON - SILENCE)
    told = conflicts(LIVE, feed, NOON)
    assert set(told) == {"NSE_EQ", "NFO"}
    assert told["NFO"] == "live, but no tick on any instrument for 5 minutes: a holiday?"


@pytest.mark.parametrize(
    "feed",
    [
        {"last_tick_at": NOON - SILENCE + timedelta(seconds=1)},
        {"usable_since": ago(minutes=4)},  # the desk was logged in only now
        {"usable_since": None},
        {"state": "backing_off", "reason": "network"},  # a cut line says nothing about the market
        {"state": "blocked_on_auth", "reason": "refused"},
    ],
)
def test_silence_with_a_reason_of_its_own_is_no_conflict(feed: dict[str, Any]) -> None:
    silent = {"state": "stale", "reason": "stall", "last_tick_at": None} | feed
    assert not conflicts(LIVE, a_feed(**silent), NOON)


def test_snapshots_that_come_with_every_subscribe_do_not_break_the_silence() -> None:
    feed = a_feed(state="connected", reason=None, last_tick_at=ago(seconds=2))
    assert conflicts_of(LIVE, feed, NOON, ago(minutes=6))
    assert conflicts_of(LIVE, feed, NOON, None)
    assert not conflicts_of(LIVE, feed, NOON, ago(minutes=4))


@pytest.mark.parametrize("feed", [{"state": "connected", "reason": None}, {"state": "backing_off", "reason": "stall"}])
def test_a_line_that_carries_nothing_is_silent_in_every_state(feed: dict[str, Any]) -> None:
    assert conflicts(LIVE, a_feed(last_tick_at=None, **feed), NOON)


@pytest.mark.parametrize(
    "segment",
    [
        a_segment(state="pre_open", expected="sparse"),
        a_segment(since=ago(minutes=4)),
        a_segment(state="live", expected="sparse"),
        a_segment(**CLOSED),
    ],
)
def test_silence_is_judged_only_after_data_has_been_due_for_long(segment: Any) -> None:
    feed = a_feed(state="stale", reason="stall", last_tick_at=ago(hours=2))
    assert not conflicts(a_market(segment), feed, NOON)


def test_only_the_segments_that_expect_data_are_named() -> None:
    market = a_market(a_segment("NSE_EQ", **CLOSED), a_segment("MCX"))
    assert set(conflicts(market, a_feed(state="stale", reason="stall", last_tick_at=None), NOON)) == {"MCX"}


SHUT = a_market(a_segment("NSE_EQ", **CLOSED), a_segment("NFO", **CLOSED), wanted=True)


def test_ticks_while_everything_is_closed_ask_for_a_session_that_is_missing() -> None:
    feed = a_feed(up_since=NOON - STRAY, last_tick_at=NOON)
    assert conflicts(SHUT, feed, NOON) == dict.fromkeys(
        ("NSE_EQ", "NFO"), "closed, but ticks come: a session that the calendar lacks?"
    )


@pytest.mark.parametrize(
    "feed",
    [
        {"up_since": NOON - STRAY + timedelta(seconds=1), "last_tick_at": NOON},
        {"up_since": ago(hours=1), "last_tick_at": NOON - STRAY},
        {"up_since": ago(hours=1), "last_tick_at": None},
        {"up_since": None, "last_tick_at": NOON},
        {"up_since": ago(hours=1), "last_tick_at": NOON, "state": "connected"},  # a snapshot proves nothing
    ],
)
def test_a_few_ticks_or_old_ones_are_no_session(feed: dict[str, Any]) -> None:
    assert not conflicts(SHUT, a_feed(**feed), NOON)


@pytest.mark.parametrize(
    "changes",
    [
        {"session": "mock", "phase": "mock"},
        {"phase": "break"},
        {"expected": "dense"},  # an admin expects data now
        {"state": "unknown", "phase": "past_coverage"},
        {"since": ago(seconds=59)},
        {"next_at": NOON + timedelta(minutes=30)},  # block deals and the first quotes
    ],
)
def test_mocks_breaks_orders_and_the_first_minute_are_known_to_be_noisy(changes: dict[str, Any]) -> None:
    market = a_market(a_segment("NSE_EQ", **CLOSED), a_segment("NFO", **CLOSED | changes), wanted=True)
    assert not conflicts(market, a_feed(up_since=ago(hours=1), last_tick_at=NOON), NOON)


# One segment is closed while others trade


def running(*segments: str, began: Any = None, last: datetime = NOON, **changes: Any) -> FeedReport:
    runs = (Run(segments, began or NOON - STRAY, last),)
    return a_feed(**{"last_tick_at": NOON, "up_since": ago(hours=3), "runs": runs} | changes)


MIXED = a_market(a_segment("NSE_EQ", **CLOSED), a_segment("NSE_EQ_NOFO", **CLOSED), a_segment("MCX"))
STRANGE = "closed, but ticks come: a session that the calendar lacks?"


def test_ticks_of_one_closed_segment_ask_for_its_session_alone() -> None:
    assert conflicts(MIXED, running("NSE_EQ"), NOON) == {"NSE_EQ": STRANGE}


def test_a_share_with_and_one_without_derivatives_are_not_told_apart() -> None:
    assert conflicts(MIXED, running("NSE_EQ", "NSE_EQ_NOFO"), NOON) == {"NSE_EQ": STRANGE, "NSE_EQ_NOFO": STRANGE}
    half = a_market(a_segment("NSE_EQ", **CLOSED), a_segment("NSE_EQ_NOFO"))
    assert not conflicts(half, running("NSE_EQ", "NSE_EQ_NOFO"), NOON)


def test_each_run_is_looked_at() -> None:
    both = running("MCX").runs + running("NSE_EQ").runs + running("NSE_EQ_NOFO").runs
    assert set(conflicts(MIXED, running(runs=both), NOON)) == {"NSE_EQ", "NSE_EQ_NOFO"}


@pytest.mark.parametrize(
    "feed",
    [
        running("MCX"),
        running("NSE_EQ", began=NOON - STRAY + timedelta(seconds=1)),
        running("NSE_EQ", began=ago(hours=1), last=NOON - STRAY),
        running("CDS"),
        running(),
    ],
)
def test_open_segments_short_runs_and_old_ones_are_no_conflict(feed: FeedReport) -> None:
    assert not conflicts(MIXED, feed, NOON)


def test_a_run_is_told_up_to_a_minute_after_its_last_tick() -> None:
    late = running("NSE_EQ", began=ago(hours=1), last=NOON - STRAY + timedelta(seconds=1))
    assert conflicts(MIXED, late, NOON)


@pytest.mark.parametrize(
    ("changes", "odd"),
    [
        ({"since": NOON - TAIL - STRAY}, True),
        ({"since": NOON - TAIL - STRAY + timedelta(seconds=1)}, False),
        ({"next_at": NOON + MORNING + timedelta(seconds=1)}, True),
        ({"next_at": NOON + MORNING}, False),
        ({"next_at": None}, True),
        ({"session": "mock"}, False),
        ({"phase": "break"}, False),
        ({"expected": "dense"}, False),
    ],
)
def test_settlement_prices_after_the_close_and_resets_before_the_opening_are_no_session(
    changes: dict[str, Any],
    odd: bool,  # noqa: FBT001 - a column of the table
) -> None:
    market = a_market(a_segment("NSE_EQ", **CLOSED | changes), a_segment("MCX"))
    assert bool(conflicts(market, running("NSE_EQ", began=ago(hours=2)), NOON)) is odd


def test_the_patience_with_closed_segments_is_the_agreed_one() -> None:
    assert timedelta(minutes=1) == STRAY
    assert timedelta(minutes=5) == SILENCE
    assert (timedelta(hours=1), timedelta(hours=2)) == (TAIL, MORNING)


@pytest.mark.parametrize(("before", "odd"), [(30, False), (31, True)])
def test_the_half_hour_before_an_opening_is_noisy(before: int, *, odd: bool) -> None:
    closed = a_segment(**CLOSED | {"since": ago(hours=9), "next_at": NOON + timedelta(minutes=before)})
    feed = a_feed(last_tick_at=NOON, up_since=ago(minutes=10))
    assert bool(conflicts(a_market(closed), feed, NOON)) is odd


@pytest.mark.parametrize("state", ["connected", "streaming", "stale"])
def test_an_open_line_listens_whatever_it_is_called(state: str) -> None:
    feed = a_feed(state=state, reason=None, last_tick_at=ago(minutes=6))
    assert conflicts(LIVE, feed, NOON)


def test_the_silence_begins_with_the_first_segment_that_is_due() -> None:
    market = a_market(a_segment("NSE_EQ", since=ago(minutes=6)), a_segment("NFO", since=ago(minutes=1)))
    feed = a_feed(state="stale", reason="stall", last_tick_at=None, usable_since=ago(hours=1))
    assert set(conflicts(market, feed, NOON)) == {"NSE_EQ", "NFO"}


@pytest.mark.parametrize("other", [{"expected": "sparse"}, {"state": "closing_auction", "expected": "dense"}])
def test_a_segment_that_is_live_without_dense_data_or_dense_without_being_live_is_not_named(
    other: dict[str, Any],
) -> None:
    market = a_market(a_segment("NSE_EQ"), a_segment("NFO", **other))
    feed = a_feed(state="stale", reason="stall", last_tick_at=None)
    assert set(conflicts(market, feed, NOON)) == {"NSE_EQ"}
    assert not conflicts(a_market(a_segment("NFO", **other)), feed, NOON)


def test_a_segment_that_is_live_with_sparse_data_begins_no_silence() -> None:
    market = a_market(
        a_segment("NSE_EQ", since=ago(minutes=1)), a_segment("NFO", expected="sparse", since=ago(hours=1))
    )
    feed = a_feed(state="stale", reason="stall", last_tick_at=None, usable_since=ago(hours=1))
    assert not conflicts(market, feed, NOON)
