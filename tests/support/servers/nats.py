"""A real NATS server with JetStream on loopback for a test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from servers.process import ServerProcess, free_port, greets, need


class NatsProcess:
    """One server and its files; it dies with the test."""

    def __init__(self, folder: Path, *options: str) -> None:
        need("nats-server", "nats-server")
        self.folder, self.port = folder, free_port()
        folder.mkdir(parents=True, exist_ok=True)
        command = ["nats-server", "--addr", "127.0.0.1", "--port", str(self.port)]
        command += ["--jetstream", "--store_dir", str(folder), *options]
        self._process = ServerProcess(command, folder / "nats.log", self._answers)
        self.start, self.kill = self._process.start, self._process.kill

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    async def _answers(self) -> bool:
        return await greets(self.port, b"", b"INFO")


@asynccontextmanager
async def nats_server(folder: Path, *options: str) -> AsyncIterator[NatsProcess]:
    """A running server; `options` are nats-server's own."""
    server = NatsProcess(folder, *options)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()
