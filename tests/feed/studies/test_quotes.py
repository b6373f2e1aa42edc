from __future__ import annotations

import time

from tradewarden.feed.doubt import Doubt
from tradewarden.feed.record import Mark
from tradewarden.feed.studies.quotes import Quotes
from tradewarden.feed.tick import FullTick, LtpTick


def test_the_latest_tick_of_each_instrument_is_known_with_its_receipt() -> None:
    now = [1000]
    quotes = Quotes(lambda: now[0])
    quotes.take([FullTick(1, 100, volume=5), LtpTick(2, 200)], {})
    now[0] = 2000
    quotes.take([FullTick(1, 101, volume=7), FullTick(1, 102, volume=8)], {})
    assert len(quotes) == 2
    one, two = quotes.rows()
    assert (one.instrument, one.last_price, one.volume, one.received_ns) == (1, 102, 8, 2000)
    assert (two.instrument, two.last_price, two.received_ns, two.has) == (2, 200, 1000, 1 << 2)
    assert [row.instrument for row in quotes.rows([2, 3])] == [2]


def test_a_doubtful_tick_bears_its_mark_until_the_next_one() -> None:
    quotes = Quotes(lambda: 0)
    price = Doubt.NOT_POSITIVE
    quotes.take([FullTick(1, -5), FullTick(2, 7)], {0: [price, Doubt.LOW_ABOVE_HIGH, Doubt.PAST]})
    one, two = quotes.rows()
    assert (one.marks, two.marks) == (Mark.PRICE | Mark.TIME, 0)
    quotes.take([FullTick(1, 5)], {})
    assert next(iter(quotes.rows([1]))).marks == 0
    quotes.take([FullTick(1, -5), FullTick(1, 6)], {0: [price]})
    assert next(iter(quotes.rows([1]))).marks == 0


def test_it_costs_the_hot_path_next_to_nothing() -> None:
    quotes = Quotes(lambda: 0)
    ticks = [FullTick(token, 100) for token in range(100)]
    begun = time.process_time()
    for _ in range(1000):
        quotes.take(ticks, {})
    assert (time.process_time() - begun) / 100_000 < 2e-6  # seconds a tick; 0.2 on a quiet machine
