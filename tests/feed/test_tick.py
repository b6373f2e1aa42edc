from __future__ import annotations

import pytest

from tradewarden.feed.tick import Depth, FullTick, IndexTick, LtpTick, Mode, QuoteTick, Tick


def test_prices_become_rupees_only_when_asked_for() -> None:
    tick = LtpTick(408065, 141295)
    assert (tick.last_price_raw, tick.divisor, tick.last_price) == (141295, 100, 1412.95)


def test_a_currency_future_keeps_its_seven_decimals() -> None:
    assert LtpTick(0x103, 832512500, divisor=10_000_000).last_price == 83.25125


def test_a_price_can_be_below_zero() -> None:
    assert LtpTick(0x107, -288400).last_price == -2884.0


def test_what_a_kind_of_tick_does_not_carry_is_none() -> None:
    tick: Tick = LtpTick(408065, 141295)
    assert tick.mode is Mode.LTP
    assert (tick.volume, tick.close, tick.change, tick.exchange_ts, tick.depth) == (None,) * 5
    assert isinstance(IndexTick(256265, 1).mode, Mode)


def test_the_change_is_in_percent_of_the_last_close_and_zero_without_one() -> None:
    assert QuoteTick(408065, 11000, close_raw=10000).change == 10.0
    assert QuoteTick(408065, 11000, close_raw=0).change == 0


def test_an_index_cannot_be_bought() -> None:
    assert not IndexTick(256265, 2500000).tradable
    assert LtpTick(408065, 1).tradable


def test_an_empty_book_has_five_empty_levels_on_each_side() -> None:
    assert FullTick(408065, 1).depth == Depth(((0, 0.0, 0),) * 5, ((0, 0.0, 0),) * 5)


def test_a_tick_has_no_room_for_a_field_that_is_not_its_own() -> None:
    with pytest.raises(TypeError, match="LtpTick has no volume"):
        LtpTick(408065, 1, volume=3)
    with pytest.raises(AttributeError):
        LtpTick(408065, 1).somthing = 1  # type: ignore[attr-defined]


def test_a_tick_names_itself_in_a_line() -> None:
    assert repr(FullTick(408065, 141295)) == "<FullTick 408065 1412.95>"
