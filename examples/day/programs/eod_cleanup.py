#!/usr/bin/env python3
"""In the evening: what was sold goes into the archive, a file a month; what is held or ordered stays.

eod_cleanup.py FOLDER        which holds the book
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from book import SOLD, file_of, hand_back, opened


def clean_up(folder: str, day: str) -> None:
    """The archive has a line before the book loses it: killed in between, the line is there twice, and none is lost."""
    with opened(folder) as book:
        sold = book.of(SOLD)
        lines = [json.dumps({"day": day} | asdict(order)) + "\n" for order in sold]
        with file_of(folder).with_suffix(f".{day[:7]}.jsonl").open("a", encoding="utf-8") as archive:
            archive.writelines(lines)
            archive.flush()
            os.fsync(archive.fileno())
        book.orders = [order for order in book.orders if order not in sold]
    hand_back(archived=len(sold), kept=len(book.orders))


def day_of_run() -> str:
    """The day on which this run was due, by the desk; today's when somebody runs it by hand."""
    due = os.environ.get("TRADEWARDEN_DUE")
    return (datetime.fromisoformat(due) if due else datetime.now(UTC)).date().isoformat()


if __name__ == "__main__":
    match sys.argv[1:]:
        case [folder] if Path(folder).is_dir():
            clean_up(folder, day_of_run())
        case _:
            raise SystemExit("usage: eod_cleanup.py FOLDER")
