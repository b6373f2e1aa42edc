"""A desk at work, on the simulated broker: what it answers about ticks and tokens is what its document says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from desk import LIVE, Desk, play
from promised import document, model_of, odd

ADMIN = {"Authorization": "Bearer desktestadmin"}
ANYBODY = {"X-Forwarded-For": "203.0.113.9"}  # through a proxy


async def got(desk: Desk, path: str, headers: dict[str, str]) -> tuple[int, Any]:
    async with desk.client.get(f"{desk.url}{path}", headers=headers) as answer:
        return answer.status, json.loads(await answer.read())


def documents() -> list[str]:
    """Each path without a name in it that answers a document to a GET; the login is tried below."""
    found = []
    for path, methods in document()["paths"].items():
        content = methods.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        if (
            "{" not in path
            and path != "/auth/callback"
            and any(kind.endswith("json") and "$ref" in told["schema"] for kind, told in content.items())
        ):
            found.append(path)
    return found


def test_every_document_of_a_desk_that_streams_is_as_promised_for_everybody(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        await desk.until(lambda picture: picture.feed.ticks_total > 200)
        for path in documents():
            for headers in (ADMIN, ANYBODY):
                status, told = await got(desk, path, headers)
                if status in (200, 503):
                    assert odd(model_of(path, status), told) == [], path
                else:
                    assert (status, headers) == (401, ANYBODY), path

    assert len(documents()) > 20
    play(tmp_path, LIVE, scene, rules=("original-128",))


def test_the_brokers_verdict_is_as_promised(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        for path, body, model in (
            ("/api/system/health/auth/verify", {}, "Verdict"),
            ("/api/auth/errors", {"type": "TokenException", "message": "Incorrect `access_token`."}, "ErrorTaken"),
            ("/api/auth/logout", {}, "LoggedOut"),
            ("/api/auth/logout", {}, "LoggedOut"),
        ):
            async with desk.client.post(f"{desk.url}{path}", headers=ADMIN, json=body) as answer:
                assert (answer.status, odd(model, await answer.json())) == (200, []), path
        accept = {"Accept": "application/json"}
        async with desk.client.get(f"{desk.url}/auth/callback?state=x", headers=accept) as answer:
            assert (answer.status, odd("LoginEnd", await answer.json())) == (400, [])

    play(tmp_path, LIVE, scene)
