"""Requests under way at the same time, so that the next is made while the server works on the one before."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Self


class InFlight:
    """So many requests at most; each brings a number, and none is left behind."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._under_way: deque[asyncio.Task[int]] = deque()
        self._brought = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *trouble: object) -> None:
        """Break off what is still under way: somebody was stopped, or had trouble."""
        left = list(self._under_way)
        self._under_way.clear()
        for request in left:
            request.cancel()
        await asyncio.gather(*left, return_exceptions=True)  # one trouble is told, by whoever awaited it

    async def begin(self, request: Callable[[], Coroutine[Any, Any, int]], *, name: str) -> None:
        """Set it off as soon as there is room. Raises the trouble of one that was begun before."""
        while len(self._under_way) >= self._most:
            await self._oldest()
        self._under_way.append(asyncio.create_task(request(), name=name))

    async def landed(self) -> int:
        """Wait for all; what they brought together. Raises the trouble of the first that had any."""
        while self._under_way:
            await self._oldest()
        return self._brought

    async def _oldest(self) -> None:
        self._brought += await self._under_way.popleft()
