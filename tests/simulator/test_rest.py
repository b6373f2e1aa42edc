"""The simulated REST interface, over the wire; the official client has its own test."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tradewarden.simulator.kite import KiteSimulator


def holder(sim: KiteSimulator) -> dict[str, str]:
    return {"Authorization": f"token {sim.broker.api_key}:{sim.mint()}"}


@asynccontextmanager
async def raw(sim: KiteSimulator, path: str, **headers: str) -> AsyncIterator[aiohttp.ClientResponse]:
    async with (
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.get(sim.url + path, headers=headers) as r,
    ):
        yield r


async def ask(web: aiohttp.ClientSession, sim: KiteSimulator, path: str, **options: Any) -> tuple[int, dict[str, Any]]:
    async with web.get(sim.url + path, **options) as answer:
        return answer.status, await answer.json()


async def test_the_profile_belongs_to_the_tokens_holder(sim: KiteSimulator, web: aiohttp.ClientSession) -> None:
    status, body = await ask(web, sim, "/user/profile", headers=holder(sim))
    assert (status, body["status"], body["data"]["user_id"]) == (200, "success", "AB1234")


@pytest.mark.parametrize(
    ("wish", "status", "error_type"),
    [
        ({"profile": "dead"}, 403, "TokenException"),
        ({"profile": "throttled"}, 429, "NetworkException"),
        ({"http": "500"}, 500, "GeneralException"),
    ],
)
async def test_the_probe_fails_as_the_world_says(
    sim: KiteSimulator, web: aiohttp.ClientSession, wish: dict[str, str], status: int, error_type: str
) -> None:
    sim.world.change(wish)
    found, body = await ask(web, sim, "/user/profile", headers=holder(sim))
    assert (found, body["status"], body["error_type"], body["data"]) == (status, "error", error_type, None)
    assert body["message"]


async def test_an_unreachable_profile_hangs_up(sim: KiteSimulator, web: aiohttp.ClientSession) -> None:
    sim.world.profile = "unreachable"
    with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
        await ask(web, sim, "/user/profile", headers=holder(sim))


@pytest.mark.parametrize(
    "header", [{}, {"Authorization": "token"}, {"Authorization": "Bearer x"}, {"Authorization": "token a:b"}]
)
async def test_a_call_without_a_good_token_is_refused(
    sim: KiteSimulator, web: aiohttp.ClientSession, header: dict[str, str]
) -> None:
    for path in ("/user/profile", "/quote/ltp?i=NSE:INFY"):
        status, body = await ask(web, sim, path, headers=header)
        assert (status, body["error_type"]) == (403, "TokenException")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/session/token"),
        ("DELETE", "/session/token"),
        ("GET", "/user/profile"),
        ("GET", "/instruments"),
        ("GET", "/instruments/NFO"),
        ("GET", "/quote"),
        ("GET", "/quote/ohlc"),
        ("GET", "/quote/ltp"),
    ],
)
async def test_a_broken_broker_answers_500_to_every_call(
    sim: KiteSimulator, web: aiohttp.ClientSession, method: str, path: str
) -> None:
    sim.world.http = "500"
    async with web.request(method, sim.url + path) as answer:
        assert answer.status == 500
        assert (await answer.json())["error_type"] == "GeneralException"
    async with web.get(sim.url + "/state") as answer:
        assert answer.status == 200


async def test_the_dump_is_compressed_for_those_who_accept_it(sim: KiteSimulator) -> None:
    async with raw(sim, "/instruments", **{"Accept-Encoding": "deflate, gzip"}) as squeezed:
        assert squeezed.headers["Content-Encoding"] == "gzip"
        assert squeezed.content_type == "text/csv"
        text = gzip.decompress(await squeezed.read()).decode()
    async with raw(sim, "/instruments", **{"Accept-Encoding": "identity"}) as plain:
        assert "Content-Encoding" not in plain.headers
        assert (await plain.text()).splitlines()[0] == text.splitlines()[0]
    rows = {row["tradingsymbol"]: row for row in csv.DictReader(io.StringIO(text))}
    assert rows["NIFTY 50"]["instrument_token"] == "256265"
    assert rows["NIFTY26NOVFUT"]["expiry"] == "2026-11-24"


async def test_one_exchanges_dump_holds_only_its_instruments(sim: KiteSimulator) -> None:
    async with raw(sim, "/instruments/NFO") as answer:
        rows = list(csv.DictReader(io.StringIO(gzip.decompress(await answer.read()).decode())))
    assert {row["exchange"] for row in rows} == {"NFO"}
    assert all(int(row["instrument_token"]) & 0xFF == 2 for row in rows)


async def test_quotes_agree_with_each_other(sim: KiteSimulator, web: aiohttp.ClientSession) -> None:
    header, query = holder(sim), "?i=NSE:INFY&i=NSE:NOTHING&i=256265"
    answers = [
        (await ask(web, sim, f"/quote{kind}{query}", headers=header))[1]["data"] for kind in ("/ltp", "/ohlc", "")
    ]
    for data in answers:
        assert list(data) == ["NSE:INFY", "256265"]
        assert data["NSE:INFY"]["last_price"] == 1544.5
    assert answers[1]["NSE:INFY"]["ohlc"] == {"open": 1544.5, "high": 1544.5, "low": 1544.5, "close": 1544.5}
    assert len(answers[2]["NSE:INFY"]["depth"]["buy"]) == 5


async def test_a_path_that_kite_does_not_have_is_an_error_in_kites_shape(
    sim: KiteSimulator, web: aiohttp.ClientSession
) -> None:
    assert await ask(web, sim, "/nowhere") == (
        404,
        {"status": "error", "message": "Not Found.", "data": None, "error_type": "GeneralException"},
    )
    async with web.put(f"{sim.url}/user/profile") as answer:
        assert answer.status == 405
