"""The official KiteTicker in a process of its own: the peer of the feed.

ticker.py WS_URL INSTRUMENTS: each line of standard input is an access token, for which a new KiteTicker is made in the
running reactor, as its users do; each call of on_ticks is told as one line with its moment, the number of ticks and the
number of the object.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from kiteconnect import KiteTicker
from twisted.internet import reactor

KEY = "benchkey"
TOKENS = [(1000 + number) << 8 | 1 for number in range(int(sys.argv[2]))]


def _subscribe(ticker: KiteTicker, _response: Any) -> None:
    ticker.subscribe(TOKENS)
    ticker.set_mode(ticker.MODE_FULL, TOKENS)


def _ticker(token: str, number: int) -> KiteTicker:
    def told(_ticker: KiteTicker, ticks: list[dict[str, Any]]) -> None:
        print(f"[{time.monotonic()}, {len(ticks)}, {number}]", flush=True)

    ticker = KiteTicker(KEY, token, root=f"{sys.argv[1]}/")
    ticker.on_ticks, ticker.on_connect = told, _subscribe
    return ticker


if __name__ == "__main__":
    held: KiteTicker | None = None
    for number, line in enumerate(sys.stdin):
        fresh = _ticker(line.strip(), number)
        if held is None:
            fresh.connect(threaded=True)
        else:
            reactor.callFromThread(held.stop_retry)
            reactor.callFromThread(held.close)
            reactor.callFromThread(fresh.connect)
        held = fresh
    os._exit(0)  # the reactor's thread never ends by itself
