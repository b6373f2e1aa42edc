"""Drives the official ticker; run as a process of its own, since Twisted's reactor runs once and only once.

Arguments: ROOT API_KEY ACCESS_TOKEN FULL,.. QUOTE,.. LTP,... Prints a JSON object a line: {"ticks": [...]},
{"open": true}, {"closed": [code, reason]}, {"error": ...}; gives up after the first refused reconnect.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from kiteconnect import KiteTicker
from twisted.internet import reactor


def say(**event: Any) -> None:
    print(json.dumps(event, default=lambda moment: moment.timestamp()), flush=True)  # noqa: T201 - its answer


def main() -> None:
    root, api_key, access_token, *lists = sys.argv[1:]
    full, quote, ltp = ([int(token) for token in text.split(",")] for text in lists)
    ticker = KiteTicker(api_key, access_token, root=root)

    def on_connect(ws: Any, _response: Any) -> None:
        say(open=True)
        ws.subscribe(full + quote + ltp)
        ws.set_mode(ws.MODE_FULL, full)
        ws.set_mode(ws.MODE_LTP, ltp)

    def on_close(_ws: Any, code: int, reason: str) -> None:
        say(closed=[code, str(reason)])
        if "403" in str(reason):
            reactor.stop()  # type: ignore[misc]  # Twisted puts the reactor itself in the place of its module

    ticker.on_connect = on_connect
    ticker.on_ticks = lambda _ws, ticks: say(ticks=ticks)
    ticker.on_error = lambda _ws, code, reason: say(error=[code, str(reason)])
    ticker.on_close = on_close
    ticker.on_order_update = lambda _ws, order: say(order=order)
    ticker.connect()


if __name__ == "__main__":
    main()
