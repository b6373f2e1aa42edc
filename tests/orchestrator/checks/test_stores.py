"""While data is wanted the stores are compared with the journal every quarter of an hour, one minute at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from pictures import all_well
from tradewarden.machines.report import AgreementReport
from tradewarden.orchestrator.checks.stores import StoresCheck
from tradewarden.orchestrator.clock import IST
from tradewarden.orchestrator.validate import Span
from tradewarden.orchestrator.validation import ValidationError

BEGAN = datetime(2026, 11, 23, 9, 0, tzinfo=IST)


class Clock:
    """Stands until it is told."""

    simulated = False

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.seconds)

    def mono_ns(self) -> int:
        return int(self.seconds * 1e9)


class Stores:
    """Answers what it is told to, and remembers what it was asked."""

    def __init__(self, *stores: str) -> None:
        self.stores: Mapping[str, Any] = dict.fromkeys(stores)
        self.asked: list[Span] = []
        self.differs: tuple[str, ...] = ()
        self.fails = False

    async def verdict(self, names: list[str], span: Span) -> dict[str, Any]:
        self.asked.append(span)
        if self.fails:
            raise ValidationError("it did not end")
        nothing = {"count": 0, "named": []}
        return {
            "journal": {"records": 0, "holes": []},
            "stores": [
                {
                    "store": name,
                    "agrees": name not in self.differs,
                    "compared": 7,
                    **dict.fromkeys(("waiting", "late", "letGo", "setAside"), 0),
                    "note": None,
                    "missing": {"count": 2, "named": [[3, 4]]} if name in self.differs else nothing,
                    **dict.fromkeys(("double", "different", "foreign"), nothing),
                }
                for name in names
            ],
        }


class Scene:
    """The check, with time as an argument."""

    def __init__(self, stores: Stores) -> None:
        self.clock, self.stores = Clock(), stores
        self.agreement: Callable[[], AgreementReport | None] | None = None
        self.picture = all_well()
        self.check = StoresCheck(stores, self.clock, self.spawn, reports=self)
        self.deeds: list[asyncio.Task[None]] = []

    def spawn(self, deed: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        self.deeds.append(asyncio.create_task(deed, name=name))
        return self.deeds[-1]

    async def pass_(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.seconds += 1
            self.check.look()
            await asyncio.gather(*self.deeds)


@pytest.fixture
async def scene() -> Scene:
    return Scene(Stores("redis", "mysql"))


async def test_a_minute_that_has_settled_is_compared_every_quarter_of_an_hour(scene: Scene) -> None:
    await scene.pass_(2 * 60)
    assert scene.stores.asked == []
    await scene.pass_(2 + 2 * 15 * 60)
    ends = [span.until_ns / 1e9 - BEGAN.timestamp() for span in scene.stores.asked]
    assert ends == [121 - 30, 121 + 900 - 30, 121 + 1800 - 30]
    assert {span.until_ns - span.since_ns for span in scene.stores.asked} == {60 * 10**9}
    report = scene.check.report()
    assert report is not None
    assert report.agrees


async def test_a_store_that_differs_is_told_with_what_is_missing(scene: Scene) -> None:
    scene.stores.differs = ("mysql",)
    with capture_logs() as logs:
        await scene.pass_(130)
    report = scene.check.report()
    assert report is not None
    assert not report.agrees
    assert report.said == ("mysql: DOES NOT AGREE, 7 compared; 2 missing (3 to 4)",)
    assert [line["stores"] for line in logs] == [["mysql"]]


async def test_nothing_is_asked_while_no_data_is_wanted(scene: Scene) -> None:
    scene.picture = replace(scene.picture, market=replace(scene.picture.market, wanted=False))
    await scene.pass_(3600)
    assert scene.stores.asked == []
    assert scene.check.report() is None


async def test_a_desk_without_stores_asks_nobody() -> None:
    scene = Scene(Stores())
    await scene.pass_(3600)
    assert scene.stores.asked == []


async def test_a_comparison_that_fails_is_said_and_tried_again_later(scene: Scene) -> None:
    scene.stores.fails = True
    with capture_logs() as logs:
        await scene.pass_(130)
    assert [line["why"] for line in logs] == ["it did not end"]
    assert scene.check.report() is None
    scene.stores.fails = False
    await scene.pass_(15 * 60)
    assert scene.check.report() is not None
