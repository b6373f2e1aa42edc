"""The states of a market segment, as the design has them, and what each makes due."""

from __future__ import annotations

import pytest

from tradewarden.machines.market_state import STATES
from tradewarden.machines.session import EXPECTED, PHASES


def test_trading_makes_dense_data_due_auctions_sparse_and_a_closed_or_halted_market_none() -> None:
    assert dict(STATES) == {
        "closed": "none",
        "pre_open": "sparse",
        "live": "dense",
        "closing_auction": "sparse",
        "post_close": "sparse",
        "halted": "none",
    }


def test_nobody_changes_them() -> None:
    with pytest.raises(TypeError):
        STATES["live"] = "none"  # type: ignore[index]


def test_every_phase_of_a_calendar_belongs_to_one_and_each_amount_is_known() -> None:
    assert {phase.partition(".")[0] for phase in PHASES} < set(STATES)
    assert set(STATES.values()) == set(EXPECTED)
