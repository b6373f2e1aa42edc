"""The official clients accept the simulator: if they cannot tell it from Kite, a desk can be tried on it."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tradewarden.simulator.kite import KiteSimulator
from tradewarden.simulator.prices import Quote

HERE = Path(__file__).parent
NIFTY, RELIANCE, INFY, BANK, SBIN, TCS, USDINR = 256265, 738561, 408065, 260105, 779521, 2953217, 0x120003


@asynccontextmanager
async def program(script: str, *arguments: str) -> AsyncIterator[Process]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, str(HERE / script), *arguments, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def test_the_official_rest_client_cannot_tell_it_from_kite(sim: KiteSimulator) -> None:
    request_token = sim.broker.log_in("AB1234", sim.now())
    async with program("official_rest.py", sim.url, "simulatedkey", "simulatedsecret", request_token) as child:
        out, err = await asyncio.wait_for(child.communicate(), 30)
    assert child.returncode == 0, err.decode()
    seen = json.loads(out)
    incorrect = ["TokenException", 403, "Incorrect `api_key` or `access_token`."]
    assert seen["wrong_secret"] == ["TokenException", 403, "Invalid `checksum`."]
    assert seen["session"] == {"user_id": "AB1234", "access_token": sim.broker.tokens[0], "refresh_token": ""}
    assert seen["login_time"].startswith("2026-11-23T09:20:")
    assert seen["used"] == ["TokenException", 403, "Token is invalid or has expired."]
    assert seen["profile"] == "AB1234"
    assert seen["instruments"] == {i.symbol: i.token for i in sim.board.instruments}
    assert seen["expiry"] == "2026-11-24"
    assert seen["ltp"] == {"instrument_token": INFY, "last_price": 1544.5}
    assert "depth" in seen["quote"]
    assert seen["dead"] == incorrect
    assert seen["throttled"] == ["NetworkException", 429, "Too many requests"]
    assert seen["unreachable"][0] == "ConnectionError"
    assert seen["broken"][:2] == ["GeneralException", 500]
    assert seen["logged_out"] is True
    assert seen["after"] == incorrect
    assert seen["before"] == 3  # wrong secret, used, dead: its expiry hook fires on each TokenException
    assert not sim.broker._holders


class Ticker:
    """What the official ticker said, line by line."""

    def __init__(self, child: Process) -> None:
        assert child.stdout is not None
        self._out = child.stdout
        self.last: dict[int, dict[str, Any]] = {}

    async def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Listen until something happens, keeping each instrument's last tick."""
        async with asyncio.timeout(20):
            while True:
                line = await self._out.readline()
                assert line, "the ticker ended"
                event: dict[str, Any] = json.loads(line)
                self.last |= {tick["instrument_token"]: tick for tick in event.get("ticks", [])}
                if wanted(event):
                    return event


def modes(tick: dict[str, Any]) -> tuple[int, str]:
    return tick["instrument_token"], tick["mode"]


def expected(quote: Quote, mode: str) -> dict[str, Any]:
    """What the official client must make of a quote, from its documentation."""
    rupees = quote.instrument.divisor
    tick: dict[str, Any] = {
        "tradable": not quote.instrument.index,
        "mode": mode,
        "instrument_token": quote.token,
        "last_price": quote.last / rupees,
    }
    if mode == "ltp":
        return tick
    ohlc = {name: getattr(quote, name) / rupees for name in ("open", "high", "low", "close")}
    tick |= {"ohlc": ohlc, "change": (tick["last_price"] - ohlc["close"]) * 100 / ohlc["close"]}
    if not quote.instrument.index:
        tick |= {
            "last_traded_quantity": quote.last_quantity,
            "average_traded_price": quote.average / rupees,
            "volume_traded": quote.volume,
            "total_buy_quantity": quote.buy_quantity,
            "total_sell_quantity": quote.sell_quantity,
        }
    if mode == "full":
        tick["exchange_timestamp"] = quote.exchange_ts
    if mode == "full" and not quote.instrument.index:
        levels = [{"quantity": q, "price": p / rupees, "orders": o} for q, p, o in quote.depth()]
        tick |= {
            "last_trade_time": quote.traded_ts,
            "oi": quote.oi,
            "oi_day_high": quote.oi_high,
            "oi_day_low": quote.oi_low,
            "depth": {"buy": levels[:5], "sell": levels[5:]},
        }
    return tick


async def test_the_official_ticker_reads_every_mode_and_hears_of_a_dead_token_at_its_next_dial(
    sim: KiteSimulator,
) -> None:
    future = next(i.token for i in sim.board.instruments if i.exchange == "NFO")
    wanted = {
        "full": [NIFTY, RELIANCE, future, USDINR],
        "quote": [BANK, INFY],
        "ltp": [SBIN, 265],
    }
    lists = [",".join(str(token) for token in tokens) for tokens in wanted.values()]
    async with program("official_ticker.py", sim.ws_url, "simulatedkey", sim.mint(), *lists) as child:
        ticker = Ticker(child)
        everything = {(token, mode) for mode, tokens in wanted.items() for token in tokens}
        await ticker.until(lambda event: {modes(tick) for tick in event.get("ticks", [])} == everything)
        sim.world.ticks = "none"
        (stream,) = sim._streams
        await asyncio.wait_for(stream._outbox.join(), 10)  # now nothing is under way, and nothing moves
        for token, asked in stream.modes.items():
            stream.add(sim.board.quote(token, sim.now()), asked)
        stream.flush()
        stream.send('{"type": "order", "data": {"order_id": "7"}}')
        assert await ticker.until(lambda event: "order" in event) == {"order": {"order_id": "7"}}
        for token, mode in everything:
            assert ticker.last[token] == expected(sim.board.quote(token, sim.now()), mode)

        sim.world.ticks = "flowing"
        sim.do("expire_token")
        await ticker.until(lambda event: "ticks" in event)  # the open socket outlives its token
        sim.do("drop_socket")
        refused = await ticker.until(lambda event: "403" in str(event.get("closed")))
        assert refused["closed"] == [
            1006,
            "connection was closed uncleanly (WebSocket connection upgrade failed (403 - Forbidden))",
        ]
        assert await asyncio.wait_for(child.wait(), 10) == 0
    assert sim.state()["dials"] == 2


async def test_the_official_ticker_falls_over_a_wrong_count_as_it_does_in_life(sim: KiteSimulator) -> None:
    async with program("official_ticker.py", sim.ws_url, "simulatedkey", sim.mint(), "738561", "408065", "1") as child:
        ticker = Ticker(child)
        await ticker.until(lambda event: bool(event.get("ticks")))
        sim.do("malformed_frame", "count")
        await ticker.until(lambda event: "closed" in event)
        await ticker.until(lambda event: "open" in event)  # and dials again
    assert sim.state()["dials"] == 2
