"""A simulated broker on a free port, on a fixed date."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest

from tradewarden.simulator.kite import KiteSimulator

START = datetime(2026, 11, 23, 9, 20, tzinfo=ZoneInfo("Asia/Kolkata"))


def running_clock() -> Callable[[], datetime]:
    """The fixed date, running with the loop."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    return lambda: START + timedelta(seconds=loop.time() - begun)


@pytest.fixture
async def sim() -> AsyncIterator[KiteSimulator]:
    async with KiteSimulator(
        now=running_clock(),
        redirect_url="http://127.0.0.1:1/auth/callback",
        seed=1,
        tick_seconds=0.05,
        heartbeat_seconds=0.05,
        limit=50,
    ) as simulator:
        yield simulator


@pytest.fixture
async def web() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        yield session


@pytest.fixture
def dial(sim: KiteSimulator, web: aiohttp.ClientSession) -> Callable[..., Any]:
    """Open a socket with a fresh token, or with the one given."""

    def dial(token: str | None = None, **options: Any) -> Any:
        params = {"api_key": sim.broker.api_key, "access_token": sim.mint() if token is None else token}
        return web.ws_connect(sim.ws_url, params=params, autoping=False, **options)

    return dial
