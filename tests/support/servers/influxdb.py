"""A real InfluxDB 1.x on loopback for the tests: one for the whole run, a database for each test."""

from __future__ import annotations

import asyncio
import atexit
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from servers.mariadb import free_port

DEADLINE = 30.0
NUMBERS = count(1)


class Influxdb:
    """One server with its files in one directory; it dies with whoever started it."""

    def __init__(self, directory: Path, **options: str) -> None:
        self._directory, self._options = directory, options
        self._process: subprocess.Popen[bytes] | None = None
        self._port, self._backup_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """Of the server."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers."""
        folder = self._directory
        settings = {
            "REPORTING_DISABLED": "true",
            "META_DIR": f"{folder}/meta",
            "DATA_DIR": f"{folder}/data",
            "DATA_WAL_DIR": f"{folder}/wal",
            "DATA_QUERY_LOG_ENABLED": "false",
            "HTTP_BIND_ADDRESS": f"127.0.0.1:{self._port}",
            "HTTP_LOG_ENABLED": "false",
            "BIND_ADDRESS": f"127.0.0.1:{self._backup_port}",
            "MONITOR_STORE_ENABLED": "false",
            **self._options,
        }
        with (folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "influxd", "run", "-config", "/dev/null"],
                env=os.environ | {f"INFLUXDB_{name}": value for name, value in settings.items()},
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + DEADLINE
        while not self._answers():
            assert self._process.poll() is None, (folder / "server.log").read_text()
            assert time.monotonic() < until, f"influxd did not answer within {DEADLINE} s"
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL: what it had not written is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(DEADLINE)

    def stop(self) -> None:
        """SIGTERM: it writes what it has."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(DEADLINE)

    def ensure_running(self) -> None:
        """Start it again if a test left it dead."""
        if self._process is None or self._process.poll() is not None:
            self.start()

    async def ask(self, question: str, database: str = "") -> list[dict[str, Any]]:
        """One statement of InfluxQL; the series of its answer."""
        timeout = aiohttp.ClientTimeout(total=DEADLINE)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(f"{self.url}/query", data={"q": question}, params={"db": database, "epoch": "ns"}) as answer,
        ):
            told = await answer.json()
        assert "error" not in told, told
        assert "error" not in told["results"][0], told
        series: list[dict[str, Any]] = told["results"][0].get("series", [])
        return series

    async def write(self, database: str, policy: str, *lines: str) -> int:
        """Lines as they are; the status of the answer."""
        async with (
            asyncio.timeout(DEADLINE),
            aiohttp.ClientSession() as session,
            session.post(
                f"{self.url}/write", data="\n".join(lines).encode(), params={"db": database, "rp": policy}
            ) as answer,
        ):
            return answer.status

    async def new_database(self) -> str:
        """An empty database that nobody else uses."""
        name = f"desk_{next(NUMBERS)}"
        await self.ask(f'CREATE DATABASE "{name}"')
        return name

    def _answers(self) -> bool:
        with suppress(OSError), urllib.request.urlopen(f"{self.url}/ping", timeout=1) as answer:
            return bool(answer.status == 204)
        return False


def influxdb() -> Influxdb:
    """The server of this test run, running."""
    if shutil.which("influxd") is None:
        pytest.skip("influxd is not installed: apt-get install influxdb")
    server = _of_this_run()
    server.ensure_running()
    return server


@cache
def _of_this_run() -> Influxdb:
    directory = Path(tempfile.mkdtemp(prefix="tw-influxdb-"))
    server = Influxdb(directory)

    def end() -> None:
        server.kill()
        shutil.rmtree(directory, ignore_errors=True)

    atexit.register(end)
    return server
