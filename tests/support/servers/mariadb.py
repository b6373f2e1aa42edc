"""A real MariaDB on loopback for the tests: one for the whole run, a database for each test."""

from __future__ import annotations

import asyncio
import atexit
import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import closing, suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import asyncmy
import pytest

USER, PASSWORD = "desk", "open sesame"
DEADLINE = 30.0
NUMBERS = count(1)
INSTALL = (
    "--auth-root-authentication-method=normal",
    "--skip-test-db",
    "--innodb-flush-method=nosync",
    "--innodb-undo-tablespaces=0",
    "--innodb-log-file-size=16M",
    "--innodb-buffer-pool-size=16M",
)
SMALL = (
    "--innodb-buffer-pool-size=32M",
    "--innodb-log-file-size=16M",
    "--innodb-flush-method=nosync",  # SIGKILL leaves the page cache to the system; only a power cut would not
    "--performance-schema=off",
    "--skip-log-bin",
    "--skip-name-resolve",
)


class Mariadb:
    """One server with its files in one directory; it dies with whoever started it."""

    host = "127.0.0.1"

    def __init__(self, directory: Path, *options: str) -> None:
        self._directory, self._options = directory, options
        self._process: subprocess.Popen[bytes] | None = None
        self.port, self.socket = free_port(), directory / "s"
        (directory / "init.sql").write_text(
            f"CREATE USER IF NOT EXISTS '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT ALL ON *.* TO '{USER}'@'%' WITH GRANT OPTION;\n"
        )
        with (directory / "install.log").open("wb") as log:
            subprocess.run(
                ["mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={directory}/data", *INSTALL],
                stdout=log,
                stderr=log,
                check=True,
                timeout=DEADLINE,
                env=os.environ | {"TMPDIR": str(directory)},
            )

    @property
    def pid(self) -> int:
        """Of the server."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it greets."""
        folder = self._directory
        with (folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "KILL", "mariadbd", "--no-defaults", "--user=root", *SMALL),
                    *(f"--datadir={folder}/data", f"--socket={self.socket}", f"--pid-file={folder}/p"),
                    *(f"--port={self.port}", f"--bind-address={self.host}", f"--init-file={folder}/init.sql"),
                    f"--tmpdir={folder}",  # each start deletes what other servers keep for the moment in a shared one
                    *self._options,
                ],
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + DEADLINE
        while not self._greets():
            assert self._process.poll() is None, (folder / "server.log").read_text()
            assert time.monotonic() < until, f"mariadbd did not listen within {DEADLINE} s"
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL: what it had not written is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(DEADLINE)

    def ensure_running(self) -> None:
        """Start it again if a test left it dead."""
        if self._process is None or self._process.poll() is not None:
            self.start()

    async def ask(self, *statements: str, database: str | None = None) -> list[tuple[Any, ...]]:
        """Run statements as an administrator; the rows of the last one."""
        async with asyncio.timeout(DEADLINE):
            connection = await asyncmy.connect(
                host=self.host, port=self.port, user=USER, password=PASSWORD, database=database, autocommit=True
            )
            try:
                async with connection.cursor() as cursor:
                    for statement in statements:
                        await cursor.execute(statement)
                    return list(await cursor.fetchall()) if cursor.description else []
            finally:
                await connection.ensure_closed()

    async def new_database(self) -> str:
        """An empty database that nobody else uses."""
        name = f"desk_{next(NUMBERS)}"
        await self.ask(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
        return name

    def _greets(self) -> bool:
        with suppress(OSError), closing(socket.create_connection((self.host, self.port), 1)) as wire:
            return len(wire.recv(5)) == 5
        return False


def free_port() -> int:
    """A port that nobody had a moment ago."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def mariadb() -> Mariadb:
    """The server of this test run, running."""
    for program, package in (("mariadbd", "mariadb-server"), ("mariadb-install-db", "mariadb-server")):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: apt-get install {package}")
    server = _of_this_run()
    server.ensure_running()
    return server


@cache
def _of_this_run() -> Mariadb:
    directory = Path(tempfile.mkdtemp(prefix="tw-mariadb-"))
    server = Mariadb(directory)

    def end() -> None:
        server.kill()
        shutil.rmtree(directory, ignore_errors=True)

    atexit.register(end)
    return server
