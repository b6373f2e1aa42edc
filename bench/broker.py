"""The simulated broker in a process of its own, so that its work is not counted as the desk's.

broker.py MOMENT TICK_SECONDS: serves until its standard input ends; each line there is an order, each answer a line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from pour import pour
from process import HERE, ask, line_of, running

from tradewarden.orchestrator.clock import ShiftedClock
from tradewarden.simulator.kite import KiteSimulator

ESTABLISHED = "01"  # in the kernel's table; a socket whose client has left is in another state
KEY, SECRET, USER = "benchkey", "benchsecret", "AB1234"


class Broker:
    """Where the broker is, and what it is told to do."""

    def __init__(self, process: Process, told: dict[str, str]) -> None:
        self.process = process
        self.url: str = told["url"]
        self.ws_url: str = told["ws_url"]
        self.login_url: str = told["login_url"]

    async def mint(self) -> str:
        """A fresh access token."""
        return str((await ask(self.process, {"mint": True}))["token"])

    async def do(self, action: str) -> float:
        """One fault; when it began, on the monotonic clock."""
        return float((await ask(self.process, {"do": action}))["at"])

    async def world(self, **wishes: object) -> float:
        """Behave like this from now on; since when."""
        return float((await ask(self.process, {"world": wishes}))["at"])

    async def pour(self, *, to: int, packets: int, count: int, pace: float | None = None, burst: int = 1) -> None:
        """Frames for the one client of this instrument; when they have all left."""
        wishes = {"to": to, "packets": packets, "count": count, "pace": pace, "burst": burst}
        await ask(self.process, {"pour": wishes})

    async def sockets(self) -> int:
        """The most sockets that stood at once whenever one was opened, since this was last asked."""
        return int((await ask(self.process, {"sockets": True}))["most"])

    async def dials(self) -> int:
        """How often anybody knocked."""
        return int((await ask(self.process, {"state": True}))["state"]["dials"])


@asynccontextmanager
async def simulated(at: datetime, *, tick_seconds: float = 0.5, core: int | None = 1) -> AsyncIterator[Broker]:
    """A broker that lives as long as the block."""
    command = sys.executable, str(HERE / "broker.py"), at.isoformat(), str(tick_seconds)
    async with running(*command, core=core) as process:
        yield Broker(process, await line_of(process))


class Door:
    """Counts, whenever a ticker's socket is opened, how many the kernel holds at the broker's port."""

    def __init__(self, broker: KiteSimulator) -> None:
        self.most = 0
        self._port = f":{broker.port:04X}"
        self._opened, broker.broker.opened = broker.broker.opened, self._look  # type: ignore[method-assign]

    def _look(self, access_token: str) -> None:
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
        # By their other ends: a table that is read while it changes may tell of one socket twice.
        standing = {line[2] for line in lines if line[1].endswith(self._port) and line[3] == ESTABLISHED}
        self.most = max(self.most, len(standing))
        self._opened(access_token)


async def _serve(at: datetime, tick_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    broker = KiteSimulator(
        now=ShiftedClock(at).now, api_key=KEY, api_secret=SECRET, user_id=USER, seed=7, tick_seconds=tick_seconds
    )
    async with broker:
        door = Door(broker)
        _say(url=broker.url, ws_url=broker.ws_url, login_url=broker.login_url)
        while order := await orders.readline():
            await _obey(broker, door, json.loads(order))


async def _obey(broker: KiteSimulator, door: Door, order: dict[str, Any]) -> None:
    at = time.monotonic()
    match order:
        case {"mint": True}:
            _say(token=broker.mint())
        case {"do": str(action)}:
            _say(at=at, done=broker.do(action))
        case {"world": dict(wishes)}:
            broker.world.change(wishes)
            _say(at=at)
        case {"pour": dict(wishes)}:
            await pour(broker, **wishes)
            _say(poured=True)
        case {"sockets": True}:
            _say(most=door.most)
            door.most = 0
        case {"state": True}:
            _say(state=broker.state())
        case _:
            raise ValueError(f"the broker cannot {order!r}")


def _say(**answer: object) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve(datetime.fromisoformat(sys.argv[1]), float(sys.argv[2])))
