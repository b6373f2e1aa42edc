"""What the tests of a bus need: ticks that are published, and a stream that reads them back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tiny_kite import Listener
from tradewarden.feed.brokers.bus import BusStream


@asynccontextmanager
async def running(stream: BusStream, gen: int = 1) -> AsyncIterator[asyncio.Task[None]]:
    """The stream, dialled."""
    task = asyncio.ensure_future(stream.run(gen, "no-login"))
    try:
        yield task
    finally:
        stream.close()
        await asyncio.wait({task}, timeout=5)
        await stream.aclose()


def seqs(listener: Listener) -> list[int]:
    """The numbers of the first ticks of all lists that came, in order."""
    return [told[2].first_seq for told in listener.of("ticks")]


def tokens(listener: Listener) -> list[int]:
    """The instruments of all ticks that came, in order."""
    return [tick.token for told in listener.of("ticks") for tick in told[2]]
