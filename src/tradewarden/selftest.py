"""One plain line per machine and for the health answer: working, or what is wrong."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tradewarden.control import Control, UnreachableError
from tradewarden.demo import START, demo
from tradewarden.machines.account import FEEDING

PATIENCE = 20.0  # seconds for the demo desk to stream
WORKING, BROKEN = "working", "not working"


async def selftest(url: str | None, say: Callable[[str], None]) -> bool:
    """Try a running daemon, or a demo desk of our own on free ports; true when everything works."""
    if url is not None:
        return await _judge(url, say, patience=0.0)
    async with _demo_desk() as own:
        return await _judge(own, say, patience=PATIENCE)


@asynccontextmanager
async def _demo_desk() -> AsyncIterator[str]:
    port, stop, up = _two_free_ports(), asyncio.Event(), asyncio.Event()

    def heard(_line: str) -> None:
        up.set()

    desk = asyncio.create_task(
        demo(port=port, start=START, auto_login=True, stop=stop, say=heard), name="selftest.desk"
    )
    waiting = asyncio.create_task(up.wait(), name="selftest.up")
    await asyncio.wait({desk, waiting}, return_when=asyncio.FIRST_COMPLETED)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        waiting.cancel()
        stop.set()
        await desk


def _two_free_ports() -> int:
    """A port whose neighbour is free too; nobody reserves them, which is good enough for a test of seconds."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


async def _judge(url: str, say: Callable[[str], None], *, patience: float) -> bool:
    try:
        async with Control(url=url) as control:
            health = await _settled(control, patience)
    except UnreachableError as error:
        say(f"health   not working: {error}")
        return False
    verdicts = [*_machines(health), _answer(health)]
    for name, word, text in verdicts:
        say(f"{name:<8} {word}: {text}")
    return all(word != BROKEN for _, word, _ in verdicts)


async def _settled(control: Control, patience: float) -> dict[str, Any]:
    """The health answer, once it passes or patience ends."""
    loop = asyncio.get_running_loop()
    end = loop.time() + patience
    while True:
        health = await control.document("/api/system/health", "headline", http="200")
        if loop.time() >= end or health["checks"]["feed:stream"][0]["observedValue"] == "streaming":
            return health
        await asyncio.sleep(0.1)


def _machines(health: dict[str, Any]) -> list[tuple[str, str, str]]:
    checks = health["checks"]
    told = []
    for name, key in (("market", "market:session"), ("auth", "auth:token"), ("feed", "feed:stream")):
        for check in checks[key]:
            part = f"{check['componentId']} " if "componentId" in check else ""
            told.append((name, _word(check), f"{part}{check['observedValue']} since {check['time'][:19]}"))
    return told


def _word(check: dict[str, Any]) -> str:
    """Without a login into the account that feeds it a desk does nothing; one into a further account can wait."""
    if check["status"] == "fail":
        return BROKEN
    if "action" not in check:
        return WORKING
    return BROKEN if check.get("componentId", FEEDING) == FEEDING else "login needed"


def _answer(health: dict[str, Any]) -> tuple[str, str, str]:
    headline = health["headline"]
    return "health", BROKEN if health["status"] == "fail" else WORKING, f"{headline['code']}: {headline['text']}"
