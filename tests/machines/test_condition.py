"""What a service waits for: how it is written, when it holds, and the sentence that a trader reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from tradewarden.machines.condition import (
    ALLOWED,
    MARKET_STATES,
    STANDS,
    USABLE,
    Condition,
    Facts,
    Flows,
    InMarket,
    ServiceUp,
    TokenValid,
    behind,
    lasts_until,
    parse,
    unmet,
)
from tradewarden.machines.service import ServiceState

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


def facts(**known: Any) -> Facts:
    usual: dict[str, Any] = {
        "now": NOW,
        "segments": {"NSE_EQ": "closed", "MCX": "live"},
        "foremost": "NSE_EQ",
        "auth": {"kite": "valid", "second": "expired"},
        "services": {"redis": ServiceState.UP, "feed": ServiceState.STARTING, "schema": ServiceState.DONE},
        "flows": {"redis:ticks": 0.25, "journal": 20.0, "feed": None},
    }
    return Facts(**{**usual, **known})


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("market in (pre_open, live)", InMarket(None, ("pre_open", "live"))),
        ("  market   in (live,)  ", InMarket(None, ("live",))),
        ("market.MCX in (live)", InMarket("MCX", ("live",))),
        ("market.NSE_EQ in (closed,halted)", InMarket("NSE_EQ", ("closed", "halted"))),
        ("auth valid", TokenValid("kite")),
        ("auth.my-second valid", TokenValid("my-second")),
        ("flow redis:ticks >= 1/s", Flows("redis:ticks", 1.0)),
        ("flow mysql:ticks_live>=0.5 / s", Flows("mysql:ticks_live", 0.5)),
        ("flow journal >= 20/s", Flows("journal", 20.0)),
        ("flow feed >= 12.5/s", Flows("feed", 12.5)),
        ("service db-writer up", ServiceUp("db-writer")),
    ],
)
def test_a_condition_is_written_like_this(text: str, condition: Condition) -> None:
    assert parse(text) == condition


@pytest.mark.parametrize(
    "text",
    [
        "",
        "market",
        "market open",
        "market in live",
        "auth",
        "auth invalid",
        "flow redis >= 1/s",
        "flow redis:ticks > 1/s",
        "flow redis:ticks >= 1",
        "flow redis:ticks >= -1/s",
        "flow influx:ticks >= 1/s",
        "service up",
        "service a b up",
        "redis up",
    ],
)
def test_another_text_is_none_and_what_is_allowed_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="is no condition; allowed are") as caught:
        parse(text)
    assert str(caught.value) == f"{text!r} is no condition; {ALLOWED}"


def test_what_is_allowed_is_what_can_be_written() -> None:
    assert ALLOWED == (
        "allowed are `market in (pre_open, live)`, `market.SEGMENT in (live)`, `auth valid`, `auth.ACCOUNT valid`, "
        "`flow SOURCE >= NUMBER/s` (SOURCE: feed, journal, redis:STREAM or mysql:TABLE) and `service NAME up`"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("market in (open)", "'open' is no state of a market"),
        ("market in (live, lunch)", "'lunch' is no state of a market"),
        ("market in (unknown)", "'unknown' is no state of a market"),
        ("market in ()", "no state of a market is named"),
    ],
)
def test_a_state_that_no_market_has_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match="known: closed, ") as caught:
        parse(text)
    known = "closed, pre_open, live, closing_auction, post_close, halted"
    assert str(caught.value) == f"{text!r}: {why}; known: {known}"


def test_a_flow_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="name a number above 0") as caught:
        parse("flow journal >= 0/s")
    assert str(caught.value) == "'flow journal >= 0/s': a flow of nothing always holds; name a number above 0"


def test_the_words_are_the_agreed_ones() -> None:
    assert get_args(Condition) == (InMarket, TokenValid, Flows, ServiceUp)
    assert MARKET_STATES == ("closed", "pre_open", "live", "closing_auction", "post_close", "halted")
    assert frozenset({"valid", "expiring"}) == USABLE
    assert frozenset({ServiceState.UP, ServiceState.DONE}) == STANDS


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("market in (pre_open, live)", "waits for market.NSE_EQ to be pre_open or live: it is closed"),
        ("market in (closed)", None),
        ("market.MCX in (live)", None),
        ("market.MCX in (closed)", "waits for market.MCX to be closed: it is live"),
        ("market.CDS in (live)", "waits for market.CDS to be live: this desk does not follow it"),
        ("auth valid", None),
        ("auth.second valid", "waits for auth.second to be valid: it is expired"),
        ("auth.third valid", "waits for auth.third to be valid: no such account is known"),
        ("flow journal >= 20/s", None),
        ("flow journal >= 20.5/s", "waits for journal >= 20.5/s: 20/s arrive"),
        ("flow redis:ticks >= 1/s", "waits for redis:ticks >= 1/s: 0.25/s arrive"),
        ("flow feed >= 1/s", "waits for feed >= 1/s: nothing is known of it yet"),
        ("flow mysql:x >= 1/s", "waits for mysql:x >= 1/s: nothing is known of it yet"),
        ("service redis up", None),
        ("service schema up", None),
        ("service feed up", "waits for feed, which is starting"),
    ],
)
def test_what_is_not_met_says_what_it_waits_for_and_how_that_stands(text: str, why: str | None) -> None:
    assert unmet(parse(text), facts()) == why


@pytest.mark.parametrize(("state", "is_met"), [("valid", True), ("expiring", True), ("verifying", False)])
def test_a_token_that_ends_soon_is_still_one(state: str, is_met: bool) -> None:  # noqa: FBT001 - drawn
    why = unmet(parse("auth valid"), facts(auth={"kite": state}))
    assert why == (None if is_met else f"waits for auth to be valid: it is {state}")


@pytest.mark.parametrize(
    ("state", "how"),
    [
        (ServiceState.DOWN, "is down"),
        (ServiceState.WAITING, "is waiting itself"),
        (ServiceState.STARTING, "is starting"),
        (ServiceState.STOPPING, "is stopping"),
        (ServiceState.BACKING_OFF, "has ended and is tried again in a moment"),
        (ServiceState.PAUSED, "ended too often and is paused"),
        (ServiceState.FAILED, "has failed"),
    ],
)
def test_whoever_needs_another_service_says_how_that_one_does(state: ServiceState, how: str) -> None:
    assert behind("db", {"db": state}) == f"waits for db, which {how}"


def test_a_service_that_works_or_has_done_its_work_holds_nobody_up() -> None:
    for state in (ServiceState.UP, ServiceState.DONE):
        assert behind("db", {"db": state}) is None
    assert behind("db", {}) == "waits for db, which this desk does not know"


def test_a_market_lasts_until_the_first_change_to_a_state_that_is_not_wanted() -> None:
    ahead = {
        "NSE_EQ": (
            (NOW - timedelta(hours=1), "closed"),
            (NOW, "closed"),
            (NOW + timedelta(hours=1), "live"),
            (NOW + timedelta(hours=6), "post_close"),
            (NOW + timedelta(hours=7), "closed"),
        )
    }
    known = facts(ahead=ahead, next_change={"NSE_EQ": NOW})
    assert lasts_until(parse("market in (pre_open, live)"), known) == NOW + timedelta(hours=6)
    assert lasts_until(parse("market.NSE_EQ in (pre_open, live, post_close)"), known) == NOW + timedelta(hours=7)
    assert lasts_until(parse("market in (pre_open)"), known) == NOW + timedelta(hours=1)
    assert lasts_until(parse("market in (live, post_close, closed)"), known) is None


def test_of_a_market_whose_later_changes_nobody_told_the_next_one_counts() -> None:
    known = facts(next_change={"MCX": NOW})
    assert lasts_until(parse("market.MCX in (live)"), known) == NOW
    assert lasts_until(parse("market in (live)"), known) is None


def test_a_token_lasts_until_it_expires_and_of_the_rest_nobody_knows() -> None:
    known = facts(auth_until={"kite": NOW, "second": None})
    assert lasts_until(parse("auth valid"), known) == NOW
    assert lasts_until(parse("auth.second valid"), known) is None
    assert lasts_until(parse("auth.third valid"), known) is None
    assert lasts_until(parse("flow journal >= 1/s"), known) is None
    assert lasts_until(parse("service redis up"), known) is None
