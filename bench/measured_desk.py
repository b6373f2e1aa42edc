"""The desk that is measured: as the daemon's own command in a process of its own, or inside the script."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import sys
import tempfile
import time
import urllib.request
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from broker import KEY, SECRET, USER, Broker
from process import HERE, PATIENCE, Ear, running, unheard

from tradewarden import daemon, log
from tradewarden.machines.report import Picture
from tradewarden.orchestrator.calendar import load_calendar
from tradewarden.orchestrator.clock import IST, Clock
from tradewarden.settings import FeedSettings, HttpSettings, KiteSettings, Settings

LIVE = datetime(2026, 11, 23, 10, 0, tzinfo=IST)  # a Monday in the continuous session
CLOSED = datetime(2026, 11, 22, 12, 0, tzinfo=IST)  # a Sunday
PYTHON = HERE.parent / ".venv-bench/desk/bin/python"  # only what the daemon needs: `make bench` sets it up
ADMIN = "benchadmintoken"
BEAT = 0.001  # seconds between two looks at a counter: how exact a moment inside the desk is


def instruments(count: int) -> list[int]:
    """Tokens of shares."""
    return [(1000 + number) << 8 | 1 for number in range(count)]


# In a process of its own


@dataclass(frozen=True, slots=True)
class Daemon:
    """A running `tradewarden run`."""

    process: Process
    port: int
    started: float
    ready: float
    state: Path

    @property
    def pid(self) -> int:
        """Its number."""
        return self.process.pid

    async def ticks(self) -> int:
        """How many ticks have reached it."""
        metrics = await self.get("/metrics")
        return int(next(re.finditer(r"^tradewarden_feed_ticks_total (\d+)", metrics, re.MULTILINE))[1])

    async def until_streaming(self) -> None:
        """Wait until its feed streams."""
        async with asyncio.timeout(PATIENCE):
            feed = ""
            while feed != "streaming":
                await asyncio.sleep(0.05)
                feed = json.loads(await self.get("/api/system/health/feed?http=200"))["check"]["observedValue"]

    async def get(self, path: str) -> str:
        """What it answers to an admin."""
        url = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {ADMIN}"})
        with await asyncio.to_thread(urllib.request.urlopen, request, timeout=PATIENCE) as answer:
            return str(answer.read().decode())


@asynccontextmanager
async def daemon_process(
    at: datetime | None,
    broker: Broker,
    *,
    count: int = 5,
    token: str | None = None,
    core: int | None = 0,
    more: str = "",
    python: Path = PYTHON,
) -> AsyncIterator[Daemon]:
    """`tradewarden run` until the block ends; without `at` it lives by the world's clock. `more` is of the settings."""
    with tempfile.TemporaryDirectory(prefix="tradewarden-bench-") as folder:
        state = Path(folder)
        port = free_port()
        config = state / "tradewarden.toml"
        config.write_text(_toml(broker, state, port, count) + more)
        config.chmod(0o600)
        if token is not None:
            save_token(state, token, (at or datetime.now(IST)) - timedelta(minutes=1))
        way = ["-m", "tradewarden"] if at is None else [str(HERE / "run_at.py"), at.isoformat()]
        ear = Ear(state)
        env = {"STATE_DIRECTORY": folder, "PYTHONPATH": "", **ear.env}
        started = time.monotonic()
        try:
            command = str(python), *way, "run", "--config", str(config)
            async with running(*command, env=env, core=core) as process, unheard(process):
                yield Daemon(process, port, started, await ear.ready(), state)
        finally:
            ear.close()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return int(line.getsockname()[1])


def _toml(broker: Broker, state: Path, port: int, count: int) -> str:
    return f"""
segments = ["NSE_EQ", "NFO"]
state_dir = "{state}"
[kite]
api_key = "{KEY}"
api_secret = "{SECRET}"
user_id = "{USER}"
rest_url = "{broker.url}"
ticker_url = "{broker.ws_url}"
login_url = "{broker.login_url}"
token_files = ["{state}/desk.env"]
[feed.instruments]
full = {json.dumps(instruments(count))}
[http]
port = {port}
admin_token = "{ADMIN}"
"""


def save_token(state: Path, value: str, when: datetime) -> None:
    """Another program of the desk saves a token, at this moment of the desk's clock."""
    fresh = state / "desk.env.new"
    fresh.write_text(f"KITE_ACCESS_TOKEN={value}\n")
    os.utime(fresh, (when.timestamp(), when.timestamp()))
    fresh.replace(state / "desk.env")


# Inside the script
# ruff: noqa: ASYNC110 - a counter has no event, and an event would cost what is measured


@dataclass(slots=True)
class Inside:
    """A desk in this very process, whose moments can be seen exactly."""

    parts: daemon.Desk
    clock: Clock
    state: Path
    changes: list[tuple[float, Picture]] = field(default_factory=list)

    def note(self, picture: Picture) -> None:
        """Keep each change and when it was."""
        self.changes.append((time.monotonic(), picture))

    async def until(self, holds: Callable[[Picture], bool], patience: float = PATIENCE) -> None:
        """Wait until the desk is so."""
        try:
            async with asyncio.timeout(patience):
                while not holds(self.parts.reports.picture):
                    await asyncio.sleep(BEAT)
        except TimeoutError:
            raise RuntimeError(f"it did not come to that within {patience} s: {self.parts.reports.picture}") from None

    async def until_feed(self, state: str, patience: float = PATIENCE) -> None:
        """Wait until the feed is in this state."""
        await self.until(lambda picture: picture.feed.state == state, patience)

    async def next_ticks(self, patience: float = PATIENCE) -> float:
        """When the next ticks reach the desk."""
        before = self.parts.feed.ticks_total
        async with asyncio.timeout(patience):
            while self.parts.feed.ticks_total == before:
                await asyncio.sleep(BEAT)
        return time.monotonic()

    def when(self, holds: Callable[[Picture], bool], since: float) -> float:
        """The first moment since then at which the desk was so."""
        return next(at for at, picture in self.changes if at >= since and holds(picture))

    def save_token(self, value: str) -> None:
        """Another program saves a token now."""
        save_token(self.state, value, self.clock.now())


@asynccontextmanager
async def inside(broker: Broker, clock: Clock, *, token: str | None = None, count: int = 3) -> AsyncIterator[Inside]:
    """A desk that runs until the block ends."""
    log.configure("info", stream=open(os.devnull, "w"))  # noqa: SIM115, PTH123, ASYNC230 - the log is written, and lost
    sys.excepthook = sys.__excepthook__  # but not what goes wrong in the bench
    with tempfile.TemporaryDirectory(prefix="tradewarden-bench-") as folder:
        state = Path(folder)
        if token is not None:
            save_token(state, token, clock.now() - timedelta(minutes=1))
        stop = asyncio.Event()
        ready: asyncio.Future[daemon.Desk] = asyncio.get_running_loop().create_future()
        run = daemon.run(_settings(broker, state, count), load_calendar(None), clock, stop, ready.set_result)
        task = asyncio.create_task(run, name="desk")
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        desk = Inside(ready.result(), clock, state)
        desk.parts.reports.subscribe(desk.note)
        try:
            yield desk
        finally:
            stop.set()
            await task


def _settings(broker: Broker, state: Path, count: int) -> Settings:
    return Settings.model_construct(
        segments=["NSE_EQ", "NFO"],
        kite=KiteSettings(
            api_key=KEY,
            api_secret=SECRET,
            user_id=USER,
            rest_url=broker.url,
            ticker_url=broker.ws_url,
            login_url=broker.login_url,
            token_files=[state / "desk.env"],
        ),
        feed=FeedSettings(instruments={"full": instruments(count)}),
        http=HttpSettings(port=0, admin_token=ADMIN),
        state_dir=state,
    )


async def all_of(desks: Sequence[Inside], state: str, patience: float = PATIENCE) -> None:
    """Wait until every feed is in this state."""
    await asyncio.gather(*(desk.until_feed(state, patience) for desk in desks))
