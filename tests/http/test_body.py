"""JSON in and out: what was sent is one object, or the answer says what is wrong with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Annotated

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tradewarden.http.body import answer, asked, fault, form, json_object, refuse, taken
from tradewarden.http.member import Member
from tradewarden.http.problems import ProblemError


@asynccontextmanager
async def _serving(
    post: Callable[[web.Request], Awaitable[web.Response]], path: str = "/"
) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    app = web.Application()
    app.router.add_post(path, post)
    async with TestClient(TestServer(app)) as client:
        yield client


@asynccontextmanager
async def _echo() -> AsyncIterator[TestClient[web.Request, web.Application]]:
    async def post(request: web.Request) -> web.Response:
        try:
            return answer(await json_object(request), 201)
        except ProblemError as problem:
            return problem.response("/echo")

    async with _serving(post, "/echo") as client:
        yield client


@pytest.mark.parametrize(
    ("sent", "status", "told"),
    [
        (b'{"a": 1}', 201, {"a": 1}),
        (b"", 201, {}),
        (b" \n", 201, {}),
        (b"[1]", 422, "an object is expected"),
        (b"{", 422, "the body is no JSON"),
        (b'{"a":' * 300 + b"1" + b"}" * 300, 422, "it is nested deeper than 64 levels"),
    ],
)
async def test_a_body_is_one_object_or_the_answer_says_what_it_is_not(sent: bytes, status: int, told: object) -> None:
    async with _echo() as client:
        response = await client.post("/echo", data=sent)
        body = await response.json(content_type=None)
    assert response.status == status
    assert response.headers["Cache-Control"] == "no-store"
    assert body == told if status == 201 else body["errors"] == [{"detail": told}]


async def test_a_body_that_never_ends_is_waited_for_no_longer_than_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradewarden.http.body.ARRIVAL", 0.05)

    async def drip() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(5)

    async with _echo() as client:
        response = await client.post("/echo", data=drip())
        assert response.status == 408


def test_nothing_is_refused_while_nothing_is_wrong() -> None:
    refuse([])
    with pytest.raises(ProblemError) as refused:
        refuse([fault("rows", "allowed is 1 to 10")])
    assert refused.value.more == {"errors": [{"pointer": "/rows", "detail": "allowed is 1 to 10"}]}


@dataclass(frozen=True)
class Wanted:
    """What is wanted."""

    rows: Annotated[int, Member("allowed is 1 to 10", 1, 10)] = 1
    names: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b'{"rows": 2, "names": ["a"]}', {"rows": 2, "names": ["a"]}),
        (b"", {"rows": 1, "names": []}),
        (b'{"rows": "2"}', [{"pointer": "/rows", "detail": "allowed is 1 to 10"}]),
        (b'{"names": ["a", 1]}', [{"pointer": "/names/1", "detail": "Expected str, got int"}]),
    ],
)
async def test_a_body_is_read_by_its_model(sent: bytes, told: object) -> None:
    async def post(request: web.Request) -> web.Response:
        try:
            return answer(asdict(await taken(request, Wanted)))
        except ProblemError as problem:
            return problem.response("/wanted")

    async with _serving(post) as client:
        body = await (await client.post("/", data=sent)).json(content_type=None)
    assert body.get("errors", body) == told


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("rows=2&names=a&names=b&other=1", {"rows": 2, "names": ["a", "b"]}),
        ("rows=2&rows=x", {"rows": 2, "names": []}),
        ("rows=x", [{"parameter": "rows", "detail": "allowed is 1 to 10"}]),
    ],
)
async def test_a_query_is_read_by_its_model(query: str, told: object) -> None:
    async def post(request: web.Request) -> web.Response:
        try:
            return answer(asdict(asked(request, Wanted)))
        except ProblemError as problem:
            return problem.response("/wanted")

    async with _serving(post) as client:
        body = await (await client.post(f"/?{query}")).json(content_type=None)
    assert body.get("errors", body) == told


@pytest.mark.parametrize(
    ("kind", "sent", "told"),
    [
        ("", b"name=a&name=b&c=%C3%BC", {"name": "b", "c": "ü"}),
        ("", b"name=\xff", "the form is no text of its kind"),
        ("; charset=bogus", b"name=a", "the form is no text of its kind"),
        ("; charset=utf-16", b"name=ab", "the form is no text of its kind"),
    ],
)
async def test_a_form_is_read_or_the_answer_says_that_it_is_no_text(kind: str, sent: bytes, told: object) -> None:
    async def post(request: web.Request) -> web.Response:
        try:
            return answer(await form(request))
        except ProblemError as problem:
            return problem.response("/form")

    async with _serving(post) as client:
        headers = {"Content-Type": f"application/x-www-form-urlencoded{kind}"}
        body = await (await client.post("/", data=sent, headers=headers)).json(content_type=None)
    assert body == told if isinstance(told, dict) else (body["status"], body["errors"]) == (422, [{"detail": told}])
