#!/usr/bin/env python3
"""Once an hour: what is held, and what it is worth by the last closes.

position_monitor.py FOLDER BARS        the book, and the bars
"""

from __future__ import annotations

import sys

from book import HELD, PLACED, closes, file_of, hand_back, read


def tell(folder: str, bars: str) -> None:
    """Look, and touch nothing."""
    prices, book = closes(bars), read(file_of(folder))
    held = book.of(HELD)
    worth = sum(prices.get(order.symbol, order.price) * order.quantity for order in held)
    hand_back(held=len(held), placed=len(book.of(PLACED)), rupees=round(worth))


if __name__ == "__main__":
    match sys.argv[1:]:
        case [folder, bars]:
            tell(folder, bars)
        case _:
            raise SystemExit("usage: position_monitor.py FOLDER BARS")
