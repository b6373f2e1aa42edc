from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from pictures import Desk, serving


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with serving() as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as opened:
        yield opened
