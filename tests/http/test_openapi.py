"""The API's document and its page, as they are served."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from aiohttp import ClientSession

from pictures import Desk, serving
from tradewarden.http import openapi


@pytest.mark.parametrize(
    ("path", "kind", "file"),
    [("/openapi.json", "application/json", openapi.DOCUMENT), ("/docs", "text/html", openapi.PAGE)],
)
async def test_each_is_served_from_its_file_and_kept_by_who_has_it(
    desk: Desk, session: ClientSession, path: str, kind: str, file: Path
) -> None:
    async with session.get(f"{desk.url}{path}") as answer:
        assert (answer.status, answer.content_type) == (200, kind)
        assert answer.headers["Cache-Control"] == "no-cache"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        body, etag = await answer.read(), answer.headers["ETag"]
    assert body == file.read_bytes().replace(openapi.DESK.encode(), desk.url.encode())
    async with session.get(f"{desk.url}{path}", headers={"If-None-Match": etag}) as answer:
        assert (answer.status, await answer.read()) == (304, b"")
    async with session.head(f"{desk.url}{path}") as answer:
        assert (answer.status, answer.content_type, await answer.read()) == (200, kind, b"")


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ({}, "{desk}"),
        ({"Host": "localhost:9000"}, "http://localhost:9000"),  # through a tunnel of ssh
        ({"Host": "[::1]:8700"}, "http://[::1]:8700"),
        ({"X-Forwarded-For": "203.0.113.9"}, "https://desk.test"),
        ({"Host": "desk.test", "X-Forwarded-For": "203.0.113.9"}, "https://desk.test"),
        *(({"Host": host}, "https://desk.test") for host in ("evil.test", "127.0.0.1.evil.test", "desk.test")),
        *(({"Host": host}, "{plain}") for host in ("x@127.0.0.1", "127.0.0.1/'<script>", "127.0.0.1'")),
    ],
    ids=str,
)
async def test_the_examples_name_the_address_that_was_asked_and_nobodys_invention(
    session: ClientSession, headers: dict[str, str], address: str
) -> None:
    async with serving(public_url="https://desk.test") as desk:
        async with session.get(f"{desk.url}/docs", headers=headers) as answer:
            page = await answer.text()
        named = set(re.findall(r"https?://[^/]*(?=/(?:livez|readyz)&#x27;)", page))
        known = {"{desk}": [desk.url], "{plain}": ["http://127.0.0.1", "https://desk.test"]}.get(address, [address])
        assert len(named) == 1
        assert named <= set(known)
        assert openapi.DESK not in page


async def test_a_page_that_is_kept_is_sent_again_for_another_address(desk: Desk, session: ClientSession) -> None:
    async with session.get(f"{desk.url}/docs") as answer:
        kept = {"If-None-Match": answer.headers["ETag"]}
    async with session.get(f"{desk.url}/docs", headers=kept) as answer:
        assert answer.status == 304
    async with session.get(f"{desk.url}/docs", headers=kept | {"Host": "localhost:9000"}) as answer:
        assert answer.status == 200


async def test_the_page_runs_nothing_of_others_and_sends_nothing_anywhere(desk: Desk, session: ClientSession) -> None:
    async with session.get(f"{desk.url}/docs") as answer:
        policy, page = answer.headers["Content-Security-Policy"], await answer.text()
    assert "default-src 'none'" in policy
    assert "'unsafe" not in policy
    for word in ("<script>", " style=", "<style", "<form", "//cdn", "onclick"):
        assert word not in page
    assert page.count("<script") == 1  # the theme's, which is ours


async def test_the_document_is_openapi_3_1(desk: Desk, session: ClientSession) -> None:
    async with session.get(f"{desk.url}/openapi.json") as answer:
        document = json.loads(await answer.read())
    assert document["openapi"].startswith("3.1")
    assert document["paths"]["/api/system/health"]["get"]["x-needs"] == "anybody"
    assert document["paths"]["/api/desk/stop"]["post"]["security"] == [{"token": []}, {"session": []}]


def test_the_document_is_of_the_daemon_that_tells_it_and_describes_jobs_in_words() -> None:
    told = json.loads(openapi.DOCUMENT.read_bytes())
    assert told["servers"][0]["url"] == "/"
    schemas = told["components"]["schemas"]
    assert {"run", "holder"} <= schemas["Problem"]["properties"].keys()
    assert "unified" in schemas["JobTold"]["properties"]["stands"]["description"]
    assert "from due to start" in schemas["RunTold"]["properties"]["lateSeconds"]["description"]
    for path in ("/api/runs", "/api/schedules", "/api/standings"):
        assert "ledger" in told["paths"][path]["get"]["responses"]["503"]["description"]
    asked = {each["name"]: each["description"] for each in told["paths"]["/api/runs"]["get"]["parameters"]}
    assert asked["job"] == "the job, as the configuration calls it"
    assert not [words for words in asked.values() if words.endswith("is expected")]
