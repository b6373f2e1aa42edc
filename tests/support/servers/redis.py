"""A real Redis on loopback for a test: with an append-only file, so that it comes back with what it had."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from servers.process import ServerProcess, free_port, greets, need


class RedisProcess:
    """One server and its files; it dies with the test."""

    def __init__(self, folder: Path, *options: str) -> None:
        need("redis-server", "redis-server")
        self.folder, self.port = folder, free_port()
        folder.mkdir(parents=True, exist_ok=True)
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
        command += ["--appendonly", "yes", "--appendfsync", "everysec", "--daemonize", "no", *options]
        self._process = ServerProcess(command, folder / "redis.log", self._answers)
        self.start, self.kill = self._process.start, self._process.kill

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def ask(self, *command: Any, password: str | None = None) -> Any:
        """One command on a connection of its own."""
        client: Any = Redis(host="127.0.0.1", port=self.port, password=password, protocol=2)
        try:
            return await client.execute_command(*command)
        finally:
            await client.aclose()

    async def _answers(self) -> bool:
        return await greets(self.port, b"PING\r\n", b"+PONG") or await greets(self.port, b"PING\r\n", b"-NOAU")


@asynccontextmanager
async def redis_server(folder: Path, *options: str) -> AsyncIterator[RedisProcess]:
    """A running server; `options` are redis-server's own."""
    server = RedisProcess(folder, *options)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()
