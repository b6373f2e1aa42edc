"""A desk of examples/, copied where a test may write, on ports that nobody has: real daemon, keepers and programs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import select
import shlex
import shutil
import signal
import socket
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp

from servers.process import free_port
from tradewarden.orchestrator.keeping.reception import stop_keepers

ROOT = Path(__file__).parents[2]
TRADEWARDEN = Path(sys.executable).with_name("tradewarden")
ADMIN = "exampledeskadmin"
ENDING = 20.0  # seconds

Services = dict[str, dict[str, Any]]


def commands(name: str) -> list[tuple[dict[str, str], list[str]]]:
    """Each command that the example's README shows: the variables before it, and its arguments."""
    text = (ROOT / "examples" / name / "README.md").read_text().replace("\\\n", " ")
    found = []
    for line in re.findall(r"(?m)^(?:\w+=\S+ +)*\.venv/bin/tradewarden .*$", text):
        words = shlex.split(line)
        program = words.index(".venv/bin/tradewarden")
        found.append((dict(word.split("=", 1) for word in words[:program]), words[program + 1 :]))
    return found


class ExampleDesk:
    """The desk, and how to wait for what it does."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.place = folder / "examples" / name
        shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("var", "__pycache__"))
        shutil.copytree(ROOT / "deploy" / "grafana", folder / "deploy" / "grafana")
        file = self.place / "tradewarden.toml"
        text = file.read_text()
        self.ports = {int(port): free_port() for port in set(re.findall(r"\b(?:[3678]\d{3})\b", text))}
        file.write_text(re.sub(r"\b[3678]\d{3}\b", lambda found: str(self.ports[int(found[0])]), text))
        self.state = self.place / "var"
        self.url = f"http://127.0.0.1:{free_port()}"
        self._daemon: Process | None = None
        self._client: aiohttp.ClientSession | None = None

    async def run(self, arguments: list[str], environment: Mapping[str, str]) -> None:
        """The one command."""
        own = {"TRADEWARDEN_HTTP__PORT": self.url.rpartition(":")[2], "TRADEWARDEN_HTTP__ADMIN_TOKEN": ADMIN}
        with (self.folder / "daemon.log").open("ab") as log:
            self._daemon = await asyncio.create_subprocess_exec(
                TRADEWARDEN,
                *arguments,
                cwd=self.folder,
                env={**os.environ, **own, **environment},
                stdin=DEVNULL,
                stdout=log,
                stderr=log,
            )
        headers = {"Authorization": f"Bearer {ADMIN}"}
        self._client = aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=10))

    async def services(self) -> Services:
        """Each service by its name, as the API tells it."""
        told = await self.ask("GET", "/api/services")
        return {each["name"]: each for each in told["services"]}

    async def do(self, path: str, **body: Any) -> dict[str, Any]:
        """One verb."""
        return await self.ask("POST", path, body)

    async def until(self, holds: Callable[[Services], bool], what: str, *, within: float) -> Services:
        """Wait until the services are so; fails with them as they are when the time is over."""
        until = time.monotonic() + within
        while True:
            told: Services = {}
            with contextlib.suppress(aiohttp.ClientConnectionError):
                told = await self.services()
            if told and holds(told):
                return told
            assert self._daemon is not None
            assert self._daemon.returncode is None, self._log()
            if time.monotonic() > until:
                stood = "\n".join(f"{name}: {each['state']} {each['reason']}" for name, each in told.items())
                raise AssertionError(f"not {what} within {within} s:\n{stood}\n{self._log()}")
            await asyncio.sleep(0.05)

    def log_of(self, name: str) -> str:
        """All that this program has said."""
        return (self.state / "logs" / f"{name}.log").read_text()

    async def last_recorded(self) -> int:
        """The number of the newest tick in the journal."""
        last: int = (await self.ask("GET", "/api/sinks"))["journal"]["lastSeq"]
        return last

    async def until_stored(self, store: str, number: int, *, within: float) -> None:
        """Wait until this store has the tick of that number."""
        until = time.monotonic() + within
        while True:
            told = await self.ask("GET", "/api/sinks")
            (found,) = [each for each in told["sinks"] if each["name"] == store]
            if (found["position"] or 0) >= number:
                return
            assert time.monotonic() < until, f"{store} has not tick {number} within {within} s: {found}"
            await asyncio.sleep(0.05)

    async def end(self) -> None:
        """Whatever the test left: the daemon, the keepers and what they keep."""
        if self._client is not None:
            await self._client.close()
        try:
            if self._daemon is not None and self._daemon.returncode is None:
                self._daemon.terminate()
                async with asyncio.timeout(ENDING):
                    await self._daemon.wait()
        finally:
            if self._daemon is not None and self._daemon.returncode is None:
                self._daemon.kill()  # it would start again what is ended now
            if (self.state / "keepers").is_dir():
                async with asyncio.timeout(ENDING):
                    await asyncio.to_thread(self._end_keepers)

    def _end_keepers(self) -> None:
        """Every service by its keeper, then who forks the keepers."""
        stop_keepers(str(self.state / "keepers"))
        pid = self._forker()
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            watch = os.pidfd_open(pid)
            os.kill(pid, signal.SIGTERM)
            poll = select.poll()
            poll.register(watch, select.POLLIN)
            ended = poll.poll(1000 * ENDING)
            os.close(watch)
            assert ended, f"what forks the keepers of {self.folder}, pid {pid}, does not end"

    def _forker(self) -> int | None:
        directory = os.open(self.state / "keepers", os.O_RDONLY)  # the socket's own name may be too long
        try:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as wire:
                wire.settimeout(5)
                wire.connect(f"/proc/self/fd/{directory}/zygote.sock")
                wire.sendall(b'{"hello": 1}\n')
                told: dict[str, Any] = json.loads(wire.makefile().readline())
                return int(told["pid"])
        finally:
            os.close(directory)
        return None

    async def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        assert self._client is not None
        async with self._client.request(method, self.url + path, json=body) as answer:
            told: dict[str, Any] = await answer.json(content_type=None)
            assert answer.ok, (path, told)
            return told

    def _log(self) -> str:
        return (self.folder / "daemon.log").read_text(errors="replace")[-3000:]


@asynccontextmanager
async def example_desk(folder: Path, name: str) -> AsyncIterator[ExampleDesk]:
    """The example, not started yet; nothing of it is left when the block ends."""
    desk = ExampleDesk(folder, name)
    try:
        yield desk
    finally:
        await desk.end()


def moment(text: str) -> datetime:
    """A time of the API."""
    return datetime.fromisoformat(text)
