"""Questions over HTTP, over the wire against the running desk."""

import asyncio
import json
from pathlib import Path
from typing import Any

from desk import LIVE, Desk, play
from ticks import write_journal
from tradewarden.http.problems import TITLES
from tradewarden.orchestrator import query

ADMIN = {"Authorization": "Bearer desktestadmin"}


async def ask(desk: Desk, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, str) else json.dumps(body)
    async with desk.client.post(f"{desk.url}/api/query", data=data, headers=ADMIN | headers) as answer:
        return answer.status, await answer.json(content_type=None)


def test_a_question_is_answered_and_a_wrong_one_says_what_to_do(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        status, told = await ask(desk, {"sql": "SELECT range AS n FROM range(5)", "rows": 3})
        assert (status, told["rows"], told["truncated"]) == (200, [[0], [1], [2]], True)
        status, told = await ask(desk, {"sql": "SELECT ltp FROM ticks"})
        assert (status, told["type"], told["why"]) == (422, "/problems/validation", "sql")
        assert "last_price" in told["errors"][0]["detail"]

    play(tmp_path, LIVE, scene)


def test_only_an_admin_may_ask_and_only_from_here(tmp_path: Path) -> None:
    question = json.dumps({"sql": "SELECT 1"})

    async def scene(desk: Desk) -> None:
        for headers, status in (
            ({}, 401),
            ({"Authorization": "Bearer wrong"}, 403),
            (ADMIN | {"Sec-Fetch-Site": "cross-site"}, 403),
            (ADMIN | {"Origin": "https://evil.example"}, 403),
        ):
            async with desk.client.post(f"{desk.url}/api/query", data=question, headers=headers) as answer:
                assert answer.status == status

    play(tmp_path, LIVE, scene)


def test_a_body_that_is_no_question_is_told_every_fault(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        for body, pointers in (
            ({}, ["/sql"]),
            ({"sql": 5, "rows": 0, "x": 1}, ["/x", "/sql", "/rows"]),
            ({"sql": "x" * 8001}, ["/sql"]),
            ({"sql": "SELECT 1", "rows": True}, ["/rows"]),
            ({"sql": "SELECT 1", "rows": 10_001}, ["/rows"]),
        ):
            status, told = await ask(desk, body)
            assert (status, [error["pointer"] for error in told["errors"]]) == (422, pointers)
        for text in ("no json", "[]"):
            assert (await ask(desk, text))[0] == 422

    play(tmp_path, LIVE, scene)


def test_one_question_at_a_time(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        answers = await asyncio.gather(*(ask(desk, {"sql": "SELECT 1"}) for _ in range(3)))
        assert sorted(status for status, _ in answers) == [200, 429, 429]
        assert {told["type"] for status, told in answers if status == 429} == {"/problems/rate-limited"}
        assert (await ask(desk, {"sql": "SELECT 1"}))[0] == 200

    play(tmp_path, LIVE, scene)


def test_what_is_not_the_questions_fault_is_told_as_ours(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(query, "MODULE", "tradewarden.no_such_module")

    async def scene(desk: Desk) -> None:
        status, told = await ask(desk, {"sql": "SELECT 1"})
        assert (status, told["type"], told["title"]) == (
            503,
            "/problems/query-unavailable",
            TITLES["query-unavailable"],
        )
        assert "no_such_module" in told["detail"]

    play(tmp_path, LIVE, scene)


def test_the_ticks_of_this_desk_are_what_is_asked(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        status, told = await ask(desk, {"sql": "SELECT count(*), max(seq) FROM ticks WHERE seq <= 400"})
        assert (status, told["rows"]) == (200, [[400, 400]])

    write_journal(tmp_path / "journal", 400)
    play(tmp_path, LIVE, scene)
