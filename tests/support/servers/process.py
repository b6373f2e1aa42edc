"""A server process of a test: on loopback, dead when the test is, and told to be killed or started again at will."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

DEADLINE = 20.0


def free_port() -> int:
    """A port that nobody had a moment ago."""
    with contextlib.closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def need(program: str, package: str) -> None:
    """Skip the test where this program is missing."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed: apt-get install {package}")


class ServerProcess:
    """One server by its command, its log beside its files."""

    def __init__(self, command: list[str], log: Path, answers: Callable[[], Awaitable[bool]]) -> None:
        self._command, self._log, self._answers = command, log, answers
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - quick, and pdeathsig wants this thread
                ["setpriv", "--pdeathsig", "KILL", *self._command], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        async with asyncio.timeout(DEADLINE):
            while not await self._answers():
                assert self._process.poll() is None, self._log.read_text()[-2000:]
                await asyncio.sleep(0.01)

    async def kill(self) -> None:
        """SIGKILL."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            await asyncio.to_thread(process.wait, DEADLINE)


async def greets(port: int, question: bytes, answer: bytes) -> bool:
    """Whether what listens there gives this answer."""
    with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(question)
                return (await reader.readexactly(len(answer))) == answer
            finally:
                writer.close()
    return False
