"""A whole desk with a store, at the world's own pace, since its store is written to by a thread."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from desk import INSTRUMENTS, LIVE, Desk, running_desk
from tradewarden import log
from tradewarden.control import Control
from tradewarden.orchestrator.clock import ShiftedClock
from tradewarden.quotes_command import quotes
from tradewarden.settings import JournalSettings, SinksSettings
from tradewarden.sinks_command import sinks
from tradewarden.status import lines

ONLY_SQLITE = SinksSettings.model_validate({"sqlite": {"ticks": True}, "parquet": {"enabled": False}})
BEARER = {"Authorization": "Bearer desktestadmin"}


@asynccontextmanager
async def recording(folder: Path, **how: Any) -> AsyncIterator[Desk]:
    known: dict[str, Any] = {"sinks": ONLY_SQLITE, "journal": JournalSettings(), "tick_seconds": 0.05}
    async with asyncio.timeout(40), running_desk(folder, ShiftedClock(LIVE), **(known | how)) as desk:
        await desk.until_feed("streaming")
        yield desk


async def told(desk: Desk, path: str = "/api/sinks") -> dict[str, Any]:
    async with desk.client.get(desk.url + path, headers=BEARER) as answer:
        assert answer.status == 200
        found: dict[str, Any] = await answer.json()
    return found


async def until(
    ask: Callable[[], Awaitable[dict[str, Any]]], holds: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    async with asyncio.timeout(15):
        while not holds(found := await ask()):  # noqa: ASYNC110 - what is asked is over there
            await asyncio.sleep(0.1)
    return found


def stored(folder: Path) -> list[int]:
    with closing(sqlite3.connect(folder / "ticks.db")) as db:
        return [seq for (seq,) in db.execute("SELECT seq FROM ticks ORDER BY seq")]


async def test_every_tick_is_in_the_store_once_over_a_restart_and_everybody_is_told(tmp_path: Path) -> None:
    async with recording(tmp_path) as desk:
        found = await until(lambda: told(desk), lambda found: found["sinks"][0]["written"] > 60)
        assert (found["sinks"][0]["name"], found["sinks"][0]["state"]) == ("sqlite", "writing")
        assert found["sinks"][0]["commitSeconds"]["p50"] < 1.5
        assert found["journal"]["recorded"] >= found["sinks"][0]["written"]
        assert found["gapsToday"] == {"count": 0, "seconds": 0}
        _, health = await desk.health()
        (check,) = health["checks"]["sinks:lag"]
        assert (check["componentId"], check["status"], check["observedValue"]) == ("sqlite", "pass", 0)
        shown = lines(health)
        assert any(line.startswith("  ● journal recording since ") for line in shown)
        assert any(line.startswith("  ● store   sqlite writing since ") for line in shown)
        async with desk.client.get(f"{desk.url}/") as page:
            assert "ticks recorded since the start" in await page.text()
        said: list[str] = []
        assert await sinks(desk.url, None, as_json=False, say=said.append) == 0
        assert said[0].startswith("● sqlite   writing, ")
    async with recording(tmp_path) as desk:
        first = (await told(desk))["sinks"][0]["position"]
        assert first > 60
        await until(lambda: told(desk), lambda found: found["sinks"][0]["position"] > first + 60)
    numbers = stored(tmp_path)
    assert numbers == list(range(1, len(numbers) + 1))


async def test_the_latest_of_each_instrument_is_answered_from_memory(tmp_path: Path) -> None:
    async with recording(tmp_path) as desk:
        every = await until(lambda: told(desk, "/api/quotes"), lambda found: len(found["quotes"]) == len(INSTRUMENTS))
        assert {quote["instrument"] for quote in every["quotes"]} == set(INSTRUMENTS)
        one = await told(desk, "/api/quotes?only=738561&depth=1")
        (quote,) = one["quotes"]
        assert quote["symbol"] == "738561"
        assert quote["last_price"] > 0
        assert len(quote["depth"]["buy"]) == 5
        assert "depth" not in every["quotes"][0]
        async with desk.client.get(f"{desk.url}/api/quotes") as refused:
            assert refused.status == 401
        async with desk.client.get(
            f"{desk.url}/api/quotes", params={"only": ",".join(map(str, range(1001)))}, headers=BEARER
        ) as refused:
            assert refused.status == 422
        said: list[str] = []
        socket = Path(tmp_path) / "control.sock"
        assert await quotes(None, socket, only=["738561"], as_json=False, say=said.append) == 0
        assert len(said) == 1
        assert " 738561 " in said[0]
        assert await quotes(None, socket, only=["NSE:NOTHING"], as_json=True, say=said.append) == 0
        assert json.loads(said[1])["quotes"] == []
        async with Control(url=None, socket=socket) as control:
            assert (await control.document("/api/sinks", "sinks"))["sinks"][0]["name"] == "sqlite"


async def test_a_store_that_does_not_fit_is_the_headline_and_costs_the_feed_nothing(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "ticks.db")) as db:
        db.execute("PRAGMA user_version = 99")
    async with recording(tmp_path) as desk:
        picture = await desk.until_headline("sinks.behind")
        assert picture.headline.severity == "warning"
        assert picture.feed.state == "streaming"
        status, health = await desk.health()
        assert status == 200
        assert health["headline"]["text"] == "sqlite needs a person"
        said: list[str] = []
        assert await sinks(desk.url, None, as_json=False, say=said.append) == 1
        (tmp_path / "ticks.db").unlink()
        found = await told(desk)
        assert "written by a newer tradewarden" in found["sinks"][0]["reason"]


async def test_a_process_that_should_carry_a_store_and_is_not_there_is_told(tmp_path: Path) -> None:
    apart = SinksSettings.model_validate({"sqlite": {"process": "own"}, "parquet": {"enabled": False}})
    async with recording(tmp_path, sinks=apart) as desk:
        found = await told(desk)
        assert (found["sinks"][0]["state"], found["sinks"][0]["process"]) == ("absent", "own")
    assert not (tmp_path / "ticks.db").exists()


async def test_no_password_of_a_store_is_told_to_anybody(tmp_path: Path) -> None:
    canary = "canary-of-a-store"
    away = {"enabled": True, "url": "redis://127.0.0.1:1", "password": canary}  # nobody listens there
    stores = SinksSettings.model_validate({"redis": away, "parquet": {"enabled": False}})
    async with recording(tmp_path, sinks=stores) as desk:
        await until(lambda: told(desk), lambda found: bool(found["sinks"][0]["lastError"]))
        bodies = []
        for path in ("/", "/api/sinks", "/api/system/health", "/metrics"):
            async with desk.client.get(desk.url + path, headers=BEARER) as answer:
                bodies.append(await answer.text())
    assert "redis" in bodies[1]
    assert canary not in str(bodies)
    assert canary not in log.redact(f"AUTH desk {canary}")
