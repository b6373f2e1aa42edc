#!/usr/bin/env python3
"""The instrument display: which instruments the feeds send, and how many quotes each had.

instruments.py           FEED_PORT and COMMODITIES_PORT say where the feeds are
"""

from __future__ import annotations

import time
from collections import Counter

from bus import batches
from life import Life

EVERY = 5.0  # seconds


def display() -> None:
    """Count until somebody says stop."""
    life, seen = Life(), Counter[str]()
    due = time.monotonic() + 1
    for batch in batches(life, "feed", "commodities"):
        seen.update(quote["symbol"] for quote in batch)
        life.status(f"{len(seen)} instruments, {seen.total()} quotes", instruments=len(seen))
        if time.monotonic() >= due:
            due = time.monotonic() + EVERY
            busiest = ", ".join(f"{symbol} {times}" for symbol, times in seen.most_common(3))
            life.say(f"{len(seen)} instruments; busiest: {busiest or 'none yet'}")
    life.say(f"stopped with {len(seen)} instruments seen")


if __name__ == "__main__":
    display()
