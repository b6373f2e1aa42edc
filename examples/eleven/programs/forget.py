#!/usr/bin/env python3
"""The evening's job: quotes older than some days leave the database, so that the disk never fills.

forget.py FILE DAYS      FILE is the writer's database
"""

from __future__ import annotations

import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

A_DAY = 24 * 3600
AT_ONCE = 10_000  # rows: the writer gets its turn in between


def forget(file: Path, before: float) -> int:
    """Delete what is older, a part at a time; how much that was."""
    forgotten = 0
    with closing(sqlite3.connect(file, timeout=30)) as database:
        while True:
            with database:
                old = "SELECT rowid FROM quotes WHERE at < ? LIMIT ?"
                part = database.execute(f"DELETE FROM quotes WHERE rowid IN ({old})", (before, AT_ONCE)).rowcount  # noqa: S608 - our own words
            forgotten += part
            if part < AT_ONCE:
                return forgotten


if __name__ == "__main__":
    match sys.argv[1:]:
        case [file, days] if days.isdecimal() and Path(file).is_file():
            print(
                f"{forget(Path(file), time.time() - int(days) * A_DAY)} quotes older than {days} days forgotten",
                flush=True,
            )
        case _:
            raise SystemExit("usage: forget.py FILE DAYS, and there is such a file")
