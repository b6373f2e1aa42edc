"""How others put ticks into Redis, in an environment of their own: `peer_redis.py PORT`.

cryptofeed's TradeStream and BookStream are their own code: an entry for each trade, or each book of five levels a side.
`original` and `awaited` are the commands of the original feed, which go out one by one: a message of JSON and an entry
of fifteen fields for each tick, by the library's blocking client as there, and by its asyncio client. A line of JSON on
standard input, [who, ticks, burst], is answered by the seconds of wall and of CPU time.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from decimal import Decimal
from typing import Any

import redis
import redis.asyncio
from cryptofeed.backends.redis import BookStream, TradeStream
from cryptofeed.types import OrderBook, Trade

LEVELS = range(5)
KEEP = 100_000  # entries, as the original keeps


def quotes(count: int) -> list[dict[str, Any]]:
    """The fields of the original's quote."""
    return [
        {
            "security_id": n % 128,
            "exchange_segment": 2,
            "ltp": (150_000 + n % 97) / 100,
            "ltq": 25,
            "ltt": 1_795_578_300,
            "atp": 1500.5,
            "volume": n * 25,
            "total_sell_qty": 500_000,
            "total_buy_qty": 510_000,
            "day_open": 1490.0,
            "day_close": 1480.0,
            "day_high": 1510.0,
            "day_low": 1470.0,
            "open_interest": 1_000_000,
            "received_at": 1_795_578_300.123456,
        }
        for n in range(count)
    ]


def trades(count: int) -> list[Trade]:
    """As cryptofeed has them."""
    return [
        Trade(
            "NSE",
            f"I{n % 128}",
            "buy",
            Decimal(25),
            Decimal(150_000 + n % 97) / 100,
            1_795_578_300 + n / 1e4,
            id=str(n),
        )
        for n in range(count)
    ]


def books(count: int) -> list[OrderBook]:
    """Five levels of each side."""
    made = []
    for n in range(count):
        price = Decimal(150_000 + n % 97) / 100
        sides = {
            "bids": {price - Decimal(level) / 20: Decimal(25 * (level + 1)) for level in LEVELS},
            "asks": {price + Decimal(level + 1) / 20: Decimal(25 * (level + 1)) for level in LEVELS},
        }
        book = OrderBook("NSE", f"I{n % 128}", **sides)
        book.timestamp = 1_795_578_300 + n / 1e4
        made.append(book)
    return made


async def cryptofeed(writer: Any, some: list[Any], burst: int) -> None:
    writer.start(asyncio.get_running_loop())
    for start in range(0, len(some), burst):
        for each in some[start : start + burst]:
            await writer(each, each.timestamp)
        await writer.queue.join()
    await writer.stop()


def original(port: int, some: list[dict[str, Any]]) -> None:
    client = redis.Redis(port=port, decode_responses=True)
    for quote in some:
        client.publish("original", json.dumps(quote))
        client.xadd(
            "original:stream", {name: str(value) for name, value in quote.items()}, maxlen=KEEP, approximate=True
        )
    client.close()


async def awaited(port: int, some: list[dict[str, Any]]) -> None:
    client = redis.asyncio.Redis(port=port)
    for quote in some:
        await client.publish("original", json.dumps(quote))
        await client.xadd("original:stream", quote, maxlen=KEEP, approximate=True)
    await client.aclose()


def _run(port: int, who: str, count: int, burst: int) -> tuple[float, float]:
    some: list[Any] = {"trades": trades, "books": books}.get(who, quotes)(count)
    begun, cpu = time.perf_counter(), time.process_time()
    match who:
        case "trades":
            asyncio.run(cryptofeed(TradeStream(port=port), some, burst))
        case "books":
            asyncio.run(cryptofeed(BookStream(port=port, snapshots_only=True), some, burst))
        case "original":
            original(port, some)
        case _:
            asyncio.run(awaited(port, some))
    return time.perf_counter() - begun, time.process_time() - cpu


def main() -> None:
    port = int(sys.argv[1])
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        who, count, burst = json.loads(line)
        print(json.dumps(_run(port, who, count, burst)), flush=True)


if __name__ == "__main__":
    main()
