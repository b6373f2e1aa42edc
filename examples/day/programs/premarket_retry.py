#!/usr/bin/env python3
"""Before the open: orders that were refused in the evening are placed once more.

premarket_retry.py FOLDER        which holds the book
"""

from __future__ import annotations

import sys

from book import PLACED, REFUSED, hand_back, opened


def retry(folder: str) -> None:
    """Each refused order gets its second chance."""
    with opened(folder) as book:
        refused = book.of(REFUSED)
        for order in refused:
            order.state = PLACED
    hand_back(placed=len(refused))


if __name__ == "__main__":
    match sys.argv[1:]:
        case [folder]:
            retry(folder)
        case _:
            raise SystemExit("usage: premarket_retry.py FOLDER")
