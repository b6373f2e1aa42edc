"""A client and nothing else, in a process of its own: our stream or the official KiteTicker, with the same callback.

consumer.py ours|official WS_URL TOKEN FIRST COUNT: subscribes to COUNT shares from instrument FIRST on in full mode.
The callback keeps each instrument's last price and how long the frame was under way. Each line of standard input is
answered with a line: {"ticks": all so far, "took": nanoseconds of the frames since the line before}.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from array import array
from typing import Any

from pour import stamped

from tradewarden.feed.events import FeedEvents
from tradewarden.feed.tick import Mode, Tick

KEY = "benchkey"


class Kept:
    """What the callback leaves behind."""

    def __init__(self) -> None:
        self.ticks = 0
        self.took = array("q")
        self.last: dict[int, float] = {}

    def tell(self) -> None:
        """Answer one line."""
        took, self.took = self.took, array("q")
        print(json.dumps({"ticks": self.ticks, "took": list(took)}), flush=True)


def official(kept: Kept, url: str, token: str, tokens: list[int]) -> None:
    """The official client, with its reactor in a thread as its users run it."""
    from kiteconnect import KiteTicker  # noqa: PLC0415 - brings Twisted along, which ours does without

    def heard(_ticker: Any, ticks: list[dict[str, Any]]) -> None:
        now = time.monotonic_ns()
        last = kept.last
        for tick in ticks:
            last[tick["instrument_token"]] = tick["last_price"]
        kept.took.append(now - stamped(ticks[0]["volume_traded"], ticks[0]["total_buy_quantity"]))
        kept.ticks += len(ticks)

    def opened(ticker: Any, _response: Any) -> None:
        ticker.subscribe(tokens)
        ticker.set_mode(ticker.MODE_FULL, tokens)

    ticker = KiteTicker(KEY, token, root=f"{url}/")
    ticker.on_ticks, ticker.on_connect = heard, opened
    ticker.connect(threaded=True)
    for _ in sys.stdin:
        kept.tell()
    os._exit(0)  # the reactor's thread never ends by itself


class Listener(FeedEvents):
    """Hears of ticks; the rest concerns nobody here."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    def ticks(self, gen: int, ticks: list[Tick]) -> None:  # noqa: ARG002 - the stream's word
        """The callback."""
        now = time.monotonic_ns()
        kept = self._kept
        last = kept.last
        for tick in ticks:
            last[tick.token] = tick.last_price
        kept.took.append(now - stamped(ticks[0].volume or 0, ticks[0].buy_quantity or 0))
        kept.ticks += len(ticks)

    def bad_frame(self, gen: int, kind: str) -> None:
        """There is none."""
        raise RuntimeError(f"connection {gen}: the broker sent nonsense: {kind}")

    def refused(self, gen: int, status: int) -> None:
        """The token is fresh."""
        raise RuntimeError(f"connection {gen}: the broker refused the token with {status}")


async def ours(kept: Kept, url: str, token: str, tokens: list[int]) -> None:
    """The desk's own client."""
    from tradewarden.feed.brokers.kite import KiteStream  # noqa: PLC0415 - the peer does without

    stream = KiteStream(url=url, api_key=KEY, subscriptions=dict.fromkeys(tokens, Mode.FULL), events=Listener(kept))
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    reading = asyncio.create_task(stream.run(1, token), name="the stream")
    while await lines.readline():
        kept.tell()
    await stream.aclose()
    await reading


def main() -> None:
    who, url, token, first, count = sys.argv[1:]
    tokens = [int(first) + (number << 8) for number in range(int(count))]
    if who == "official":
        official(Kept(), url, token, tokens)
    else:
        asyncio.run(ours(Kept(), url, token, tokens))


if __name__ == "__main__":
    main()
