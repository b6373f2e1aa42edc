"""Nothing received is lost, and nothing is stored twice, whoever is killed; `make chaos` kills a hundred times.

20,000 ticks a second run into the journal while MariaDB, Redis, InfluxDB, each sink's process and the recording process
itself are killed with SIGKILL, one after the other. Every frame that was acknowledged must be in the journal, and every
number of the journal once in every store.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from recording_desk import HEAD, SOCKET
from servers.influxdb import Influxdb
from servers.mariadb import PASSWORD, USER, Mariadb
from servers.process import need
from servers.redis import RedisProcess
from ticks import ticks
from tradewarden.feed import cursor
from tradewarden.feed.reader import Reader, tail
from tradewarden.feed.record import FIELDS, SIZE, pack, rows
from tradewarden.machines.audit import Audit
from tradewarden.orchestrator.validate import Span, validate

KILLS = int(os.environ.get("CHAOS_KILLS", "10"))
SEED = int(os.environ.get("CHAOS_SEED", "27"))
RATE = 20_000  # ticks a second
FRAME = 500
PAUSE = 0.3  # seconds of ticks between two kills
CATCH_UP = 60.0 + 6 * KILLS  # for all stores, on a machine with two cores
TORN = 20  # bytes of an entry of InfluxDB's log
SERIAL = FIELDS.index("volume") * 8 + 16  # where the trial writes which tick of the source it is

STORES = ("sqlite", "redis", "mysql", "influx")


class Part:
    """A process of ours that is killed and started again."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._folder, self._arguments = folder, arguments
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("TRADEWARDEN_", "NOTIFY_", "STATE_"))}
        with (self._folder / "parts.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - quick
                ["setpriv", "--pdeathsig", "KILL", sys.executable, *self._arguments],
                cwd=self._folder,
                env=kept | {"PYTHONPATH": os.pathsep.join(sys.path)},
                stdout=log,
                stderr=log,
            )

    async def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGKILL)
            await asyncio.to_thread(process.wait, 20)


class Source:
    """Sends numbered ticks at its rate, each frame again until it is acknowledged."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._records = [pack(tick) for tick in ticks(5000)]
        self.acknowledged = 0  # serial numbers up to here
        self.sent_again = 0
        self.stopping = False

    async def run(self) -> None:
        begun = time.monotonic()
        while not self.stopping:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_unix_connection(self._socket)
                try:
                    await self._talk(reader, writer, begun)
                finally:
                    writer.close()
            if not self.stopping:
                self.sent_again += 1
                await asyncio.sleep(0.01)

    async def has_sent(self, count: float) -> None:
        """Until so many more ticks are acknowledged."""
        enough = self.acknowledged + count
        async with asyncio.timeout(CATCH_UP):
            while self.acknowledged < enough:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, begun: float) -> None:
        while not self.stopping:
            frame = b"".join(map(self._record, range(self.acknowledged, self.acknowledged + FRAME)))
            writer.write(HEAD.pack(len(frame), FRAME) + frame)
            await writer.drain()
            await reader.readexactly(1)
            self.acknowledged += FRAME
            ahead = self.acknowledged / RATE - (time.monotonic() - begun)
            if ahead > 0:
                await asyncio.sleep(ahead)

    def _record(self, serial: int) -> bytes:
        record = self._records[serial % len(self._records)]
        return record[:SERIAL] + serial.to_bytes(8, "little") + record[SERIAL + 8 :]


class Trial:
    """Servers, sinks and the recording process, all on this machine."""

    def __init__(self, folder: Path) -> None:
        for program, package in (("mariadbd", "mariadb-server"), ("influxd", "influxdb")):
            need(program, package)
        self.state = folder / "var"
        self.state.mkdir()
        for name in ("mariadb", "influxdb"):
            (folder / name).mkdir()
        self.mariadb, self.influxdb = Mariadb(folder / "mariadb"), Influxdb(folder / "influxdb")
        self.redis = RedisProcess(folder / "redis")
        self.desk = Part(folder, str(Path(__file__).parents[1] / "support/recording_desk.py"), str(self.state))
        self.sinks = {name: Part(folder, "-m", "tradewarden", "sink", name) for name in STORES[1:]}
        self.values: dict[str, dict[str, Any]] = {
            "sqlite": {"ticks": True, "path": None},
            "redis": {"url": self.redis.url, "keep_ticks": 100_000_000},
            "mysql": {"port": self.mariadb.port, "user": USER, "password": PASSWORD, "database": "desk"},
            "influx": {"url": self.influxdb.url, "database": "desk"},
        }
        (folder / "tradewarden.toml").write_text(self._settings())

    def _settings(self) -> str:
        tables = [f'state_dir = "{self.state}"', "[log]", 'level = "warning"']
        for name in STORES[1:]:
            tables += [f"[sinks.{name}]", "enabled = true", 'process = "own"']
            tables += [f"{key} = {value!r}".replace("'", '"') for key, value in self.values[name].items()]
        return "\n".join(tables)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Trial]:
        await asyncio.gather(asyncio.to_thread(self.mariadb.start), asyncio.to_thread(self.influxdb.start))
        await self.redis.start()
        await self.mariadb.ask("CREATE DATABASE desk CHARACTER SET utf8mb4")
        await self.influxdb.ask('CREATE DATABASE "desk"')
        try:
            for part in (self.desk, *self.sinks.values()):
                await part.start()
            yield self
        finally:
            for part in (self.desk, *self.sinks.values()):
                await part.kill()
            await self.redis.kill()
            self.mariadb.kill()
            self.influxdb.kill()

    def victims(self) -> list[Callable[[], Awaitable[None]]]:
        """Everybody who can be killed, each with the way back."""

        def part(one: Part | RedisProcess) -> Callable[[], Awaitable[None]]:
            async def again() -> None:
                await one.kill()
                await one.start()

            return again

        def server(one: Mariadb | Influxdb) -> Callable[[], Awaitable[None]]:
            async def again() -> None:
                one.kill()
                if one is self.influxdb:
                    self.tear()
                await asyncio.to_thread(one.start)

            return again

        parts: list[Part | RedisProcess] = [self.desk, self.redis, *self.sinks.values()]
        return [*map(part, parts), server(self.mariadb), server(self.influxdb)]

    def tear(self) -> None:
        """The end of InfluxDB's log as a kill in the middle of a write leaves it, which is rare otherwise."""
        logs = (self.state.parent / "influxdb").glob("wal/desk/high_frequency/*/_*.wal")
        log = max(logs, key=lambda log: log.stat().st_mtime_ns, default=None)
        if log is not None and log.stat().st_size > TORN:
            os.truncate(log, log.stat().st_size - TORN)

    async def begun(self) -> None:
        """Until every store has something."""
        async with asyncio.timeout(CATCH_UP):
            while not all(cursor.load(self.state / "journal", name) for name in STORES):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def caught_up(self) -> None:
        """Until every store has the last number."""
        last = tail(self.state / "journal")
        async with asyncio.timeout(CATCH_UP):
            while any((cursor.load(self.state / "journal", name) or 0) < last for name in STORES):  # noqa: ASYNC110
                await asyncio.sleep(0.2)


@pytest.mark.timeout(120 + CATCH_UP + 5 * KILLS)
async def test_nothing_is_lost_and_nothing_is_twice_whoever_is_killed(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    began = time.time_ns()
    async with Trial(tmp_path).running() as trial:
        source = Source(trial.state / SOCKET)
        flowing = asyncio.create_task(source.run(), name="source")
        await trial.begun()
        victims = trial.victims()
        chance.shuffle(victims)
        for kill in itertools.islice(itertools.cycle(victims), KILLS):
            await source.has_sent(RATE * PAUSE * chance.uniform(0.5, 1.5))
            await kill()
        await source.has_sent(RATE * PAUSE)
        source.stopping = True
        await flowing
        await trial.caught_up()

        serials = serials_of(trial.state / "journal")
        last = tail(trial.state / "journal")
        assert set(range(source.acknowledged)) <= set(serials), "a tick that was acknowledged is not in the journal"
        assert len(serials) - len(set(serials)) <= FRAME * source.sent_again, "sent again more than the frame in hand"
        assert len(serials) == last

        verdict = await validate(trial.values, trial.state, Span(began, time.time_ns() + 10**9))
        assert not verdict.journal.holes
        assert verdict.journal.records == last
        for store in verdict.stores:
            assert isinstance(store, Audit), store
            assert store.agrees, store
            assert store.compared == last


def serials_of(journal: Path) -> list[int]:
    """Which ticks of the source the journal has, number by number."""
    reader = Reader(journal, after=0)
    found: list[int] = []
    while frames := reader.read(10_000):
        found += [row.volume for row in rows(frames)]
    assert not reader.holes
    reader.close()
    assert SIZE == 256
    return found
