"""The broker's login and the page with the fault buttons, used as a browser without script uses them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from tradewarden.simulator.kite import KiteSimulator
from tradewarden.simulator.world import World

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@dataclass
class Form:
    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[dict[str, str]] = field(default_factory=list)


class Page(HTMLParser):
    """What a browser makes of a page: forms, links, text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.title = ""
        self._in_title = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        match tag:
            case "form":
                self.forms.append(Form(found["action"], found.get("method", "get")))
            case "input":
                self.forms[-1].fields[found["name"]] = found.get("value", "")
            case "button":
                self.forms[-1].buttons.append(found)
            case "a":
                self.links.append(found["href"])
            case "script":
                raise AssertionError("a page that needs a script")
        self._in_title = tag == "title"

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data

    def button(self, name: str, value: str) -> tuple[Form, dict[str, str]]:
        return next((f, b) for f in self.forms for b in f.buttons if (b.get("name"), b.get("value")) == (name, value))


async def look(web: aiohttp.ClientSession, url: str) -> Page:
    async with web.get(url, headers=BROWSER) as answer:
        assert answer.status == 200
        assert "script-src" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        return Page(await answer.text())


async def press(web: aiohttp.ClientSession, sim: KiteSimulator, form: Form, **values: str) -> Page:
    """Submit a form and follow the redirect."""
    async with web.post(sim.url + form.action, data=form.fields | values, headers=BROWSER) as answer:
        assert (answer.status, answer.url.path) == (200, "/")
        assert [step.status for step in answer.history] == [303]
        return Page(await answer.text())


def landed(answer: aiohttp.ClientResponse) -> dict[str, list[str]]:
    assert answer.status == 302
    where = urlsplit(answer.headers["Location"])
    assert where._replace(query="").geturl() == "http://127.0.0.1:1/auth/callback"
    return parse_qs(where.query)


async def test_a_login_returns_to_the_callback_with_the_desks_own_parameters(
    sim: KiteSimulator, web: aiohttp.ClientSession
) -> None:
    form = (await look(web, sim.login_page("state=one+two%26three&more=x"))).forms[0]
    assert form.fields["user_id"] == "AB1234"
    async with web.post(sim.url + form.action, data=form.fields, allow_redirects=False) as answer:
        query = landed(answer)
    (request_token,) = query.pop("request_token")
    assert query == {"state": ["one two&three"], "more": ["x"], "action": ["login"], "status": ["success"]}
    assert len(request_token) == 32


async def test_the_desks_parameters_cannot_forge_the_result(sim: KiteSimulator, web: aiohttp.ClientSession) -> None:
    form = (await look(web, sim.login_page("status=forged&request_token=forged&state=s"))).forms[0]
    async with web.post(sim.url + form.action, data=form.fields, allow_redirects=False) as answer:
        query = landed(answer)
    assert query["status"] == ["success"]
    assert query["request_token"] != ["forged"]
    assert len(query["request_token"]) == 1


async def test_somebody_else_can_log_in(sim: KiteSimulator, web: aiohttp.ClientSession) -> None:
    form = (await look(web, sim.login_page())).forms[0]
    data = form.fields | {"user_id": " zz9999 "}
    async with web.post(sim.url + form.action, data=data, allow_redirects=False) as answer:
        (request_token,) = landed(answer)["request_token"]
    assert sim.broker._requests[request_token][0] == "ZZ9999"


async def test_a_user_id_that_cannot_be_is_asked_for_again(sim: KiteSimulator, web: aiohttp.ClientSession) -> None:
    data = {"api_key": sim.broker.api_key, "user_id": "<b>", "redirect_params": "state=s"}
    async with web.post(sim.login_url, data=data, allow_redirects=False) as answer:
        page = Page(await answer.text())
        assert answer.status == 422
    assert page.forms[0].fields["redirect_params"] == "state=s"


async def test_cancelling_returns_without_a_request_token(sim: KiteSimulator, web: aiohttp.ClientSession) -> None:
    (cancel,) = (await look(web, sim.login_page("state=s"))).links
    async with web.get(sim.url + cancel, allow_redirects=False) as answer:
        assert landed(answer) == {"state": ["s"], "action": ["login"], "status": ["cancelled"]}


async def test_an_unknown_api_key_gets_a_clear_page_and_no_redirect(
    sim: KiteSimulator, web: aiohttp.ClientSession
) -> None:
    for method, url in (("GET", f"{sim.login_url}?v=3&api_key=<i>"), ("POST", sim.login_url), ("GET", sim.login_url)):
        async with web.request(method, url, headers=BROWSER, allow_redirects=False) as answer:
            assert (answer.status, answer.content_type) == (400, "text/html")
            text = await answer.text()
            assert "Unknown api key" in text
            assert "<i>" not in text


CHOICES = [
    *[("profile", value) for value in ("dead", "unreachable", "throttled", "ok")],
    *[("socket", value) for value in ("403", "refuse", "blackhole", "429", "accept")],
    *[("heartbeats", value) for value in ("false", "true")],
    *[("ticks", value) for value in ("none", "flowing")],
    *[("http", value) for value in ("500", "ok")],
]


@pytest.mark.parametrize(("name", "value"), CHOICES)
async def test_every_behaviour_has_a_button(
    sim: KiteSimulator, web: aiohttp.ClientSession, name: str, value: str
) -> None:
    form, _ = (await look(web, sim.url)).button(name, value)
    page = await press(web, sim, form, **{name: value})
    wished = World()
    wished.change({name: value})
    assert sim.world == wished
    assert page.button(name, value)[1]["aria-pressed"] == "true"
    assert page.title.startswith("● Simulated Kite" if sim.world == World() else "! Simulated Kite misbehaves")


async def test_the_drip_has_a_field_and_one_button_ends_all_trouble(
    sim: KiteSimulator, web: aiohttp.ClientSession
) -> None:
    page = await look(web, sim.url)
    drip = next(form for form in page.forms if list(form.fields) == ["drip_ms"])
    await press(web, sim, drip, drip_ms="250")
    assert sim.world == World(drip_ms=250)
    silent = next(form for form in page.forms if list(form.fields) == ["silent"])
    await press(web, sim, silent, silent="256265 738561")
    assert sim.world == World(drip_ms=250, silent="256265, 738561")
    sim.world.change({"socket": "403", "profile": "dead"})
    normal = next(form for form in page.forms if set(form.fields) == set(World().as_dict()))
    await press(web, sim, normal)
    assert sim.world == World()


async def test_every_fault_has_a_button(
    sim: KiteSimulator, web: aiohttp.ClientSession, dial: Callable[..., Any]
) -> None:
    page = await look(web, sim.url)
    async with dial() as line:
        for action in ("malformed_frame", "expire_token", "drop_socket"):
            form, _ = page.button("do", action)
            await press(web, sim, form, do=action)
        assert not sim.broker._holders
        async for _ in line:
            pass
        assert line.close_code == 1006
    form, _ = page.button("kind", "three_bytes")
    await press(web, sim, form, kind="three_bytes")


async def test_programs_use_the_same_doors_with_json(sim: KiteSimulator, web: aiohttp.ClientSession) -> None:
    async with web.post(f"{sim.url}/world", json={"socket": "403", "drip_ms": 5}) as answer:
        assert (await answer.json()) == World(socket="403", drip_ms=5).as_dict()
    token = sim.mint()
    async with web.post(f"{sim.url}/do", json={"do": "expire_token"}) as answer:
        assert (await answer.json()) == {"do": "expire_token", "sockets": 0, "expired": True}
    async with web.get(f"{sim.url}/state") as answer:
        assert await answer.json() == {
            "api_key": "simulatedkey",
            "user_id": "AB1234",
            "tokens": [token],
            "sockets": 0,
            "dials": 0,
            "world": World(socket="403", drip_ms=5).as_dict(),
        }


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/world", b'{"socket": "open"}', "allowed: accept, 403, refuse, blackhole, 429"),
        ("/world", b'{"weather": 1}', "allowed: profile, socket"),
        ("/world", b"[]", "must be a JSON object"),
        ("/world", b"{", "is not JSON"),
        ("/do", b'{"do": "explode"}', "allowed: drop_socket, expire_token, malformed_frame"),
        ("/do", b'{"do": "malformed_frame", "kind": "odd"}', "allowed: trunc, count"),
        ("/do", b"{}", "allowed: drop_socket"),
    ],
)
async def test_a_wrong_wish_is_a_problem_that_says_what_is_allowed(
    sim: KiteSimulator, web: aiohttp.ClientSession, path: str, body: bytes, said: str
) -> None:
    async with web.post(sim.url + path, data=body, headers={"Content-Type": "application/json"}) as answer:
        assert (answer.status, answer.content_type) == (422, "application/problem+json")
        assert said in (await answer.json())["detail"]
    assert sim.world == World()
