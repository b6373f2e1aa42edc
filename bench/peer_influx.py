"""Two other writers into InfluxDB 1.x, their own code, in an environment of their own: `peer_influx.py URL`.

cryptofeed's TradeInflux posts each trade by itself; its URL is changed to the /write of 1.x, which is what it spoke
before 2.0. The official client of 1.x writes whole batches. A line of JSON on standard input, [who, points, batch], is
answered by the seconds of wall and of CPU time.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from cryptofeed.backends.influxdb import TradeInflux
from cryptofeed.types import Trade
from influxdb import InfluxDBClient

DATABASE = "peers"
# As many as the sink writes for a tick with depth, of the same kinds.
WHOLE = tuple(f"whole_{nth}" for nth in range(16))
PRICES = tuple(f"price_{nth}" for nth in range(8))


class Points:
    """Points that never end, each with a moment of its own."""

    def __init__(self) -> None:
        self._nth = 0
        self._began = time.time() - 60

    def trades(self, count: int) -> list[Trade]:
        """As cryptofeed has them."""
        self._nth += count
        return [
            Trade("NSE", f"I{n % 128}", "buy", Decimal(25), Decimal(150000 + n % 97) / 100, self._moment(n), id=str(n))
            for n in range(self._nth - count, self._nth)
        ]

    def dictionaries(self, count: int) -> list[dict[str, Any]]:
        """As the official client wants them: one tag, as many fields as a tick has."""
        self._nth += count
        return [
            {
                "measurement": "official",
                "tags": {"instrument": str(n % 128)},
                "time": int(self._moment(n) * 1e9),
                "fields": dict.fromkeys(WHOLE, 150_000 + n % 97) | dict.fromkeys(PRICES, (150_000 + n % 97) / 100),
            }
            for n in range(self._nth - count, self._nth)
        ]

    def _moment(self, nth: int) -> float:
        return self._began + nth * 1e-4


async def cryptofeed(url: str, trades: list[Trade], batch: int) -> tuple[float, float]:
    writer = TradeInflux(url, "org", "bucket", "token")
    writer.addr = f"{url}/write?db={DATABASE}&precision=u"
    writer.start(asyncio.get_running_loop())
    begun, cpu = time.perf_counter(), time.process_time()
    for start in range(0, len(trades), batch):
        for trade in trades[start : start + batch]:
            await writer(trade, trade.timestamp)
        await writer.queue.join()
    took = time.perf_counter() - begun, time.process_time() - cpu
    await writer.stop()
    return took


def official(url: str, points: list[dict[str, Any]], batch: int) -> tuple[float, float]:
    parts = urlsplit(url)
    client = InfluxDBClient(parts.hostname, parts.port, database=DATABASE)
    begun, cpu = time.perf_counter(), time.process_time()
    for start in range(0, len(points), batch):
        client.write_points(points[start : start + batch], time_precision="n")
    took = time.perf_counter() - begun, time.process_time() - cpu
    client.close()
    return took


def main() -> None:
    url, points = sys.argv[1], Points()
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        who, count, batch = json.loads(line)
        if who == "cryptofeed":
            took = asyncio.run(cryptofeed(url, points.trades(count), batch))
        else:
            took = official(url, points.dictionaries(count), batch)
        print(json.dumps(took), flush=True)


if __name__ == "__main__":
    main()
