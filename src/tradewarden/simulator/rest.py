"""The simulated REST interface: sessions, profile, instruments and quotes, as the official client expects them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from aiohttp import web

from tradewarden.simulator.broker import Answer, Reply, Silence
from tradewarden.simulator.instruments import dump
from tradewarden.simulator.stream import reset

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tradewarden.simulator.broker import Broker
    from tradewarden.simulator.instruments import Instrument
    from tradewarden.simulator.prices import Board, Quote

MOST_QUOTES = 500


class Rest:
    """Turns requests into questions to the broker, and its answers into Kite's JSON."""

    def __init__(self, broker: Broker, board: Board, now: Callable[[], datetime]) -> None:
        self._broker = broker
        self._board = board
        self._now = now

    def routes(self) -> list[web.RouteDef]:
        """Every path of the interface."""
        return [
            web.post("/session/token", self._exchange),
            web.delete("/session/token", self._log_out),
            web.get("/user/profile", self._profile),
            web.get("/instruments", self._instruments),
            web.get("/instruments/{exchange}", self._instruments),
            web.get("/quote", self._quotes),
            web.get("/quote/ohlc", self._quotes),
            web.get("/quote/ltp", self._quotes),
        ]

    async def _exchange(self, request: web.Request) -> web.Response:
        form = await request.post()
        api_key, request_token, checksum = (
            str(form.get(name, "")) for name in ("api_key", "request_token", "checksum")
        )
        return respond(request, self._broker.exchange(api_key, request_token, checksum, self._now()))

    async def _log_out(self, request: web.Request) -> web.Response:
        query = request.query
        return respond(request, self._broker.log_out(query.get("api_key", ""), query.get("access_token", "")))

    async def _profile(self, request: web.Request) -> web.Response:
        return respond(request, self._broker.profile(_credentials(request)))

    async def _instruments(self, request: web.Request) -> web.Response:
        # The real dump asks for no token either.
        if self._broker.world.http == "500":
            return respond(request, self._broker.broken())
        exchange, when = request.match_info.get("exchange", "").upper(), self._now()
        body = dump((i, price) for i, price in self._board.dump(when) if exchange in ("", i.exchange))
        response = web.Response(body=body, content_type="text/csv")
        response.last_modified = when
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            response.enable_compression(web.ContentCoding.gzip)
        return response

    async def _quotes(self, request: web.Request) -> web.Response:
        refused = self._broker.refusal(_credentials(request))
        if refused:
            return respond(request, refused)
        names = request.query.getall("i", [])
        if len(names) > MOST_QUOTES:
            return respond(request, Answer(400, error_type="InputException", message=f"At most {MOST_QUOTES} `i`."))
        found = ((name, self._board.find(name)) for name in names)
        kind, when = request.path.rpartition("/")[2], self._now()
        data = {name: _quote(i, self._board.quote(i.token, when), kind) for name, i in found if i}
        return respond(request, Answer(data=data))


def respond(request: web.Request, reply: Reply) -> web.Response:
    """The broker's answer in Kite's envelope, or no answer at all."""
    match reply:
        case Answer(status=200, data=data):
            return _json({"status": "success", "data": data}, 200)
        case Answer(status=status, error_type=error_type, message=message):
            body = {"status": "error", "message": message, "data": None, "error_type": error_type}
            return _json(body, status)
        case Silence():
            reset(request.transport)
            return web.Response()  # leads nowhere: the line is cut


def _json(body: object, status: int) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


def _credentials(request: web.Request) -> str:
    return request.headers.get("Authorization", "")


def _quote(instrument: Instrument, quote: Quote, kind: str) -> dict[str, object]:
    rupees = 1 / instrument.divisor
    brief: dict[str, object] = {"instrument_token": instrument.token, "last_price": quote.last_price}
    if kind == "ltp":
        return brief
    ohlc = {name: round(getattr(quote, name) * rupees, 7) for name in ("open", "high", "low", "close")}
    if kind == "ohlc":
        return brief | {"ohlc": ohlc}
    levels = [
        {"quantity": quantity, "price": round(price * rupees, 7), "orders": orders}
        for quantity, price, orders in quote.depth()
    ]
    return brief | {
        "ohlc": ohlc,
        "net_change": 0,
        "volume": quote.volume,
        "last_quantity": quote.last_quantity,
        "average_price": round(quote.average * rupees, 7),
        "buy_quantity": quote.buy_quantity,
        "sell_quantity": quote.sell_quantity,
        "oi": quote.oi,
        "oi_day_high": quote.oi_high,
        "oi_day_low": quote.oi_low,
        "depth": {"buy": levels[:5], "sell": levels[5:]},
    }
