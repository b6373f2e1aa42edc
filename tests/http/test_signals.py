"""The signals of a trading day over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from jobs_shown import ASHA, BOSS, LOOK, READ, Client, Jobs, serving_jobs
from pictures import Desk


@pytest.fixture
async def shown(tmp_path: Path) -> AsyncIterator[tuple[Desk, Jobs]]:
    async with serving_jobs(tmp_path) as both:
        yield both


@pytest.fixture
def ask(session: ClientSession, shown: tuple[Desk, Jobs]) -> Client:
    return Client(session, shown[0])


INFY, TCS = {"symbol": "INFY", "verdict": "buy", "score": 0.7}, {"symbol": "NSE:TCS", "verdict": "hold"}


async def test_signals_are_kept_once_a_day_and_symbol_and_everybody_signed_in_reads_them(ask: Client) -> None:
    status, put = await ask("POST", "/api/signals", BOSS, {"signals": [INFY, TCS], "run": 7})
    assert (status, put) == (200, {"day": "2026-01-05", "new": 2, "updated": 0, "skipped": None})
    _, put = await ask("POST", "/api/signals", BOSS, {"signals": [INFY | {"verdict": "sell"}]})
    assert (put["new"], put["updated"]) == (0, 1)
    for who in (ASHA, LOOK, READ, BOSS):
        _, told = await ask("GET", "/api/signals", who)
        assert [(each["symbol"], each["data"]["verdict"]) for each in told["signals"]] == [
            ("INFY", "sell"),
            ("NSE:TCS", "hold"),
        ]
    assert told["days"] == [{"day": "2026-01-05", "signals": 2}]
    assert (told["signals"][1]["run"], told["signals"][1]["createdAt"]) == (7, "2026-01-05T10:00:00+05:30")
    _, other = await ask("GET", "/api/signals?day=2026-01-02", LOOK)
    assert (other["day"], other["signals"]) == ("2026-01-02", [])


async def test_on_a_closed_day_nothing_changes_and_the_answer_says_why(ask: Client, shown: tuple[Desk, Jobs]) -> None:
    shown[1].closed = ["skipped update: 2026-01-05 is a holiday"]
    status, put = await ask("POST", "/api/signals", BOSS, {"signals": [INFY]})
    assert (status, put["new"], put["skipped"]) == (200, 0, "skipped update: 2026-01-05 is a holiday")
    assert (await ask("GET", "/api/signals", BOSS))[1]["signals"] == []


async def test_only_an_admin_and_the_desks_own_jobs_hand_signals_over(ask: Client) -> None:
    for who, expected in ((ASHA, 403), (LOOK, 403), ({}, 401)):
        assert (await ask("POST", "/api/signals", who, {"signals": [INFY]}))[0] == expected
    assert (await ask("GET", "/api/signals", {}))[0] == 401


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/signals"),
        ({"signals": "INFY"}, "/signals"),
        ({"signals": ["INFY"]}, "/signals"),
        ({"signals": [INFY, {"verdict": "buy"}]}, "/signals/1/symbol"),
        ({"signals": [{"symbol": 7}]}, "/signals/0/symbol"),
        ({"signals": [{"symbol": "a\nb"}]}, "/signals/0/symbol"),
        ({"signals": [{"symbol": "x" * 65}]}, "/signals/0/symbol"),
        ({"signals": [], "run": "7"}, "/run"),
        ({"signals": [], "run": 0}, "/run"),
        ({"signals": [], "day": "2026-01-05"}, "/day"),
    ],
)
async def test_what_is_no_signal_is_told_with_its_place(ask: Client, body: Any, pointer: str) -> None:
    status, problem = await ask("POST", "/api/signals", BOSS, body)
    assert status == 422
    assert problem["errors"][0]["pointer"].startswith(pointer)
    assert (await ask("GET", "/api/signals", BOSS))[1]["days"] == []


@pytest.mark.parametrize("query", ["day=today", "day=2026-13-01", "day=20260105", "days=2026-01-05"])
async def test_a_day_that_is_none_is_told(ask: Client, query: str) -> None:
    assert (await ask("GET", f"/api/signals?{query}", BOSS))[0] == 422


async def test_a_megabyte_is_taken_and_more_is_not(ask: Client) -> None:
    many = [{"symbol": f"S{number}", "why": "x" * 170} for number in range(5000)]
    assert len(json.dumps({"signals": many})) < 1024 * 1024
    status, put = await ask("POST", "/api/signals", BOSS, {"signals": many})
    assert (status, put["new"]) == (200, 5000)
    status, problem = await ask("POST", "/api/signals", BOSS, {"signals": [{"symbol": "A", "why": "x" * 1024 * 1024}]})
    assert (status, problem["type"]) == (413, "/problems/payload-too-large")
    assert (await ask("POST", "/api/signals", BOSS, {"signals": [INFY] * 5001}))[0] == 422
