"""Other processes: started and ended with certainty, their CPU time and memory as the kernel counts them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TICK = os.sysconf("SC_CLK_TCK")
PATIENCE = 30.0  # seconds for anything that a process was asked for
LONG_LINE = 64 * 1024 * 1024  # bytes: a client's whole list of moments is one line


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, user and system, children that it waited for included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICK


def rss_mb(pid: int) -> float:
    """Resident memory of a process in millions of bytes."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    if found is None:
        raise RuntimeError(f"process {pid} has ended")
    return int(found[1]) * 1024 / 1e6


def pin(core: int, pid: int = 0) -> None:
    """Keep a process on one core, so that client and server do not take turns on the same one."""
    os.sched_setaffinity(pid, {core % (os.cpu_count() or 1)})


@asynccontextmanager
async def running(
    *command: str, env: Mapping[str, str] | None = None, core: int | None = None
) -> AsyncIterator[Process]:
    """A process for as long as the block lasts; what it complains of is shown when it fails."""
    with tempfile.TemporaryFile() as complaints:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=complaints, limit=LONG_LINE, env={**os.environ, **(env or {})}
        )
        if core is not None:
            pin(core, process.pid)
        try:
            yield process
        except BaseException:
            complaints.seek(0)
            sys.stderr.write(complaints.read().decode(errors="replace")[-4000:])
            raise
        finally:
            await _end(process)


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(PATIENCE):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def line_of(process: Process, patience: float = PATIENCE) -> Any:
    """The next line that a process says, which is JSON."""
    if process.stdout is None:
        raise RuntimeError("nobody listens to this process")
    async with asyncio.timeout(patience):
        line = await process.stdout.readline()
    if not line:
        raise RuntimeError("the process ended without an answer")
    return json.loads(line)


async def tell(process: Process, text: str) -> None:
    """Say one line to a process."""
    if process.stdin is None:
        raise RuntimeError("this process does not listen")
    process.stdin.write(text.encode() + b"\n")
    async with asyncio.timeout(PATIENCE):
        await process.stdin.drain()


async def ask(process: Process, question: Any) -> Any:
    """Say one line of JSON to a process, and hear one."""
    await tell(process, json.dumps(question))
    return await line_of(process)


@asynccontextmanager
async def unheard(process: Process) -> AsyncIterator[None]:
    """Read what a process says, as the journal would, and forget it."""

    async def read() -> None:
        while process.stdout is not None and await process.stdout.read(65536):
            pass

    reading = asyncio.create_task(read(), name="what nobody wants to hear")
    try:
        yield
    finally:
        reading.cancel()


class Ear:
    """Hears what a daemon tells systemd."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(self._path))

    @property
    def env(self) -> dict[str, str]:
        """What the daemon needs to find us."""
        return {"NOTIFY_SOCKET": str(self._path)}

    async def ready(self) -> float:
        """When READY=1 came, on the monotonic clock."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE):
            while True:
                told = await loop.sock_recv(self._socket, 4096)
                if b"READY=1" in told.split(b"\n"):
                    return time.monotonic()

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()
        self._path.unlink(missing_ok=True)
