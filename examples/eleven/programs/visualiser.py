#!/usr/bin/env python3
"""A visualiser: one picture of the feed in plain characters, a new one every two seconds.

visualiser.py tick-chart | volume-profile | breadth | heat-map | tape        FEED_PORT says where the feed is
"""

from __future__ import annotations

import sys
import time
from collections import Counter, deque
from collections.abc import Callable

from bus import Quote, batches
from life import Life

EVERY = 2.0  # seconds
BARS = "▁▂▃▄▅▆▇█"
CHARTED = "NIFTY-NOV"


class Seen:
    """What a picture is made of."""

    def __init__(self) -> None:
        self.newest: dict[str, Quote] = {}
        self.ticks: deque[float] = deque(maxlen=60)  # of the instrument that is charted
        self.volume: Counter[float] = Counter()  # of the same, by price
        self.quotes = 0

    def take(self, batch: list[Quote]) -> None:
        """Remember what the pictures need."""
        self.quotes += len(batch)
        for quote in batch:
            self.newest[quote["symbol"]] = quote
            if quote["symbol"] == CHARTED:
                self.ticks.append(quote["price"])
                self.volume[round(quote["price"] / 10) * 10] += quote["quantity"]


def heights(values: list[float]) -> str:
    """One bar a value, from the lowest to the highest."""
    low, high = min(values), max(values)
    return "".join(BARS[int((value - low) / ((high - low) or 1) * (len(BARS) - 1))] for value in values)


def tick_chart(seen: Seen) -> str:
    """The last prices of one instrument."""
    return f"{CHARTED} {heights(list(seen.ticks))} {seen.ticks[-1]:,.2f}" if seen.ticks else f"{CHARTED} …"


def volume_profile(seen: Seen) -> str:
    """How much was traded at which price."""
    levels = sorted(seen.volume)
    if not levels:
        return f"{CHARTED} …"
    point = max(levels, key=lambda level: seen.volume[level])
    bars = heights([float(seen.volume[level]) for level in levels])
    return f"{CHARTED} {levels[0]:,.0f} {bars} {levels[-1]:,.0f}, most at {point:,.0f}"


def breadth(seen: Seen) -> str:
    """How many rise and how many fall."""
    up = sum(quote["change"] > 0 for quote in seen.newest.values())
    down = sum(quote["change"] < 0 for quote in seen.newest.values())
    return f"{up} rise, {down} fall, {len(seen.newest) - up - down} stand still"


def heat_map(seen: Seen) -> str:
    """Who moved most."""
    ranked = sorted(seen.newest.values(), key=lambda quote: quote["change"])
    ends = {quote["symbol"]: quote for quote in (*ranked[:3], *ranked[-3:])}.values()
    return " ".join(f"{quote['symbol']} {quote['change']:+.2f}%" for quote in ends) or "…"


def tape(seen: Seen) -> str:
    """The last trades, newest first."""
    last = sorted(seen.newest.values(), key=lambda quote: -quote["at"])[:4]
    return " · ".join(f"{quote['symbol']} {quote['quantity']} @ {quote['price']:,.2f}" for quote in last) or "…"


PICTURES: dict[str, Callable[[Seen], str]] = {
    "tick-chart": tick_chart,
    "volume-profile": volume_profile,
    "breadth": breadth,
    "heat-map": heat_map,
    "tape": tape,
}


def show(name: str) -> None:
    """Draw until somebody says stop."""
    life, seen, picture = Life(), Seen(), PICTURES[name]
    life.say(f"{name}: a new picture every {EVERY:g} s")
    due = 0.0
    for batch in batches(life, "feed"):
        seen.take(batch)
        if time.monotonic() >= due:
            due = time.monotonic() + EVERY
            life.say(picture(seen))
            life.status(picture(seen), quotes=seen.quotes)
    life.say(f"{name}: stopped after {seen.quotes} quotes")


if __name__ == "__main__":
    if sys.argv[1:] not in ([name] for name in PICTURES):
        raise SystemExit(f"usage: visualiser.py {' | '.join(PICTURES)}")
    show(sys.argv[1])
