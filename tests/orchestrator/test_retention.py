"""What every store keeps for how long: asked, told, and let go once a day."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any

import pytest

from tradewarden.feed.sinks.retained import Kept, Removed, Retained, Rule
from tradewarden.feed.sinks.sink import SinkUnavailableError
from tradewarden.orchestrator.clock import IST
from tradewarden.orchestrator.retention import Retention, Told, UnknownStoreError

BEGUN = datetime(2026, 11, 23, 9, 14, tzinfo=IST)


class Shelf:
    """A store that forgets, with a shelf of days."""

    def __init__(self, trouble: str = "") -> None:
        self.name, self.trouble, self.asked = "shelf", trouble, list[int]()

    async def rules(self) -> list[Rule]:
        if self.trouble:
            raise SinkUnavailableError(self.trouble)
        return [Rule("ticks", 7, ("ticks",), "desk")]

    async def create(self) -> list[str]:
        return ["ticks"]

    async def stats(self) -> list[Kept]:
        return [Kept("ticks", 3, 300)]

    async def cleanup(self, now_ns: int) -> list[Removed]:
        if self.trouble:
            raise SinkUnavailableError(self.trouble)
        self.asked.append(now_ns)
        return [Removed("ticks", 2)]


class Wall:
    """A clock on the wall."""

    simulated = False

    def __init__(self) -> None:
        self.moment = BEGUN

    def mono_ns(self) -> int:
        return 0

    def now(self) -> datetime:
        return self.moment


class Tasks:
    """Who owns what was begun."""

    def __init__(self) -> None:
        self.begun: list[asyncio.Task[None]] = []

    def __call__(self, deed: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        self.begun.append(asyncio.ensure_future(deed))
        self.begun[-1].set_name(name)
        return self.begun[-1]


def a_retention(**stores: Retained) -> tuple[Retention, Wall, Tasks]:
    wall, tasks = Wall(), Tasks()
    return Retention({name: lambda one=one: one for name, one in stores.items()}, wall, tasks), wall, tasks  # type: ignore[misc]


async def test_every_store_is_asked_and_one_that_does_not_answer_hides_no_other() -> None:
    retention, _, _ = a_retention(away=Shelf("nobody answers."), there=Shelf())
    assert await retention.rules() == [
        Told("away", (), "nobody answers."),
        Told("there", [Rule("ticks", 7, ("ticks",), "desk")]),
    ]
    assert [told.what for told in await retention.stats("there")] == [[Kept("ticks", 3, 300)]]
    assert await retention.create("there") == [Told("there", ["ticks"])]


async def test_a_store_that_is_not_there_is_named_with_those_that_are() -> None:
    retention, _, _ = a_retention(there=Shelf())
    with pytest.raises(UnknownStoreError, match="no store 'nowhere' forgets here; there are: there"):
        await retention.stats("nowhere")


async def test_old_days_go_at_the_start_and_once_in_each_new_day_after_midnight_utc() -> None:
    shelf = Shelf()
    retention, wall, tasks = a_retention(shelf=shelf)
    for moment in (BEGUN, BEGUN + timedelta(hours=1), BEGUN.replace(day=24, hour=5, minute=29)):
        wall.moment = moment
        retention.look()
    assert len(tasks.begun) == 1
    wall.moment = BEGUN.replace(day=24, hour=5, minute=30)
    retention.look()
    await asyncio.gather(*tasks.begun)
    assert len(tasks.begun) == 2
    assert shelf.asked[-1] == int(wall.moment.timestamp()) * 1_000_000_000


async def test_a_cleanup_that_fails_stops_nobody() -> None:
    retention, _, tasks = a_retention(away=Shelf("its disk is full."))
    retention.look()
    await asyncio.gather(*tasks.begun)


async def test_a_store_that_answers_nonsense_stops_nobody() -> None:
    class Odd(Shelf):
        async def cleanup(self, now_ns: int) -> list[Removed]:
            raise IndexError(now_ns)

    retention, _, tasks = a_retention(odd=Odd(), there=Shelf())
    retention.look()
    await asyncio.gather(*tasks.begun)
    odd, there = await retention.cleanup()
    assert odd.trouble is not None
    assert odd.trouble.startswith("odd: IndexError")
    assert there.what == [Removed("ticks", 2)]


async def test_a_desk_without_such_stores_does_nothing() -> None:
    retention, _, tasks = a_retention()
    retention.look()
    assert tasks.begun == []
    assert await retention.stats() == []
