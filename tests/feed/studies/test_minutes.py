from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from tradewarden.feed.record import Frame, Mark, pack
from tradewarden.feed.studies.minutes import Bar, MinuteBars, plain
from tradewarden.feed.tick import FullTick, IndexTick, LtpTick, Tick

OPEN = 1_795_578_300  # 09:15 IST, a full minute
SHARE = 408065


def frame(ticks: Iterable[Tick], first: int = 1, *, received: int = OPEN, marks: int = 0) -> Frame:
    records = [pack(tick, marks) for tick in ticks]
    return Frame(first, len(records), received * 1_000_000_000, b"".join(records))


def full(price: int, second: int, volume: int = 0, token: int = SHARE) -> FullTick:
    return FullTick(token, price, exchange_ts=OPEN + second, volume=volume, oi=7)


def shown(bar: Bar) -> tuple[int, ...]:
    return bar.open, bar.high, bar.low, bar.close, bar.volume, bar.ticks


def test_a_minute_has_its_first_highest_lowest_and_last_price_and_what_was_traded() -> None:
    ticks = [full(100, 0, 1000), full(103, 20, 1010), full(98, 40, 1010), full(101, 59, 1025), full(102, 60, 1040)]
    bars = MinuteBars().add(plain([frame(ticks)], 0))
    assert list(bars) == [(SHARE, OPEN), (SHARE, OPEN + 60)]
    assert shown(bars[SHARE, OPEN]) == (100, 103, 98, 101, 25, 4)
    assert shown(bars[SHARE, OPEN + 60]) == (102, 102, 102, 102, 15, 1)
    assert (bars[SHARE, OPEN].first_seq, bars[SHARE, OPEN].last_seq, bars[SHARE, OPEN].oi) == (1, 4, 7)


def test_the_volume_goes_on_from_batch_to_batch_and_starts_anew_with_the_day() -> None:
    bars = MinuteBars()
    bars.add(plain([frame([full(100, 0, 1000)])], 0))
    assert bars.add(plain([frame([full(100, 1, 1005)])], 0))[SHARE, OPEN].volume == 5
    assert bars.add(plain([frame([full(100, 2, 3)])], 0))[SHARE, OPEN].volume == 0
    assert bars.add(plain([frame([full(100, 3, 10)])], 0))[SHARE, OPEN].volume == 7
    assert MinuteBars([(SHARE, 1000)]).add(plain([frame([full(100, 0, 1004)])], 0))[SHARE, OPEN].volume == 4


def test_a_tick_without_the_exchanges_time_counts_in_the_minute_of_its_receipt() -> None:
    bars = MinuteBars().add(plain([frame([LtpTick(SHARE, 100), IndexTick(256265, 5)], received=OPEN + 61)], 0))
    assert list(bars) == [(SHARE, OPEN + 60), (256265, OPEN + 60)]
    assert bars[256265, OPEN + 60].volume == 0


def test_a_doubtful_price_makes_no_bar_and_a_doubtful_time_no_minute() -> None:
    assert MinuteBars().add(plain([frame([full(0, 0)], marks=Mark.PRICE)], 0)) == {}
    late = frame([full(100, -86_400)], received=OPEN + 5, marks=Mark.TIME)
    assert list(MinuteBars().add(plain([late], 0))) == [(SHARE, OPEN)]


def test_what_is_known_already_is_left_out() -> None:
    ticks = [full(100 + second, second) for second in range(10)]
    assert [record[0] for record in plain([frame(ticks)], 7)] == [8, 9, 10]
    assert shown(MinuteBars().add(plain([frame(ticks)], 7))[SHARE, OPEN]) == (107, 109, 107, 109, 0, 3)


@settings(max_examples=40)
@given(some.lists(some.tuples(some.integers(1, 3), some.integers(1, 500), some.integers(0, 300), some.integers(0, 50))))
def test_bars_are_what_the_ticks_are_however_they_are_cut_into_batches(drawn: list[tuple[int, ...]]) -> None:
    totals: dict[int, int] = defaultdict(int)
    ticks, expected = [], defaultdict(list)
    for token, price, second, traded in drawn:
        volume = totals[token] + traded if token in totals else 0
        gained, totals[token] = volume - totals[token], volume
        ticks.append(full(price, second, volume, token))
        expected[token, OPEN + second // 60 * 60].append((price, gained))
    at_once, bars = MinuteBars().add(plain([frame(ticks)], 0)), MinuteBars()
    merged: dict[Any, list[Bar]] = defaultdict(list)
    for number, tick in enumerate(ticks, 1):
        for key, bar in bars.add(plain([frame([tick], number)], 0)).items():
            merged[key].append(bar)
    for key, made in expected.items():
        prices, volume = [price for price, _ in made], sum(gained for _, gained in made)
        told = (prices[0], max(prices), min(prices), prices[-1], volume, len(prices))
        assert shown(at_once[key]) == told
        assert sum(bar.volume for bar in merged[key]) == volume
    assert at_once.keys() == expected.keys() == merged.keys()
