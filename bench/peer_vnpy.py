"""vnpy's database, its own code, in a process and an environment of its own: `peer_vnpy.py mysql PORT USER PASSWORD`.

For `sqlite` the last three are anything. A line of JSON on standard input, [batch, batches], is answered by the
seconds of wall and of CPU time that `save_tick_data` took. Every tick has a millisecond of its own: with the whole
seconds that Kite sends, its key (symbol, exchange, datetime) keeps one tick of a second.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

BEGAN = datetime(2026, 11, 23, 3, 45, tzinfo=UTC)


def main() -> None:
    store, port, user, password = sys.argv[1:5]
    with tempfile.TemporaryDirectory() as place:
        settings = Path(place) / ".vntrader" / "vt_setting.json"  # vnpy looks for it where it was started
        settings.parent.mkdir()
        server = {
            "host": "127.0.0.1",
            "port": int(port),
            "user": user,
            "password": password,
            "timezone": "Asia/Kolkata",
        }
        named = {f"database.{name}": value for name, value in server.items()}
        settings.write_text(json.dumps({"database.name": store, "database.database": "vnpy", **named}))
        os.chdir(place)
        serve(store)


def serve(store: str) -> None:
    from vnpy.trader.constant import Exchange  # noqa: PLC0415 - only now, when its settings lie there
    from vnpy.trader.object import TickData  # noqa: PLC0415

    database, saved = import_module(f"vnpy_{store}").Database(), 0

    def tick(nth: int) -> TickData:
        price = 1500 + nth % 97 / 20
        levels = {
            f"{side}_{what}_{level}": price + sign * level / 20 if what == "price" else 100.0 * level
            for side, sign in (("bid", -1), ("ask", 1))
            for level in range(1, 6)
            for what in ("price", "volume")
        }
        return TickData(
            gateway_name="KITE",
            symbol="INFY",
            exchange=Exchange.NSE if hasattr(Exchange, "NSE") else Exchange.NYSE,
            datetime=BEGAN + timedelta(milliseconds=nth),
            name="INFY",
            volume=nth,
            open_interest=0,
            last_price=price,
            last_volume=25,
            open_price=1490,
            high_price=1520,
            low_price=1480,
            pre_close=1495,
            **levels,
        )

    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        batch, batches = json.loads(line)
        made = [[tick(saved + nth * batch + each) for each in range(batch)] for nth in range(batches)]
        saved += batch * batches
        begun, cpu = time.perf_counter(), time.process_time()
        for some in made:
            database.save_tick_data(some, stream=True)
        print(json.dumps([time.perf_counter() - begun, time.process_time() - cpu]), flush=True)


if __name__ == "__main__":
    main()
