"""What people and tests do with the simulator: its page, the broker's login, and faults on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import orjson
from aiohttp import web

from tradewarden.simulator import page
from tradewarden.simulator.world import WorldError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tradewarden.simulator.broker import Broker

_SAFE: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}
_LONGEST_ID: Final = 12


class Simulator(Protocol):
    """What the page needs of the simulator."""

    broker: Broker
    redirect_url: str
    replayed: str | None

    @property
    def url(self) -> str:
        """The root for KiteConnect."""

    @property
    def ws_url(self) -> str:
        """The root for KiteTicker."""

    def do(self, action: str, kind: str | None = None) -> dict[str, object]:
        """One fault, now; a WorldError when there is no such fault."""

    def now(self) -> datetime:
        """The simulated time."""


class People:
    """The routes behind the page and the login."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._broker = simulator.broker

    def routes(self) -> list[web.RouteDef]:
        """Every path of the page and the login; `/` itself is shared with the ticker."""
        return [
            web.get("/connect/login", self._ask),
            web.post("/connect/login", self._log_in),
            web.post("/world", self._world),
            web.post("/do", self._do),
            web.get("/state", self._state),
        ]

    async def page(self, request: web.Request) -> web.Response:
        """The page with the fault buttons."""
        broker, simulator = self._broker, self._simulator
        return _html(
            page.people(
                broker.state(),
                world=broker.world,
                url=simulator.url,
                ws_url=simulator.ws_url,
                replay=simulator.replayed,
                said=request.query.get("said", ""),
            )
        )

    async def _ask(self, request: web.Request) -> web.Response:
        query = request.query
        if query.get("api_key") != self._broker.api_key:
            return _html(page.wrong_key(query.get("api_key", "")), 400)
        redirect_params = query.get("redirect_params", "")
        if "cancel" in query:
            return self._back(redirect_params, {"action": "login", "status": "cancelled"})
        form = page.login(user_id=self._broker.user_id, api_key=self._broker.api_key, redirect_params=redirect_params)
        return _html(form)

    async def _log_in(self, request: web.Request) -> web.Response:
        form: dict[str, Any] = {**request.query, **await request.post()}
        if form.get("api_key") != self._broker.api_key:
            return _html(page.wrong_key(str(form.get("api_key", ""))), 400)
        user_id = str(form.get("user_id", self._broker.user_id)).strip().upper()
        redirect_params = str(form.get("redirect_params", ""))
        if not (user_id.isascii() and user_id.isalnum() and len(user_id) <= _LONGEST_ID):
            again = page.login(
                user_id=self._broker.user_id,
                api_key=self._broker.api_key,
                redirect_params=redirect_params,
                problem=f"A user id has up to {_LONGEST_ID} letters and digits, such as {self._broker.user_id}.",
            )
            return _html(again, 422)
        request_token = self._broker.log_in(user_id, self._simulator.now())
        return self._back(redirect_params, {"action": "login", "status": "success", "request_token": request_token})

    async def _world(self, request: web.Request) -> web.Response:
        try:
            self._broker.world.change(await _wishes(request))
        except WorldError as error:
            return _problem(str(error))
        return _done(request, "", self._broker.world.as_dict())

    async def _do(self, request: web.Request) -> web.Response:
        try:
            wishes = await _wishes(request)
            kind = wishes.get("kind")
            done = self._simulator.do(str(wishes.get("do", "")), None if kind is None else str(kind))
        except WorldError as error:
            return _problem(str(error))
        return _done(request, str(done["do"]), done)

    async def _state(self, _request: web.Request) -> web.Response:
        return web.Response(body=orjson.dumps(self._broker.state()), content_type="application/json")

    def _back(self, redirect_params: str, result: Mapping[str, str]) -> web.Response:
        """Send the browser to the registered callback, with the desk's own parameters and the result."""
        parts = urlsplit(self._simulator.redirect_url)
        own = parse_qsl(parts.query) + parse_qsl(redirect_params)
        query = [(name, value) for name, value in own if name not in {"action", "status", "request_token"}]
        target = urlunsplit(parts._replace(query=urlencode(query + list(result.items()))))
        return web.Response(status=302, headers={**_SAFE, "Location": target})


async def _wishes(request: web.Request) -> Mapping[str, object]:
    if request.content_type != "application/json":
        return dict(await request.post())
    try:
        wishes = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise WorldError(f"the body is not JSON: {error}") from None
    if not isinstance(wishes, dict):
        raise WorldError("the body must be a JSON object")
    return wishes


def _done(request: web.Request, said: str, body: Mapping[str, object]) -> web.Response:
    """Back to the page for a person, facts for a program."""
    if request.content_type != "application/json" and "text/html" in request.headers.get("Accept", ""):
        return web.Response(status=303, headers={"Location": f"/?said={said}" if said else "/"})
    return web.Response(body=orjson.dumps(body), content_type="application/json")


def _problem(detail: str) -> web.Response:
    body = {"type": "about:blank", "title": "Not something this broker can do", "status": 422, "detail": detail}
    return web.Response(status=422, body=orjson.dumps(body), content_type="application/problem+json")


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", headers=_SAFE)
