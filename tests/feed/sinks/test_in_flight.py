"""Requests that are under way at the same time: how many, what they bring, and what becomes of them in trouble."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from tradewarden.feed.sinks.in_flight import InFlight


class Server:
    """Answers when told to."""

    def __init__(self) -> None:
        self.answers = [asyncio.Event() for _ in range(3)]
        self.came: list[int] = []
        self.broken_off: list[int] = []

    async def request(self, nth: int) -> int:
        """One request, which brings ten times its number."""
        self.came.append(nth)
        try:
            await self.answers[nth].wait()
        except asyncio.CancelledError:
            self.broken_off.append(nth)
            raise
        return nth * 10


async def test_a_third_request_waits_until_the_first_is_answered() -> None:
    server = Server()
    async with InFlight(2) as flight:
        for nth in (0, 1):
            await flight.begin(partial(server.request, nth), name="request")
        third = asyncio.create_task(flight.begin(lambda: server.request(2), name="request"))
        server.answers[1].set()  # the second alone makes no room: they are awaited in their order
        done, _ = await asyncio.wait({third}, timeout=0.05)
        assert not done
        assert server.came == [0, 1]
        server.answers[0].set()
        await third
        server.answers[2].set()
        assert await flight.landed() == 30
    assert server.came == [0, 1, 2]


async def test_nothing_is_over_before_all_are_answered() -> None:
    server = Server()
    async with InFlight(2) as flight:
        await flight.begin(lambda: server.request(0), name="request")
        await flight.begin(lambda: server.request(1), name="request")
        server.answers[0].set()
        landed = asyncio.create_task(flight.landed())
        done, _ = await asyncio.wait({landed}, timeout=0.05)
        assert not done
        server.answers[1].set()
        assert await landed == 10


async def test_trouble_with_one_breaks_the_others_off_and_is_told() -> None:
    server = Server()

    async def refused() -> int:
        raise OSError(32, "Broken pipe")

    async def write() -> None:
        async with InFlight(2) as flight:
            await flight.begin(refused, name="request")
            await flight.begin(lambda: server.request(1), name="request")
            await flight.landed()

    with pytest.raises(OSError, match="Broken pipe"):
        await write()
    assert server.broken_off == [1]


async def test_who_is_stopped_leaves_no_request_behind() -> None:
    server = Server()

    async def write() -> None:
        async with InFlight(2) as flight:
            await flight.begin(lambda: server.request(0), name="request")
            await flight.begin(lambda: server.request(1), name="request")
            await flight.landed()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await write()
    assert server.broken_off == [0, 1]
