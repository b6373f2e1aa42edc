#!/usr/bin/env python3
"""The analysis: a share that closes above its highest high of twenty days is to be bought, one below its average sold.

analysis.py BARS CONFIG        BARS: date,symbol,high,close, the oldest first; CONFIG: the desk's file

The signals go to the desk (`tradewarden signals put`), one a share and trading day: run again, they replace each other.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from book import hand_back

DAYS = 20
PATIENCE = 30.0  # seconds that the desk may take


@dataclass
class Bar:
    """A day of one share."""

    high: float
    close: float


def read(bars: str) -> dict[str, list[Bar]]:
    """The bars of each share."""
    found: dict[str, list[Bar]] = defaultdict(list)
    with Path(bars).open(encoding="ascii", newline="") as lines:
        for row in csv.DictReader(lines):
            found[row["symbol"]].append(Bar(float(row["high"]), float(row["close"])))
    return found


def signal(symbol: str, bars: list[Bar]) -> dict[str, object]:
    """What is to be done with one share, and by which figures."""
    *before, today = bars[-DAYS - 1 :]
    highest, average = max(bar.high for bar in before), sum(bar.close for bar in before) / len(before)
    verdict = "buy" if today.close > highest else "sell" if today.close < average else "wait"
    return {
        "symbol": symbol,
        "verdict": verdict,
        "close": today.close,
        "highest": highest,
        "average": round(average, 2),
    }


def hand_over(signals: list[dict[str, object]], config: str) -> None:
    """Give them to the desk, a line each."""
    lines = "".join(json.dumps(each) + "\n" for each in signals)
    done = subprocess.run(
        ["tradewarden", "signals", "put", "--config", config], input=lines, text=True, check=False, timeout=PATIENCE
    )
    if done.returncode:
        raise SystemExit(f"the desk took no signals: exit code {done.returncode}")


def analyse(bars: str, config: str) -> None:
    """Look at each share, and hand over what was seen."""
    signals = [signal(symbol, of_symbol) for symbol, of_symbol in read(bars).items() if len(of_symbol) > DAYS]
    hand_over(signals, config)
    verdicts = [each["verdict"] for each in signals]
    hand_back(shares=len(signals), buy=verdicts.count("buy"), sell=verdicts.count("sell"))


if __name__ == "__main__":
    match sys.argv[1:]:
        case [bars, config]:
            analyse(bars, config)
        case _:
            raise SystemExit("usage: analysis.py BARS CONFIG")
