"""A broken Kite on demand, and streams to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tiny_kite import API_KEY, Listener, OpenStream, TinyKite, serve
from tradewarden.feed.brokers.kite import KiteStream
from tradewarden.feed.tick import Mode


@pytest.fixture
async def kite() -> TinyKite:
    return TinyKite()


@pytest.fixture
async def listener() -> Listener:
    return Listener()


@pytest.fixture
async def open_stream(kite: TinyKite, listener: Listener) -> AsyncIterator[OpenStream]:
    """Make a stream to the tiny Kite (or to `url`); all are closed at the end."""
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(serve(kite.handle))

        def make(**changes: Any) -> KiteStream:
            wanted: dict[str, Any] = {
                "url": f"ws://127.0.0.1:{port}",
                "api_key": API_KEY,
                "subscriptions": {408065: Mode.FULL, 256265: Mode.QUOTE, 738561: Mode.LTP},
                "events": listener,
                "mute_after": 1.0,
                "dial_timeout": 2.0,
            }
            stream = KiteStream(**(wanted | changes))
            stack.push_async_callback(stream.aclose)
            return stream

        yield make
