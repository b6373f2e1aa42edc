"""Whether a service may start, be started again by its keeper, and go on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tradewarden.machines.condition import Facts, parse
from tradewarden.machines.gate import OPEN, Gate, gate
from tradewarden.machines.service import ServiceState

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
SERVICES = {"redis": ServiceState.UP, "feed": ServiceState.STARTING, "chart": ServiceState.FAILED}


def facts(nse: str = "live", auth: str = "valid", **segments: str) -> Facts:
    return Facts(
        now=NOW,
        segments={"NSE_EQ": nse, **segments},
        foremost="NSE_EQ",
        next_change={"NSE_EQ": NOW + timedelta(hours=6)},
        auth={"kite": auth},
        auth_until={"kite": NOW + timedelta(hours=20)},
        services=SERVICES,
    )


def of(needs: tuple[str, ...] = (), *conditions: str, known: Facts | None = None) -> Gate:
    return gate(needs, [parse(each) for each in conditions], known or facts())


def test_a_service_without_conditions_may_start_at_any_time() -> None:
    assert of() == OPEN == Gate(reason=None, bars=False, stops=False, until=None)
    assert OPEN.is_open
    assert not Gate(reason="x").is_open


def test_a_need_holds_up_its_start_and_no_more() -> None:
    assert of(("redis",)) == OPEN
    assert of(("redis", "feed", "chart")) == Gate(reason="waits for feed, which is starting")


def test_a_condition_bars_its_keeper_too() -> None:
    why = "waits for auth to be valid: it is expired"
    assert of((), "auth valid", known=facts(auth="expired")) == Gate(reason=why, bars=True)
    assert of(("feed",), "auth valid", known=facts(auth="expired")).reason == why


def test_the_end_of_the_market_stops_what_runs_whatever_else_is_missing() -> None:
    known = facts(nse="closed", auth="expired")
    why = "waits for market.NSE_EQ to be live: it is closed"
    assert of((), "auth valid", "market in (live)", known=known) == Gate(reason=why, bars=True, stops=True)
    known = facts(MCX="closed")
    assert of((), "market.MCX in (live)", known=known).stops


@pytest.mark.parametrize("known", [facts(nse="unknown"), facts(MCX="live")])
def test_a_market_that_nobody_knows_stops_nothing(known: Facts) -> None:
    segment = "NSE_EQ" if known.segments["NSE_EQ"] == "unknown" else "CDS"
    found = of((), f"market.{segment} in (live)", known=known)
    assert (found.bars, found.stops) == (True, False)


def test_the_keepers_permission_ends_with_the_first_condition_that_does() -> None:
    assert of((), "auth valid") == Gate(until=NOW + timedelta(hours=20))
    assert of((), "auth valid", "market in (live)", "service redis up") == Gate(until=NOW + timedelta(hours=6))
    assert of(("feed",), "auth valid") == Gate(
        reason="waits for feed, which is starting", until=NOW + timedelta(hours=20)
    )
