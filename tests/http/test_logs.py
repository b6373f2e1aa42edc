"""The services' logs over HTTP: the last lines, and those that come."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession

from logged import append, stamped, write_log
from pictures import ADMIN, Desk
from programs import serving_programs
from tradewarden.http import log_stream

BEARER = {"Authorization": f"Bearer {ADMIN}"}


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    feed = [stamped("feed", "INFO begins"), stamped("feed", "ERROR no ticks, api_key=canary123", 2)]
    write_log(tmp_path / "logs", "feed", feed)
    write_log(tmp_path / "logs", "writer", [stamped("writer", "50 rows", 1)])
    return tmp_path / "logs"


async def lines(session: ClientSession, url: str, **query: str) -> list[Any]:
    async with session.get(url, params=query, headers=BEARER) as answer:
        assert answer.status == 200, await answer.text()
        return [json.loads(line) for line in (await answer.text()).splitlines()]


async def test_all_services_are_told_together_in_order_as_json_lines(
    tmp_path: Path, logs: Path, session: ClientSession
) -> None:
    async with serving_programs(tmp_path) as (desk, _):
        found = await lines(session, f"{desk.url}/api/logs")
    assert found[0] == {"at": "2026-11-23T03:45:00.000000Z", "service": "feed", "level": "info", "text": "INFO begins"}
    assert [line["service"] for line in found] == ["feed", "writer", "feed"]
    assert found[2]["text"] == "ERROR no ticks, api_key=[redacted]"
    assert logs.exists()


@pytest.mark.usefixtures("logs")
async def test_lines_are_chosen_by_service_text_level_number_and_time(tmp_path: Path, session: ClientSession) -> None:
    async with serving_programs(tmp_path) as (desk, _):
        url = f"{desk.url}/api/logs"
        assert [line["text"] for line in await lines(session, f"{url}/writer")] == ["50 rows"]
        assert [line["text"] for line in await lines(session, url, service="writer")] == ["50 rows"]
        assert [line["text"] for line in await lines(session, url, grep="ROWS")] == ["50 rows"]
        assert [line["level"] for line in await lines(session, url, level="warning")] == ["error"]
        assert len(await lines(session, url, lines="1")) == 1
        assert len(await lines(session, url, since="2026-11-23T09:15:01")) == 2
        assert await lines(session, url, since="2026-11-24T00:00:00Z") == []
        assert await lines(session, f"{url}/viewer") == []
        async with session.get(url, params={"format": "text", "lines": "1"}, headers=BEARER) as answer:
            assert answer.content_type == "text/plain"
            assert await answer.text() == "2026-11-23T03:45:02.000000Z feed ERROR no ticks, api_key=[redacted]\n"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"lines": "10001"}, "0 to 10000"),
        ({"lines": "-1"}, "0 to 10000"),
        ({"level": "bad"}, "debug, info, warning, error"),
        ({"format": "xml"}, "json, text"),
        ({"since": "yesterday"}, "15m"),
        ({"since": "999999999d"}, "15m"),
        ({"grep": "x" * 201}, "200"),
        ({"text": "x"}, "allowed are lines, grep"),
        ({"lines": "0" * 9 + "9" * 5000}, "allowed is 0 to"),
        ({"since": "9999-12-31T23:59:59-12:00"}, "a moment such as"),
        ({"since": "0001-01-01"}, "a moment such as"),
    ],
)
async def test_a_question_that_makes_no_sense_is_told_what_would(
    tmp_path: Path, session: ClientSession, query: dict[str, str], words: str
) -> None:
    async with (
        serving_programs(tmp_path) as (desk, _),
        session.get(f"{desk.url}/api/logs", params=query, headers=BEARER) as answer,
    ):
        assert answer.status == 422
        assert words in str((await answer.json(content_type=None))["errors"])


async def test_what_cannot_be_read_is_told_beside_what_can(tmp_path: Path, logs: Path, session: ClientSession) -> None:
    (logs / "feed.log.1.gz").write_bytes(b"no gzip at all")
    async with serving_programs(tmp_path) as (desk, _):
        found = await lines(session, f"{desk.url}/api/logs/feed")
        async with session.get(f"{desk.url}/api/logs/feed?format=text", headers=BEARER) as answer:
            text = await answer.text()
    assert "feed.log.1.gz cannot be read" in found[0]["trouble"]
    assert len(found) == 3
    assert text.startswith("# feed.log.1.gz cannot be read")


# The stream


@asynccontextmanager
async def following(
    session: ClientSession, desk: Desk, query: str = "", **headers: str
) -> AsyncIterator[ClientResponse]:
    async with session.get(f"{desk.url}/api/logs/stream{query}", headers=BEARER | headers) as response:
        yield response


async def event(response: ClientResponse) -> tuple[str, Any]:
    name = ""
    async with asyncio.timeout(5):
        async for line in response.content:
            field, _, value = line.decode().strip().partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                return name, json.loads(value)
    raise EOFError


async def test_a_stream_tells_the_last_lines_and_then_each_new_one(
    tmp_path: Path, logs: Path, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_stream, "LOOK", 0.01)
    async with serving_programs(tmp_path) as (desk, _), following(session, desk, "?lines=1") as stream:
        assert stream.content_type == "text/event-stream"
        assert (await event(stream))[1]["text"] == "ERROR no ticks, api_key=[redacted]"
        append(logs, "writer", stamped("writer", "password=canary123 51 rows", 3))
        write_log(logs, "viewer", [stamped("viewer", "hello", 4)])
        assert await event(stream) == (
            "line",
            {
                "at": "2026-11-23T03:45:03.000000Z",
                "service": "writer",
                "level": None,
                "text": "password=[redacted] 51 rows",
            },
        )
        assert (await event(stream))[1]["text"] == "hello"


async def test_a_stream_is_filtered_pinged_and_told_what_was_skipped(
    tmp_path: Path, logs: Path, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_stream, "LOOK", 0.01)
    monkeypatch.setattr(log_stream, "PING", 0.0)
    monkeypatch.setattr("tradewarden.orchestrator.log_follower.BEHIND", 300_000)
    async with (
        serving_programs(tmp_path) as (desk, _),
        following(session, desk, "?grep=wanted&service=viewer") as stream,
    ):
        async with asyncio.timeout(5):
            while await stream.content.readline() != b": ping\n":
                pass
        append(logs, "writer", stamped("writer", "wanted, of another", 3))
        flood = [*(stamped("viewer", "x" * 1000, 4) for _ in range(400)), stamped("viewer", "wanted", 5)]
        write_log(tmp_path, "viewer", flood).rename(logs / "viewer.log")  # all of it at once
        assert await event(stream) == ("skipped", {"service": "viewer", "bytes": pytest.approx(150_000, rel=0.1)})
        assert (await event(stream))[1]["text"] == "wanted"


@pytest.mark.usefixtures("logs")
async def test_so_many_may_listen_and_all_are_let_go_when_the_daemon_stops(
    tmp_path: Path, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_stream, "CLIENTS", 2)
    monkeypatch.setattr(log_stream, "CLIENTS_PER_ADDRESS", 1)
    async with serving_programs(tmp_path) as (desk, _):
        async with following(session, desk, **{"X-Forwarded-For": "203.0.113.7"}) as first:
            assert first.status == 200
            async with following(session, desk, **{"X-Forwarded-For": "203.0.113.7"}) as refused:
                assert refused.status == 503
            async with following(session, desk) as second, following(session, desk) as third:
                assert (second.status, third.status) == (200, 503)
                desk.http.close_streams()
                async with asyncio.timeout(5):
                    await second.content.read()
        async with following(session, desk) as late:
            assert late.status == 503
