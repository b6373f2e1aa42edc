"""A record as a line of text: what every server that takes lines reads."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewarden.feed.names import Name
from tradewarden.feed.record import FIELDS, HAS_LTP, RECORD, Frame, Kind, Mark, pack
from tradewarden.feed.sinks.line_protocol import Lines, instrument_line
from tradewarden.feed.tick import FullTick, LtpTick, Tick

INFY = 408065
NOW_NS = 1_795_578_300_123_456_789
LEVELS = b"".join((level + 1).to_bytes(4) + (150_000 + level).to_bytes(4) + b"\0\7\0\0" for level in range(10))


def line(tick: Tick, *, seq: int = 7, levels: int = 1, marks: int = 0) -> str:
    (told,) = Lines(levels).of([Frame(seq, 1, NOW_NS, pack(tick, marks))])
    return told.decode()


def test_a_last_price_is_one_short_line() -> None:
    assert line(LtpTick(256265, 2_450_005), marks=Mark.PRICE) == (
        f"ticks,instrument=256265 seq=7i,received_ns={NOW_NS}i,marks=1i,last_price=2450005e-2 1795578300123000007"
    )


def test_a_full_tick_has_every_field_that_came_and_the_best_of_each_side() -> None:
    tick = FullTick(INFY, -5, exchange_ts=1_795_578_300, volume=9, depth_block=LEVELS)
    assert line(tick) == (
        f"ticks,instrument=408065 seq=7i,received_ns={NOW_NS}i,marks=0i,"
        "exchange_ns=1795578300000000000i,last_trade_ns=0i,last_price=-5e-2,last_quantity=0i,average_price=0e-2,"
        "volume=9i,buy_quantity=0i,sell_quantity=0i,open=0e-2,high=0e-2,low=0e-2,close=0e-2,oi=0i,oi_high=0i,oi_low=0i,"
        "bid_quantity_1=1i,bid_price_1=150000e-2,bid_orders_1=7i,ask_quantity_1=6i,ask_price_1=150005e-2,ask_orders_1=7i"
        " 1795578300123000007"
    )


def test_as_many_levels_are_told_as_are_asked_for() -> None:
    tick = FullTick(INFY, 1, depth_block=LEVELS)
    prices = [re.findall(r"(?:bid|ask)_price_\d=(\d+)e-2", line(tick, levels=levels)) for levels in (0, 2, 5)]
    assert prices == [
        [],
        ["150000", "150001", "150005", "150006"],
        [str(150_000 + level) for level in range(10)],
    ]


def test_only_the_fields_that_came_are_told_also_when_none_did() -> None:
    few = HAS_LTP | 1 << FIELDS.index("oi_low")
    records = b"".join(RECORD.pack(1, 2, 0, has, 0, INFY, *range(15), bytes(120)) for has in (few, 0))
    first, second = Lines().of([Frame(7, 2, NOW_NS, records)])
    start = f"ticks,instrument={INFY} seq=%di,received_ns={NOW_NS}i,marks=0i"
    assert first.decode() == f"{start % 7},last_price=2e-2,oi_low=14i 1795578300123000007"
    assert second.decode() == f"{start % 8} 1795578300123000008"


def test_a_price_is_its_raw_number_and_a_power_of_ten_so_that_nothing_is_rounded() -> None:
    assert "last_price=8412345e-7," in line(FullTick(1027, 8_412_345, 10_000_000))
    assert float("8412345e-7") == 0.8412345


@pytest.mark.parametrize(("kind", "measurement"), [(Kind.ODDS, "odds"), (Kind.DEPTH, "depths"), (99, "kind_99")])
def test_other_kinds_are_measurements_of_their_own_also_unknown_ones(kind: int, measurement: str) -> None:
    record = RECORD.pack(kind, 8, 0, HAS_LTP, 0, 5, 0, 0, 100, *[0] * 12, bytes(120))
    (told,) = Lines().of([Frame(1, 1, NOW_NS, record)])
    assert told.startswith(f"{measurement},instrument=5 seq=1i,".encode())
    assert b",last_price=100e-8 " in told


def _moment(received_ns: int, seq: int) -> int:
    (told,) = Lines().of([Frame(seq, 1, received_ns, pack(LtpTick(INFY, 1)))])
    return int(told.rpartition(b" ")[2])


@given(
    st.lists(st.tuples(st.integers(0, 2_000), st.integers(1, 3_000_000)), unique_by=lambda pair: pair[1], min_size=2)
)
def test_no_two_records_share_a_moment_unless_a_million_numbers_lie_between_them(pairs: list[tuple[int, int]]) -> None:
    told: dict[int, tuple[int, int]] = {}
    for microseconds, seq in pairs:
        moment = _moment(NOW_NS + microseconds * 1000, seq)
        other = told.setdefault(moment, (microseconds, seq))
        assert (seq - other[1]) % 1_000_000 == 0
        assert abs(moment - (NOW_NS + microseconds * 1000)) < 1_000_000


@pytest.mark.parametrize(
    ("symbol", "told"),
    [
        ("M&M", "M&M"),
        ("NIFTY 50", r"NIFTY\ 50"),
        ("a,b=c", r"a\,b\=c"),
        ("end\\", "end/"),
        ("two\nlines x=1", r"two\ lines\ x\=1"),
    ],
)
def test_a_symbol_cannot_end_its_tag_or_its_line(symbol: str, told: str) -> None:
    assert instrument_line(INFY, Name("NSE", symbol, "NSE", 2), 86_400) == (
        f"instruments,exchange=NSE,instrument=408065,segment=NSE,symbol={told} scale=2i 86400"
    )
