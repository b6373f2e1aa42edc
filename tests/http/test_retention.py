"""Retention over HTTP, and the command that asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from pictures import ADMIN, Desk, serving
from tradewarden.feed.sinks.retained import Kept, Removed, Rule
from tradewarden.feed.sinks.sink import SinkMisfitError
from tradewarden.http.retention import RetentionDoor
from tradewarden.orchestrator.clock import SystemClock
from tradewarden.orchestrator.retention import Retention
from tradewarden.retention_command import retention

MIDNIGHT, NEXT = "2026-11-23T05:30:00+05:30", "2026-11-24T05:30:00+05:30"
BEARER = {"Authorization": f"Bearer {ADMIN}"}


class Shelf:
    """A store that forgets."""

    name = "shelf"

    async def rules(self) -> list[Rule]:
        return [
            Rule("ticks", 7, ("ticks", "trades"), "store"),
            Rule("newest", None, ("quotes",), "desk"),
            Rule("kite:frames", None, ("frames",), "store", ticks=1_000_000),
        ]

    async def create(self) -> list[str]:
        return []

    async def stats(self) -> list[Kept]:
        return [
            Kept("ticks", 1_234_567, 98_765_432, 1_795_392_000_000_000_000, 1_795_478_400_000_000_000),
            Kept("quotes"),
        ]

    async def cleanup(self, now_ns: int) -> list[Removed]:
        assert now_ns > 1_700_000_000_000_000_000
        return [Removed("ticks", 1000)]


class Away(Shelf):
    async def rules(self) -> list[Rule]:
        raise SinkMisfitError("no database 'desk'; make it.")

    async def stats(self) -> list[Kept]:
        raise SinkMisfitError("no database 'desk'; make it.")


@asynccontextmanager
async def a_desk(directory: Path) -> AsyncIterator[Desk]:
    def spawn(deed: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        return asyncio.create_task(deed, name=name)

    stores = Retention({"shelf": Shelf, "away": Away}, SystemClock(), spawn)
    door = RetentionDoor(stores)
    async with serving(parts=[door], control_path=directory / "control") as desk:
        yield desk


async def test_an_admin_sees_what_is_kept_and_for_how_long(tmp_path: Path, session: ClientSession) -> None:
    async with a_desk(tmp_path) as desk, session.get(f"{desk.url}/api/retention", headers=BEARER) as answer:
        shelf, away = (await answer.json())["stores"]
    assert shelf["rules"][0] == {"name": "ticks", "days": 7, "holds": ["ticks", "trades"], "by": "store", "ticks": None}
    assert shelf["kept"][0] == {
        "name": "ticks",
        "rows": 1_234_567,
        "bytes": 98_765_432,
        "oldest": MIDNIGHT,
        "newest": NEXT,
    }
    assert (shelf["trouble"], away["trouble"]) == (None, "no database 'desk'; make it.")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"do": "cleanup", "store": "shelf"}, 200),
        ({"do": "create"}, 200),
        ({"do": "drop"}, 422),
        ({"do": "cleanup", "store": "nowhere"}, 422),
        ({"do": "cleanup", "store": 7}, 422),
        ({"do": "cleanup", "more": 1}, 422),
        ([], 422),
    ],
)
async def test_what_is_to_be_done_is_done_or_refused_with_a_reason(
    tmp_path: Path, session: ClientSession, body: Any, status: int
) -> None:
    async with (
        a_desk(tmp_path) as desk,
        session.post(f"{desk.url}/api/retention", json=body, headers=BEARER) as answer,
    ):
        told = await answer.json(content_type=None)
    assert answer.status == status
    if status == 200:
        assert told["done"] == body["do"]
        assert told["stores"][0]["store"] == "shelf"
    else:
        assert told["errors"][0]["detail"]


async def test_nobody_else_may_ask(tmp_path: Path, session: ClientSession) -> None:
    async with a_desk(tmp_path) as desk:
        for method, headers, status in (
            ("GET", {}, 401),
            ("POST", {}, 401),
            ("POST", BEARER | {"Sec-Fetch-Site": "cross-site"}, 403),
        ):
            async with session.request(method, f"{desk.url}/api/retention", headers=headers, json={}) as answer:
                assert answer.status == status


@pytest.mark.parametrize(
    ("deed", "lines"),
    [
        (
            "list",
            [
                "shelf    ticks            7 days           ticks, trades",
                "shelf    newest           for ever         quotes",
                "shelf    kite:frames      1,000,000 ticks  frames",
            ],
        ),
        (
            "stats",
            [
                f"shelf    ticks                1,234,567 rows        98.8 MB  {MIDNIGHT} to {NEXT}",
                "shelf    quotes",
            ],
        ),
        ("create", ["shelf: nothing had to be done."]),
        ("cleanup", ["shelf: ticks 1,000 rows"]),
    ],
)
async def test_the_command_tells_one_line_for_each(tmp_path: Path, deed: str, lines: list[str]) -> None:
    said: list[str] = []
    async with a_desk(tmp_path):
        socket = tmp_path / "control"
        assert await retention(None, socket, deed=deed, store="shelf", as_json=False, say=said.append) == 0
    assert said == lines


async def test_the_command_fails_when_a_store_has_trouble_or_is_none(tmp_path: Path) -> None:
    said: list[str] = []
    async with a_desk(tmp_path):
        socket = tmp_path / "control"
        assert await retention(None, socket, deed="stats", store="away", as_json=False, say=said.append) == 1
        assert await retention(None, socket, deed="cleanup", store="nowhere", as_json=False, say=said.append) == 1
    assert said[0] == "away: no database 'desk'; make it."
    assert "no store 'nowhere' forgets here; there are: shelf, away." in said[1]
    assert await retention(None, tmp_path / "none", deed="list", store=None, as_json=False, say=said.append) == 69
