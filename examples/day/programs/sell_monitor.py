#!/usr/bin/env python3
"""While the market is open: what was ordered is held, and sold as soon as its price has gone far enough either way.

sell_monitor.py FOLDER BARS [SECONDS]        the book, the last closes, and how often to look (1)

Prices are made up: they wander off the last close. It ends on SIGTERM, when the desk closes its window.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from pathlib import Path
from types import FrameType

from book import HELD, PLACED, SOLD, Book, closes, hand_back, opened

TARGET, STOP = 1.02, 0.99
STEP = 0.004  # of the price, at one look


class Asked(Exception):  # noqa: N818 - somebody asked, which is no error
    """The window closes."""


def asked(_number: int, _frame: FrameType | None) -> None:
    """End at the next line."""
    raise Asked


def look(book: Book, prices: dict[str, float], chance: random.Random) -> int:
    """One look at the market: how much was sold."""
    for order in book.of(PLACED):
        order.state = HELD
    sold = 0
    for order in book.of(HELD):
        price = prices[order.symbol] = prices.get(order.symbol, order.price) * (1 + chance.uniform(-STEP, STEP))
        if not STOP < price / order.price < TARGET:
            order.state, order.sold_at = SOLD, round(price, 2)
            print(f"sold {order.quantity} {order.symbol} at {price:.2f}", flush=True)
            sold += 1
    return sold


def watch(folder: str, bars: str, seconds: float) -> None:
    """Look until the window closes; a sale is in the book before the next look."""
    prices, chance = closes(bars), random.Random()  # noqa: S311 - prices, no secrets
    sold = held = 0
    signal.signal(signal.SIGTERM, asked)
    try:
        while True:
            with opened(folder) as book:
                sold += look(book, prices, chance)
                held = len(book.of(HELD))
            _status(f"{held} held, {sold} sold today")
            signal.sigtimedwait([], seconds)
    except Asked:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    hand_back(sold=sold, held=held)


def _status(text: str) -> None:
    if file := os.environ.get("TRADEWARDEN_STATUS_FILE"):
        Path(file).write_text(json.dumps({"text": text}) + "\n", encoding="utf-8")


if __name__ == "__main__":
    match sys.argv[1:]:
        case [folder, bars]:
            watch(folder, bars, 1.0)
        case [folder, bars, seconds]:
            watch(folder, bars, float(seconds))
        case _:
            raise SystemExit("usage: sell_monitor.py FOLDER BARS [SECONDS]")
