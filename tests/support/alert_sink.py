"""Where webhooks and Telegram messages arrive in a test: a small server that keeps every POST."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class AlertSink:
    """What came in, and what is answered."""

    url: str = ""
    answers: list[tuple[int, Any, dict[str, str]]] = field(default_factory=list)  # the next ones; then 200
    got: list[tuple[str, Any]] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        return [body["text"] for _, body in self.got]

    @property
    def kinds(self) -> list[str]:
        return [body["kind"] for _, body in self.got]

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((request.path, await request.json()))
        status, body, headers = self.answers.pop(0) if self.answers else (200, {"ok": True}, {})
        return web.json_response(body, status=status, headers=headers)


@asynccontextmanager
async def alert_sink() -> AsyncIterator[AlertSink]:
    """The server, on this machine, until the block ends."""
    sink, app = AlertSink(), web.Application()
    app.router.add_post("/{path:.*}", sink.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    sink.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield sink
    finally:
        await runner.cleanup()
