#!/usr/bin/env python3
"""The feed: quotes of one exchange, made up here where the broker's would come in, for whoever listens.

feed.py NFO | MCX        PORT says where it is listened to, BATCHES how many it sends a second (10)
"""

from __future__ import annotations

import os
import random
import sys
import time

from bus import Publisher, Quote, port_of
from life import Life

A_BATCH = 50
EXCHANGES = {
    "NFO": {"NIFTY": 24_500.0, "BANKNIFTY": 52_300.0, "RELIANCE": 1_540.0, "INFY": 1_610.0, "HDFCBANK": 990.0},
    "MCX": {"GOLD": 121_400.0, "SILVER": 148_900.0, "CRUDEOIL": 5_310.0, "NATURALGAS": 402.0, "COPPER": 1_012.0},
}
MONTHS = ("NOV", "DEC", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG")


class Prices:
    """A price for each future of the exchange that wanders as prices do."""

    def __init__(self, spots: dict[str, float], chance: random.Random) -> None:
        self._chance = chance
        self._began = {
            f"{name}-{month}": round(spot * (1 + nth / 200), 2)
            for name, spot in spots.items()
            for nth, month in enumerate(MONTHS)
        }
        self._now = dict(self._began)

    def batch(self, at: float) -> list[Quote]:
        """What was traded last, of instruments that chance picks."""
        return [self._trade(symbol, at) for symbol in self._chance.choices(list(self._now), k=A_BATCH)]

    def _trade(self, symbol: str, at: float) -> Quote:
        price = self._now[symbol] = round(self._now[symbol] * (1 + self._chance.gauss(0, 0.0004)), 2)
        change = round(100 * (price / self._began[symbol] - 1), 3)
        return {"symbol": symbol, "price": price, "change": change, "quantity": self._chance.randint(1, 500), "at": at}


def feed(exchange: str, port: int, a_second: float) -> None:
    """Send until somebody says stop."""
    life, prices = Life(), Prices(EXCHANGES[exchange], random.Random())  # noqa: S311 - prices, no secrets
    publisher, sent, next_at = Publisher(port), 0, time.monotonic()
    life.say(f"{exchange}: {A_BATCH} quotes a batch, {a_second:g} batches/s, at 127.0.0.1:{port}")
    while not life.stopping:
        publisher.serve(life, next_at - time.monotonic())
        if time.monotonic() < next_at:
            continue
        next_at = max(next_at + 1 / a_second, time.monotonic())
        publisher.send(prices.batch(time.time()))
        sent += A_BATCH
        life.status(f"{exchange}: {sent} quotes, {publisher.listeners} programs listen", quotes=sent)
    publisher.close()
    life.say(f"{exchange}: stopped after {sent} quotes")


if __name__ == "__main__":
    if sys.argv[1:] not in ([name] for name in EXCHANGES):
        raise SystemExit(f"usage: feed.py {' | '.join(EXCHANGES)}")
    feed(sys.argv[1], port_of("PORT"), float(os.environ.get("BATCHES", "10")))
