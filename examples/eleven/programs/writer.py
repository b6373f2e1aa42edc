#!/usr/bin/env python3
"""The database writer: every quote of both feeds into one SQLite file, each batch in one transaction.

writer.py FILE           FEED_PORT and COMMODITIES_PORT say where the feeds are
"""

from __future__ import annotations

import sqlite3
import sys
import time
from pathlib import Path

from bus import batches
from life import Life

TABLE = "CREATE TABLE IF NOT EXISTS quotes (at REAL NOT NULL, symbol TEXT NOT NULL, price REAL, quantity INTEGER)"


def write(file: Path) -> None:
    """Write until somebody says stop; what was received then is written, too."""
    life = Life()
    file.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(file)
    database.execute("PRAGMA journal_mode = WAL")
    with database:
        database.execute(TABLE)
    life.say(f"writing to {file}")
    began, rows, transactions = time.monotonic(), 0, 0
    for batch in batches(life, "feed", "commodities"):
        if not batch:
            continue
        with database:
            database.executemany("INSERT INTO quotes VALUES (:at, :symbol, :price, :quantity)", batch)
        rows, transactions = rows + len(batch), transactions + 1
        a_second = transactions / max(1.0, time.monotonic() - began)
        text = f"{rows / transactions:.0f} quotes a batch, {a_second:.0f} batches/s"
        life.status(text, rows=rows, batches_per_second=round(a_second, 1))
        if transactions == 1 or transactions % 1000 == 0:
            life.say(f"{rows} rows: {text}")
    database.close()
    life.say(f"stopped with {rows} rows written, none waiting")


if __name__ == "__main__":
    if not sys.argv[1:]:
        raise SystemExit("usage: writer.py FILE")
    write(Path(sys.argv[1]))
