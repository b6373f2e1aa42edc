from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import ClientSession
from structlog.testing import capture_logs

from pictures import ADMIN, Desk
from tradewarden.http.problems import HEADERS, TITLES, prefers_page
from tradewarden.orchestrator.accounts import UnknownAccountError

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


@pytest.mark.parametrize("path", ["/api/system/health/auth/verify"])
async def test_a_body_that_is_not_compressed_as_it_says_is_the_askers_fault(
    desk: Desk, session: ClientSession, path: str
) -> None:
    headers = {"Content-Encoding": "gzip", "Authorization": f"Bearer {ADMIN}"}
    async with session.post(
        desk.url + path, data=b'{"account": "family"}', headers=headers, compress=False
    ) as response:
        assert (response.status, response.content_type) == (400, "application/problem+json")


async def test_every_kind_of_problem_is_explained(desk: Desk, session: ClientSession) -> None:
    async with session.get(f"{desk.url}/problems/csrf") as response:
        page = await response.text()
    for kind, title in TITLES.items():
        assert f'id="{kind}"' in page
        assert title in page


# Pages for people

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        (BROWSER, True),
        ("text/html", True),
        ("application/json;q=0.9, text/html", True),
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/json, text/html", False),
        ("text/html;q=0.5, application/problem+json", False),
        ("text/html;q=0", False),
        ("text/html;q=nonsense", False),
        (";;,,", False),
    ],
)
def test_a_page_is_for_those_who_would_rather_have_one(accept: str, page: bool) -> None:  # noqa: FBT001 - a table
    assert prefers_page(accept) is page


async def test_a_person_who_mistypes_an_address_gets_a_page_that_leads_to_the_desk(
    desk: Desk, session: ClientSession
) -> None:
    async with session.get(f"{desk.url}/<b>nothing", headers={"Accept": BROWSER}) as response:
        assert (response.status, response.content_type) == (404, "text/html")
        assert response.headers["Cache-Control"] == "no-store"
        text = await response.text()
    assert f"{TITLES['not-found']}</h1>" in text
    assert '<a class="login" href="/">To the desk</a>' in text
    assert "<b>" not in text
    async with session.head(f"{desk.url}/nothing", headers={"Accept": BROWSER}) as response:
        assert response.status == 404


async def test_a_page_of_a_problem_keeps_its_headers_and_says_what_is_allowed(
    desk: Desk, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(*_: object) -> str:
        raise UnknownAccountError("no account has this name; known are kite, family")

    monkeypatch.setattr(desk.login, "begin", nobody)
    accept = {"Accept": BROWSER}
    async with session.get(f"{desk.url}/login?account=x", headers=accept, allow_redirects=False) as response:
        assert response.status == 422
        assert "no account has this name; known are kite, family." in await response.text()
    async with session.get(f"{desk.url}/api/auth/logout", headers=accept) as response:
        assert response.status in {404, 405}
    async with session.get(f"{desk.url}/api/system/health/auth/verify", headers=accept) as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")
        assert "html" in response.content_type


async def test_a_page_of_a_fault_of_ours_names_the_line_of_the_log_and_nothing_else(
    desk: Desk, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> str:
        raise RuntimeError("canary-secret")

    monkeypatch.setattr(desk.login, "begin", fails)
    with capture_logs() as lines:
        async with session.get(f"{desk.url}/login", headers={"Accept": BROWSER}) as response:
            assert response.status == 500
            text = await response.text()
    assert "canary-secret" not in text
    (line,) = [line for line in lines if line["event"] == "http.fault"]
    assert f"The log has it as {line['instance']}." in text
