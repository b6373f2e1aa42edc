"""The daily dump over the wire, by the child process that reads it."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web

from tiny_kite import serve
from tradewarden.feed.brokers import kite_dump, kite_rest
from tradewarden.feed.brokers.kite_rest import BrokerUnreachable, KiteRest
from tradewarden.machines.dump import Dump, DumpError
from tradewarden.machines.instruments import Needs
from tradewarden.simulator.instruments import dump as simulated_dump
from tradewarden.simulator.instruments import listed
from tradewarden.simulator.kite import KiteSimulator

NOW = datetime(2026, 11, 23, 8, 31, tzinfo=ZoneInfo("Asia/Kolkata"))
TODAY = NOW.date()
NEEDS = Needs(frozenset({("NFO", "NIFTY"), ("MCX", "GOLD")}), frozenset({"NSE:NIFTY 50"}), frozenset({408065}))
NIFTY = Needs(frozenset({("NFO", "NIFTY")}), frozenset(), frozenset())
CSV = simulated_dump((i, i.price) for i in listed(TODAY) if i.exchange == "NFO")
Headers = dict[str, str]


async def fetch(url: str, needs: Needs = NIFTY, *, day: date = TODAY, lines: Mapping[str, int] | None = None) -> Dump:
    rest = KiteRest(rest_url=url, login_url=url, api_key="k", api_secret="s")
    return await rest.dump(needs, day=day, now=NOW, lines=lines or {})


@asynccontextmanager
async def broker(answer: Callable[[web.Request], web.StreamResponse]) -> AsyncIterator[str]:
    async def handle(request: web.Request) -> web.StreamResponse:
        return answer(request)

    async with serve(handle) as port:
        yield f"http://127.0.0.1:{port}"


def with_body(body: bytes, **headers: str) -> Callable[[web.Request], web.StreamResponse]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _request: web.Response(body=body, headers=named)


async def refusal(answer: Callable[[web.Request], web.StreamResponse], **how: Any) -> str:
    async with broker(answer) as url:
        with pytest.raises(DumpError) as caught:
            await fetch(url, **how)
    return str(caught.value)


async def test_the_simulated_brokers_dump_is_fetched_for_the_needed_exchanges_and_sifted() -> None:
    async with KiteSimulator(now=lambda: NOW) as sim:
        dump = await fetch(sim.url, NEEDS)
    assert (dump.day, dump.fetched_at, dump.late) == (TODAY, NOW, None)
    assert dump.lines.keys() == {"MCX", "NFO", "NSE"}
    assert {each.name for each in dump.instruments} == {"NIFTY", "GOLD", "NIFTY 50", "INFOSYS"}


async def test_it_is_asked_for_compressed_by_exchange_and_without_any_token() -> None:
    asked: list[web.Request] = []

    def answer(request: web.Request) -> web.Response:
        asked.append(request)
        return web.Response(body=gzip.compress(CSV), headers={"Content-Encoding": "gzip"})

    async with broker(answer) as url:
        dump = await fetch(url)
    assert [request.path for request in asked] == ["/instruments/NFO"]
    assert asked[0].headers["Accept-Encoding"] == "gzip"
    assert asked[0].headers["X-Kite-Version"] == "3"
    assert "Authorization" not in asked[0].headers
    assert dump.lines == {"NFO": CSV.count(b"\n") - 1}


async def test_a_dump_of_full_size_is_sifted_to_a_few_hundred_lines() -> None:
    header, _, rows = CSV.partition(b"\n")
    other = rows.replace(b"NIFTY", b"OTHER")
    body = gzip.compress(header + b"\n" + other * 70 + rows, 1)
    assert len(other) * 70 > 6_500_000
    async with broker(with_body(body, Content_Encoding="gzip")) as url:
        dump = await fetch(url)
    assert dump.lines["NFO"] > 100_000
    assert 100 < len(dump.instruments) < 2_000


@pytest.mark.parametrize(
    ("body", "headers", "why"),
    [
        (gzip.compress(CSV)[:-4000], {"Content_Encoding": "gzip"}, "the dump of NFO: it is cut off after "),
        (gzip.compress(CSV)[:-4], {"Content_Encoding": "gzip"}, "the dump of NFO: it is cut off after "),
        (b"\x1f\x8b" + bytes(99), {"Content_Encoding": "gzip"}, "the dump of NFO: its compression is damaged"),
        (CSV[:-30], {}, "the dump of NFO: it is cut off in the middle of its last line"),
        (b"", {}, "the dump of NFO: it is empty"),
        (b"", {"Content_Encoding": "gzip"}, "the dump of NFO: it is empty"),
        (CSV.splitlines(keepends=True)[0], {}, "the dump of NFO: it is empty: a header and no instruments"),
        (b"<html>come back later</html>\n", {}, "the dump of NFO: it is no dump of instruments"),
        (CSV + b"\xff\n", {}, "the dump of NFO: it is not UTF-8 text"),
        (bytes(200_000), {}, "the dump of NFO: it has no lines"),
    ],
)
async def test_what_is_no_whole_dump_is_refused_with_the_reason(body: bytes, headers: Headers, why: str) -> None:
    assert (await refusal(with_body(body, **headers))).startswith(why)


async def test_a_line_that_breaks_off_is_a_refusal() -> None:
    def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n" + CSV[:5000])
        request.transport.close()
        return web.Response()

    assert (await refusal(answer)).startswith("the dump of NFO: it is cut off after 5000 bytes")


async def test_a_dump_of_less_than_half_of_yesterdays_lines_is_refused() -> None:
    told = await refusal(with_body(CSV), lines={"NFO": 9999})
    assert told == "the dump of NFO: it is cut off: 1542 instruments where the last good one had 9999"


async def test_yesterdays_dump_is_told_by_its_date_and_by_what_has_expired() -> None:
    async with broker(with_body(CSV, Last_Modified="Fri, 20 Nov 2026 02:40:00 GMT")) as url:
        assert (await fetch(url)).late == "it is not of 2026-11-23: Kite made it on 2026-11-20 08:10"
    async with broker(with_body(CSV, Last_Modified="Sun, 22 Nov 2026 18:31:00 GMT")) as url:
        assert (await fetch(url)).late is None  # that is 00:01 of the 23rd in India
    async with broker(with_body(CSV, Last_Modified="yesterday")) as url:
        dump = await fetch(url, day=date(2026, 11, 25))
    assert dump.late == "it is not of 2026-11-25: it still lists NIFTY26NOVFUT, which expired on 2026-11-24"


@pytest.mark.parametrize(("status", "why"), [(500, "Kite answered 500"), (403, "Kite answered 403")])
async def test_an_error_of_the_broker_is_no_dump(status: int, why: str) -> None:
    async with broker(lambda _request: web.Response(status=status)) as url:
        with pytest.raises(BrokerUnreachable, match=why):
            await fetch(url)


async def test_a_broker_that_is_not_there_is_unreachable() -> None:
    async with broker(with_body(CSV)) as url:
        pass
    with pytest.raises(BrokerUnreachable, match="Kite cannot be reached"):
        await fetch(url)


async def test_a_dump_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kite_rest, "DUMP_PATIENCE", 0.3)

    async def handle(_request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        return web.Response()

    async with serve(handle) as port:
        with pytest.raises(BrokerUnreachable, match=r"Kite did not answer within 0\.3 s"):
            await fetch(f"http://127.0.0.1:{port}")


def test_the_child_answers_even_a_request_that_makes_no_sense() -> None:
    assert kite_dump.answer({}) == {"outcome": "unreachable", "text": "Kite's dump could not be read (KeyError)"}
