"""The original system's field names: always there, of the original's types, whatever the desk is up to."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest

from pictures import REQUIRED, a_feed, a_market, a_picture, a_segment, all_well, an_auth, at, weekend
from tradewarden.http.original import auth_words, feed_words, market_words, phase_of, priority

AUTH = ("unknown", "required", "exchanging", "verifying", "valid", "expiring", "expired")
FEED = ("halted", "blocked_on_auth", "connecting", "connected", "streaming", "stale", "backing_off")


@pytest.mark.parametrize(
    ("state", "phase", "expected"),
    [
        ("pre_open", "entry", "PRE_OPEN"),
        ("pre_open", "limit_only", "PRE_OPEN"),
        ("pre_open", "random_close", "PRE_OPEN"),
        ("pre_open", "match", "AUCTION_FREEZE"),
        ("pre_open", "buffer", "AUCTION_FREEZE"),
        ("live", "continuous", "LIVE"),
        *(
            ("closing_auction", phase, "LIVE")
            for phase in ("reference", "entry", "limit_only", "random_close", "match")
        ),
        ("post_close", "post_close", "CLOSED"),
        ("closed", "night", "CLOSED"),
        ("halted", "manual", "CLOSED"),
        ("unknown", "past_coverage", "CLOSED"),
    ],
)
def test_a_phase_of_the_day_has_one_of_four_names(state: str, phase: str, expected: str) -> None:
    assert phase_of(a_segment(state=state, phase=phase)) == expected


def test_a_mock_session_is_closed_and_a_special_one_is_live() -> None:
    assert phase_of(a_segment(session="mock")) == "CLOSED"
    assert phase_of(a_segment(session="special")) == "LIVE"


@pytest.mark.parametrize(
    ("state", "name", "valid", "login"),
    [
        ("valid", "valid", True, False),
        ("expiring", "valid", True, False),
        ("expired", "expired", False, True),
        ("required", "login_required", False, True),
        ("unknown", "refreshing", False, False),
        ("verifying", "refreshing", False, False),
        ("exchanging", "refreshing", False, False),
    ],
)
def test_the_tokens_state_has_the_originals_name(state: str, name: str, valid: bool, login: bool) -> None:  # noqa: FBT001 - a table
    words = auth_words(a_picture(an_auth(state=state)), private=False)
    assert (words["state"], words["is_valid"], words["requires_login"]) == (name, valid, login)


@pytest.mark.parametrize(
    ("state", "name", "quality"),
    [
        ("halted", "disconnected", 0),
        ("blocked_on_auth", "disconnected", 0),
        ("backing_off", "disconnected", 0),
        ("connecting", "connecting", 50),
        ("connected", "connecting", 50),
        ("streaming", "connected", 100),
        ("stale", "stale", 50),
    ],
)
def test_the_feeds_state_has_the_originals_name(state: str, name: str, quality: float) -> None:
    words = feed_words(a_picture(feed=a_feed(state=state)), ticks=7)
    assert (words["state"], words["connection_quality"]) == (name, quality)
    assert (words["is_healthy"], words["is_stale"]) == (name == "connected", name == "stale")
    assert words["requires_reconnect"] == (name in ("disconnected", "stale"))


@pytest.mark.parametrize(("reconnects", "quality"), [(0, 100), (5, 100), (6, 95), (11, 70), (90, 70)])
def test_reconnects_cost_quality_but_never_more_than_thirty(reconnects: int, quality: float) -> None:
    words = feed_words(a_picture(feed=a_feed(reconnects_in_window=reconnects)), ticks=0)
    assert words["connection_quality"] == quality


def test_a_stale_feed_after_many_reconnects_has_no_negative_quality() -> None:
    assert (
        feed_words(a_picture(feed=a_feed(state="backing_off", reconnects_in_window=90)), ticks=0)["connection_quality"]
        == 0
    )


def test_every_field_is_there_with_its_type_in_every_state() -> None:
    for auth, feed, segment in product(AUTH, FEED, (a_segment(), a_segment(state="unknown", next_at=None))):
        picture = a_picture(an_auth(state=auth), a_feed(state=feed), a_market(segment))
        market, token = market_words(picture), auth_words(picture, private=True)
        stream = feed_words(picture, ticks=3)
        assert {type(market[key]) for key in ("phase", "title", "description", "icon", "color")} == {str}
        assert {type(market[key]) for key in ("is_trading_hours", "data_flow_expected")} == {bool}
        assert {type(token[key]) for key in ("is_valid", "requires_login")} == {bool}
        # Its clients call toFixed() on these without looking.
        assert {type(stream[key]) for key in ("uptime_minutes", "connection_quality")} == {float}
        assert {type(stream[key]) for key in ("total_ticks", "total_reconnects")} == {int}
        assert stream["state"] != "error"


@pytest.mark.parametrize(
    ("left", "told", "minutes"),
    [(22200, 22200, 370.0), (61, 120, 2.0), (60, 60, 1.0), (59, 60, 1.0), (52, 55, 0.9), (1, 5, 0.1), (-3, 0, 0.0)],
)
def test_the_countdown_is_in_minutes_and_in_fives_at_the_end(left: int, told: int, minutes: float) -> None:
    picture = all_well()
    segment = a_segment(next_at=picture.now + timedelta(seconds=left))
    words = market_words(a_picture(market=a_market(segment), now=picture.now))
    assert (words["seconds_to_next_phase"], words["next_phase_in_minutes"]) == (told, minutes)


@pytest.mark.parametrize(
    ("age", "told"), [(0.4, 0), (4.9, 4), (5, 5), (9.9, 5), (15, 15), (59, 55), (60, 60), (119, 60), (700, 660)]
)
def test_the_age_of_the_last_tick_gets_coarser_as_it_grows(age: float, told: float) -> None:
    picture = all_well()
    feed = a_feed(last_tick_at=picture.now - timedelta(seconds=age))
    assert feed_words(a_picture(feed=feed, now=picture.now), ticks=0)["last_tick_seconds_ago"] == told


def test_a_missing_login_asks_for_it_and_a_broken_feed_says_so_even_when_no_tick_ever_came() -> None:
    assert priority(a_picture(an_auth(**REQUIRED)))["priority_status"] == "AUTH_REQUIRED"
    never = a_feed(state="backing_off", reason="network", latched=True, last_tick_at=None)
    assert priority(a_picture(feed=never)) == {
        "priority_status": "FEED_DISCONNECTED",
        "priority_message": "Feed reconnecting",
    }
    doubt = an_auth(state="unknown", verdict=None, doubt_since=at("08:00:00"))
    assert priority(a_picture(doubt, a_feed(state="connecting")))["priority_status"] == "FEED_DISCONNECTED"


def test_a_calm_desk_shows_the_market_and_a_warning_its_own_words() -> None:
    assert priority(weekend()) == {
        "priority_status": "MARKET_SESSION",
        "priority_message": "Weekend; next: pre-open Tue 6 Jan 09:00",
    }
    expiring = a_picture(an_auth(state="expiring"))
    assert priority(expiring)["priority_message"] == "Login expires at Tue 6 Jan 06:00"


def test_a_holiday_is_named() -> None:
    segment = a_segment(state="closed", reason="Holi", expected="none", next_state="pre_open", next_at=at("09:00:00"))
    assert market_words(a_picture(market=a_market(segment)))["description"] == "Holi; next: pre-open 09:00"
