"""How soon a tick is safe where a sink is set to latency: from its receipt to the store's word that it has it.

`tradewarden run` with one sink beside the journal, which takes what there is after a millisecond, while a simulated
broker streams the 128 instruments of the original once a second, in one burst. What `/api/sinks` tells after half a
minute. Real servers of Debian on loopback.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

from broker import simulated
from measured_desk import LIVE, daemon_process
from result import Figure, Run, say
from sinks import FEW, PYTHON, servers, tables

STREAMED = 30.0  # seconds


async def _all() -> None:
    run = Run(__file__)
    say("latency.py: half a minute of 128 ticks a second into one store each")
    with tempfile.TemporaryDirectory(prefix="tradewarden-bench-", dir="/var/tmp") as folder:
        async with servers(Path(folder)) as values, simulated(LIVE, tick_seconds=1.0) as broker:
            for name in ("redis", "mysql"):
                more = tables(values, (name,), "daemon")
                token = await broker.mint()
                async with daemon_process(LIVE, broker, count=FEW, token=token, more=more, python=PYTHON) as daemon:
                    await daemon.until_streaming()
                    await asyncio.sleep(STREAMED)
                    (sink,) = json.loads(await daemon.get("/api/sinks"))["sinks"]
                seconds = sink["commitSeconds"]
                run.add(
                    Figure(
                        name=f"receipt to commit, {name} alone, p50",
                        value=1000 * seconds["p50"],
                        unit="ms",
                        samples=int(sink["written"]),
                        at_most=5.0,
                        note=f"p99 {1000 * seconds['p99']:.1f} ms",
                    )
                )
    run.keep()


if __name__ == "__main__":
    asyncio.run(_all())
