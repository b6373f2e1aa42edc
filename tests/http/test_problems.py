from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import ClientSession

from pictures import Desk
from tradewarden.http.problems import HEADERS, TITLES

EVERYWHERE = ("/", "/livez", "/readyz", "/metrics", "/login", "/nothing", "/static/page.css", "/docs/health")


@pytest.mark.parametrize("path", ["/nothing", "/api/system/health/", "/static/nothing.js", "/static/../app.py", "/%00"])
async def test_an_unknown_route_is_a_problem(desk: Desk, session: ClientSession, path: str) -> None:
    async with session.get(desk.url + path) as response:
        assert (response.status, response.content_type) == (404, "application/problem+json")
        body = json.loads(await response.read())
    assert (body["type"], body["title"], body["status"]) == ("/problems/not-found", TITLES["not-found"], 404)
    assert body["instance"].startswith("urn:req:")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/api/system/health", "GET, HEAD"),
        ("DELETE", "/livez", "GET, HEAD"),
        ("PUT", "/api/system/health/events", "GET"),
        ("GET", "/api/system/health/auth/verify", "POST"),
        ("POST", "/login", "GET"),
    ],
)
async def test_a_wrong_method_names_the_right_ones(
    desk: Desk, session: ClientSession, method: str, path: str, allow: str
) -> None:
    async with session.request(method, desk.url + path) as response:
        assert (response.status, response.headers["Allow"]) == (405, allow)
        assert json.loads(await response.read())["type"] == "/problems/method-not-allowed"


async def test_a_fault_of_ours_says_nothing_but_that_it_is_one(
    desk: Desk, session: ClientSession, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> str:
        raise RuntimeError("canary-secret")

    monkeypatch.setattr(desk.login, "begin", fails)
    async with session.get(f"{desk.url}/login", allow_redirects=False) as response:
        text = await response.text()
    assert (response.status, json.loads(text)["type"]) == (500, "/problems/internal")
    assert "canary" not in text
    assert caplog.records == []  # aiohttp itself has nothing left to say


@pytest.mark.parametrize("path", EVERYWHERE)
async def test_the_security_headers_are_on_every_answer(desk: Desk, session: ClientSession, path: str) -> None:
    async with session.get(desk.url + path, allow_redirects=False) as response:
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
        for name in HEADERS.keys() - {"Content-Security-Policy"}:
            assert response.headers[name] == HEADERS[name], name


async def test_garbage_on_the_port_is_answered_and_writes_no_log(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    for line in (b"\x16\x03\x01\x02\x00garbage", b"GET /auth/callback?request_token=canary HTTP/9.9\r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", desk.http.port)
        writer.write(line + b"\r\n\r\n")
        async with asyncio.timeout(5):
            answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert answer.startswith(b"HTTP/1.")
    assert caplog.records == []


async def test_every_kind_of_problem_is_explained(desk: Desk, session: ClientSession) -> None:
    async with session.get(f"{desk.url}/problems/csrf") as response:
        page = await response.text()
    for kind, title in TITLES.items():
        assert f'id="{kind}"' in page
        assert title in page
