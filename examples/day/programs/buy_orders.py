#!/usr/bin/env python3
"""The orders of the evening: one for each share that today's signals would buy, and that is not ordered or held.

buy_orders.py FOLDER CONFIG        FOLDER holds the book, CONFIG is the desk's file
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from book import PLACED, REFUSED, Order, hand_back, opened

AMOUNT = 20_000.0  # rupees an order
LARGEST = 10  # shares of one order that the stand-in of a broker takes in the evening
PATIENCE = 30.0  # seconds that the desk may take


def wanted(config: str) -> list[dict[str, Any]]:
    """The data of each share that is to be bought."""
    done = subprocess.run(
        ["tradewarden", "signals", "list", "--json", "--config", config],
        stdout=subprocess.PIPE,
        check=True,
        timeout=PATIENCE,
    )
    signals = json.loads(done.stdout)["signals"]
    return [{"symbol": each["symbol"]} | each["data"] for each in signals if each["data"].get("verdict") == "buy"]


def order(signal: dict[str, Any]) -> Order:
    """An order as the broker answers it: too large a one is refused until the morning."""
    quantity = int(AMOUNT // signal["close"]) or 1
    return Order(signal["symbol"], quantity, signal["close"], REFUSED if quantity > LARGEST else PLACED)


def buy(folder: str, config: str) -> None:
    """Place what is not there yet."""
    signals = wanted(config)
    with opened(folder) as book:
        fresh = [order(each) for each in signals if each["symbol"] not in book.symbols]
        book.orders += fresh
    refused = sum(each.state == REFUSED for each in fresh)
    hand_back(placed=len(fresh) - refused, refused=refused, kept=len(signals) - len(fresh))


if __name__ == "__main__":
    match sys.argv[1:]:
        case [folder, config]:
            buy(folder, config)
        case _:
            raise SystemExit("usage: buy_orders.py FOLDER CONFIG")
