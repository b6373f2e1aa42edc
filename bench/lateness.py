"""How late a due run begins while two programs that never rest have the two cores.

`tradewarden run` with one job, `every 1s`: a shell whose first statement notes the moment. Measured is from the due
moment to that statement: the timer, the claim in the ledger, the keeper, the program's own start.
"""

from __future__ import annotations

import asyncio
import math
import sys
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from broker import simulated
from measured_desk import PYTHON, daemon_process
from process import running
from result import Figure, Run, middle, say

DUES = 300
BUSY = 2  # as many as cores
WARM = 5  # the first ones: whoever starts keepers is being loaded
JOB = """
[services.each]
command = ["bash", "-c", "echo $EPOCHREALTIME $TRADEWARDEN_DUE >> noted"]
directory = "{place}"
schedule = "every 1s on all days"
does = "work"
"""


async def _lateness() -> list[float | None]:
    """Seconds, one a due time; none for one that was left out, as the run before it had not ended."""
    python = PYTHON if PYTHON.exists() else Path(sys.executable)
    async with simulated(datetime.now().astimezone()) as broker, AsyncExitStack() as busy:
        folder = Path(busy.enter_context(TemporaryDirectory(prefix="tradewarden-bench-")))
        desk = daemon_process(None, broker, core=None, more=JOB.format(place=folder), python=python)
        daemon = await busy.enter_async_context(desk)
        keepers = "-m", "tradewarden", "keepers", "--config", str(daemon.state / "tradewarden.toml")
        env = {"STATE_DIRECTORY": str(daemon.state), "PYTHONPATH": ""}
        await busy.enter_async_context(running(str(python), *keepers, env=env))  # as systemd would: a unit of its own
        for _ in range(BUSY):
            await busy.enter_async_context(running(sys.executable, "-c", "while True: pass"))
        await asyncio.sleep(DUES + WARM + 3)
        text = await asyncio.to_thread((folder / "noted").read_text)
    noted = [line.split() for line in text.splitlines()]
    late = {datetime.fromisoformat(due).timestamp(): float(at) for at, due in noted}
    first = round(min(late)) + WARM
    return [late[due] - due if due in late else None for due in range(first, first + DUES)]


async def _all() -> None:
    run = Run(__file__)
    say(f"lateness.py: a run each second, {DUES} of them, beside {BUSY} programs that never rest")
    told = await _lateness()
    late = sorted(each for each in told if each is not None)
    name = "due moment to a run's first statement, two busy cores"
    high = late[math.ceil(0.99 * len(late)) - 1]
    run.add(Figure(name=f"{name}, p99", value=1000 * high, unit="ms", samples=len(late), at_most=250.0))
    run.add(Figure(name=f"{name}, p50", value=1000 * middle(late), unit="ms", samples=len(late)))
    run.add(Figure(name=f"{name}, slowest", value=1000 * late[-1], unit="ms", samples=len(late)))
    skipped = "due times left out, as the run before had not ended after a second"
    run.add(Figure(name=skipped, value=told.count(None), unit="", samples=DUES))
    run.keep()


if __name__ == "__main__":
    asyncio.run(_all())
