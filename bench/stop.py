"""How long the daemon takes to stop while 50 clients read its event stream.

`tradewarden run` streams five instruments; 50 clients in another process hold the event stream open; SIGTERM; counted
until the process is gone. It must end with status 0, and it must have ended every stream itself.
"""

from __future__ import annotations

import asyncio
import sys
import time

from broker import simulated
from measured_desk import LIVE, daemon_process
from process import HERE, PATIENCE, ask, line_of, running
from result import Figure, Run, middle, say

CLIENTS = 50
ROUNDS = 10


async def _stop() -> float:
    async with simulated(LIVE) as broker, daemon_process(LIVE, broker, token=await broker.mint()) as daemon:
        await daemon.until_streaming()
        async with running(
            sys.executable, str(HERE / "listeners.py"), str(daemon.port), str(CLIENTS), core=1
        ) as clients:
            await line_of(clients)
            begun = time.monotonic()
            daemon.process.terminate()
            async with asyncio.timeout(PATIENCE):
                status = await daemon.process.wait()
            took = time.monotonic() - begun
            ended = len((await ask(clients, "enough"))["ended"])
    if status or ended != CLIENTS:
        raise RuntimeError(f"the daemon ended with {status}, and {ended} of {CLIENTS} streams with it")
    return took


async def _all() -> None:
    run = Run(__file__)
    say(f"stop.py: {ROUNDS} daemons with {CLIENTS} clients each")
    took = [await _stop() for _ in range(ROUNDS)]
    name = f"SIGTERM to exit with {CLIENTS} SSE clients open"
    run.add(Figure(name=f"{name}, slowest", value=max(took), unit="s", samples=ROUNDS, at_most=5.0, rounds=took))
    run.add(Figure(name=f"{name}, median", value=middle(took), unit="s", samples=ROUNDS))
    run.keep()


if __name__ == "__main__":
    asyncio.run(_all())
