"""A made-up market for what is stored: full ticks with five levels of depth, most of them of a few instruments.

Prices walk, totals grow, sums of the book drift; the book's quantities and orders are thrown anew with each tick, which
no compression can do much about: a real book changes less.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

from tradewarden.feed.record import HAS_FULL, NANOSECONDS, RECORD, DepthLayout, Frame, Kind

INSTRUMENTS = 128
FRAME = 50  # records
LOT = 25
_LEVELS = Struct(">" + "IiHxx" * 10)


@dataclass(slots=True)
class _Paper:
    """One instrument; prices in paise."""

    token: int
    base: int
    price: int
    high: int
    low: int
    oi: int
    buy: int
    sell: int
    volume: int = 0
    turnover: int = 0


class Market:
    """So many instruments; the n-th is traded 1/n as often as the first."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._papers = [self._paper(number) for number in range(INSTRUMENTS)]
        self._weights = [1 / (number + 1) ** 1.1 for number in range(INSTRUMENTS)]

    def _paper(self, number: int) -> _Paper:
        base, chance = self._chance.randint(50, 25_000) * 100, self._chance
        sums = (chance.randint(10**5, 9 * 10**5) for _ in range(2))
        return _Paper((1000 + number) << 8 | 2, base, base, base, base, chance.randint(10**6, 2 * 10**6), *sums)

    def frames(self, count: int, first_seq: int, begin_ns: int, rate: float) -> Iterator[Frame]:
        """So many ticks in frames of fifty, so many a second."""
        now = begin_ns
        for start in range(0, count, FRAME):
            some = min(FRAME, count - start)
            papers = self._chance.choices(self._papers, self._weights, k=some)
            yield Frame(first_seq + start, some, now, b"".join(self._record(paper, now) for paper in papers))
            now += int(some / rate * NANOSECONDS * (0.5 + self._chance.random()))

    def _record(self, paper: _Paper, now: int) -> bytes:
        rnd = self._chance.random
        quantity = (1 + int(rnd() * 39)) * LOT
        price = paper.price = max(100, paper.price + (int(rnd() * 5) - 2) * 5)
        paper.high, paper.low = max(paper.high, price), min(paper.low, price)
        paper.volume += quantity
        paper.turnover += quantity * price
        paper.buy += (int(rnd() * 400) - 200) * LOT
        paper.sell += (int(rnd() * 400) - 200) * LOT
        if rnd() < 0.3:
            paper.oi += (int(rnd() * 20) - 10) * LOT
        second = now // NANOSECONDS * NANOSECONDS
        return RECORD.pack(
            Kind.TICK, 2, 0, HAS_FULL, DepthLayout.KITE, paper.token, second, second - int(rnd() * 2) * NANOSECONDS,
            price, quantity, paper.turnover // paper.volume, paper.volume, paper.buy, paper.sell,
            paper.base, paper.high, paper.low, paper.base - 500, paper.oi, paper.oi + 1000, paper.oi - 1000,
            self._book(price),
        )  # fmt: skip

    def _book(self, price: int) -> bytes:
        rnd = self._chance.random
        levels = []
        for step in (-5, 5):
            for level in range(1, 6):
                levels += [(1 + int(rnd() * 199)) * LOT, price + step * level, 1 + int(rnd() * 59)]
        return _LEVELS.pack(*levels)
