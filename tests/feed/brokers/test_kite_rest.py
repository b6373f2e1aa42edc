from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web

from tiny_kite import serve
from tradewarden.feed.brokers import kite_rest
from tradewarden.feed.brokers.kite_rest import BrokerRefused, BrokerUnreachable, KiteRest, Probe, Verdict

KEY, SECRET, REQUEST, ACCESS = "canarykey0000001", "canarysecret0001", "canaryrequest001", "canaryaccess0001"
CANARIES = (KEY, SECRET, REQUEST, ACCESS)
IST = timezone(timedelta(hours=5, minutes=30))

Handler = Callable[[web.Request], Any]
MakeRest = Callable[..., KiteRest]


class TinyRest:
    """The two paths of Kite's REST interface that a login needs; `instead` answers in their place."""

    def __init__(self) -> None:
        self.instead: Handler | None = None
        self.asked: list[str] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        if self.instead is not None:
            answer = await self.instead(request)
            assert isinstance(answer, web.StreamResponse)
            return answer
        match self.asked[-1]:
            case "POST /session/token":
                return self._exchange(dict(await request.post()))
            case "GET /user/profile" if request.headers.get("Authorization") == f"token {KEY}:{ACCESS}":
                return web.json_response({"status": "success", "data": {"user_id": "AB1234"}})
            case "DELETE /session/token" if request.query["access_token"] == ACCESS:
                return web.json_response({"status": "success", "data": True})
            case _:
                return error(403, "TokenException", "Incorrect `api_key` or `access_token`.")

    def _exchange(self, form: dict[str, Any]) -> web.Response:
        if form["checksum"] != hashlib.sha256((KEY + form["request_token"] + SECRET).encode()).hexdigest():
            return error(403, "TokenException", "Invalid `checksum`.")
        if form["request_token"] != REQUEST:
            return error(403, "TokenException", f"Token {form['request_token']} is invalid or has expired.")
        data = {"access_token": ACCESS, "user_id": "AB1234", "login_time": "2026-11-23 08:50:01"}
        return web.json_response({"status": "success", "data": data})


def error(status: int, kind: str, message: str) -> web.Response:
    return web.json_response({"status": "error", "error_type": kind, "message": message}, status=status)


def always(status: int, kind: str, message: str = "no") -> Handler:
    async def answer(_request: web.Request) -> web.Response:
        return error(status, kind, message)

    return answer


@pytest.fixture
async def broker() -> TinyRest:
    return TinyRest()


@pytest.fixture
async def rest(broker: TinyRest) -> AsyncIterator[MakeRest]:
    async with serve(broker.handle) as port:

        def make(**changes: Any) -> KiteRest:
            wanted: dict[str, Any] = {
                "rest_url": f"http://127.0.0.1:{port}",
                "login_url": "https://kite.zerodha.com/connect/login",
                "api_key": KEY,
                "api_secret": SECRET,
            }
            return KiteRest(**(wanted | changes))

        yield make


def test_the_login_page_carries_the_key_and_brings_the_state_back() -> None:
    rest = KiteRest(rest_url="", login_url="https://kite.zerodha.com/connect/login", api_key=KEY, api_secret=SECRET)
    page = urlsplit(rest.login_page("once & only=1"))
    assert f"{page.scheme}://{page.netloc}{page.path}" == "https://kite.zerodha.com/connect/login"
    query = parse_qs(page.query)
    assert {name: query[name] for name in ("v", "api_key")} == {"v": ["3"], "api_key": [KEY]}
    assert parse_qs(query["redirect_params"][0]) == {"state": ["once & only=1"]}


async def test_a_request_token_becomes_the_days_access_token(rest: MakeRest) -> None:
    session = await rest().exchange(REQUEST)
    assert (session.access_token, session.user_id) == (ACCESS, "AB1234")
    assert session.minted_at == datetime(2026, 11, 23, 8, 50, 1, tzinfo=IST)
    assert ACCESS not in repr(session)


async def test_a_wrong_api_secret_is_a_fault_of_the_configuration(rest: MakeRest) -> None:
    with pytest.raises(BrokerRefused) as caught:
        await rest(api_secret="wrong").exchange(REQUEST)
    assert (caught.value.reason, caught.value.text) == ("configuration", "Kite says: Invalid `checksum`.")


async def test_a_used_request_token_is_refused_and_not_repeated_in_the_answer(rest: MakeRest) -> None:
    with pytest.raises(BrokerRefused) as caught:
        await rest().exchange("used7")
    assert (caught.value.reason, str(caught.value)) == ("refused", "Kite says: Token *** is invalid or has expired.")


@pytest.mark.parametrize("kind", ["InputException", "PermissionException"])
async def test_a_wrong_api_key_is_a_fault_of_the_configuration_however_it_is_told(
    broker: TinyRest, rest: MakeRest, kind: str
) -> None:
    broker.instead = always(400, kind, "Invalid `api_key`.")
    with pytest.raises(BrokerRefused) as caught:
        await rest().exchange(REQUEST)
    assert caught.value.reason == "configuration"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, "NetworkException"), (500, "GeneralException"), (503, "NetworkException"), (502, "DataException")],
)
async def test_a_busy_or_broken_broker_says_nothing_about_any_token(
    broker: TinyRest, rest: MakeRest, status: int, kind: str
) -> None:
    broker.instead = always(status, kind)
    with pytest.raises(BrokerUnreachable, match=f"^Kite answered {status} {kind}$"):
        await rest().exchange(REQUEST)
    assert await rest().probe(ACCESS) == Probe(Verdict.UNKNOWN, f"Kite answered {status} {kind}")


class Undead:
    """A child that hangs in the kernel: it neither answers nor goes when it is killed."""

    pid, returncode = 4711, None

    async def communicate(self, _said: bytes) -> tuple[bytes, bytes]:
        return await asyncio.Future[tuple[bytes, bytes]]()

    def kill(self) -> None:
        pass

    async def wait(self) -> int:
        return await asyncio.Future[int]()


async def test_a_child_that_cannot_be_killed_is_an_unreachable_broker_and_no_fault(
    monkeypatch: pytest.MonkeyPatch, rest: MakeRest
) -> None:
    async def start(*_arguments: str, **_how: Any) -> Undead:
        return Undead()

    monkeypatch.setattr(kite_rest, "LAST", 0.01)
    monkeypatch.setattr(asyncio, "create_subprocess_exec", start)
    probe = await rest(timeout=0.01).probe(ACCESS)
    assert (probe.verdict, probe.text) == (Verdict.UNKNOWN, "Kite did not answer within 0.01 s")


async def test_a_living_token_is_good_and_tells_whose_it_is(rest: MakeRest) -> None:
    assert await rest().probe(ACCESS) == Probe(Verdict.GOOD, user_id="AB1234")


async def test_only_kites_own_token_error_makes_a_token_dead(broker: TinyRest, rest: MakeRest) -> None:
    assert (await rest().probe("canarydead000001")).verdict is Verdict.DEAD
    broker.instead = always(403, "PermissionException")
    assert await rest().probe(ACCESS) == Probe(Verdict.UNKNOWN, "Kite answered 403 PermissionException")
    broker.instead = always(500, "TokenException")
    assert (await rest().probe(ACCESS)).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    "response",
    [
        web.Response(text="<html>403</html>", content_type="text/html", status=403),
        web.Response(text="[]", content_type="application/json"),
        web.Response(text="{", content_type="application/json"),
        web.Response(text='{"status":"success"}', content_type="application/json"),
        web.Response(text='{"data":{"user_id":7}}', content_type="application/json"),
        web.Response(text='{"error_type":"TokenException"}', content_type="application/json", status=403),
    ],
    ids=["html", "list", "broken", "empty", "number", "no message"],
)
async def test_an_odd_answer_is_no_verdict(broker: TinyRest, rest: MakeRest, response: web.Response) -> None:
    async def odd(_request: web.Request) -> web.Response:
        return web.Response(body=response.body, status=response.status, content_type=response.content_type)

    broker.instead = odd
    assert (await rest().probe(ACCESS)).verdict is Verdict.UNKNOWN


async def test_a_closed_port_and_an_untrusted_name_are_unreachable() -> None:
    rest = KiteRest(rest_url="http://127.0.0.1:9", login_url="", api_key=KEY, api_secret=SECRET)
    assert await rest.probe(ACCESS) == Probe(Verdict.UNKNOWN, "Kite cannot be reached")
    with pytest.raises(BrokerUnreachable, match=r"^Kite cannot be reached$"):
        await rest.exchange(REQUEST)


async def test_a_broker_that_never_answers_costs_the_deadline_and_the_child_is_gone(
    broker: TinyRest, rest: MakeRest
) -> None:
    never = asyncio.Event()

    async def silence(_request: web.Request) -> web.Response:
        await never.wait()
        return web.Response()

    broker.instead = silence
    begun = time.monotonic()
    probe = await rest(timeout=1.5).probe(ACCESS)
    assert probe == Probe(Verdict.UNKNOWN, "Kite did not answer within 1.5 s")
    assert 1.4 < time.monotonic() - begun < 4
    assert _children() == []


async def test_a_cancelled_question_leaves_no_child_behind(broker: TinyRest, rest: MakeRest) -> None:
    asked, never = asyncio.Event(), asyncio.Event()

    async def silence(_request: web.Request) -> web.Response:
        asked.set()
        await never.wait()
        return web.Response()

    broker.instead = silence
    probing = asyncio.create_task(rest().probe(ACCESS))
    await asked.wait()
    assert len(_children()) == 1
    probing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probing
    assert _children() == []


async def test_a_logout_kills_the_token_and_a_dead_one_is_as_good(broker: TinyRest, rest: MakeRest) -> None:
    await rest().invalidate(ACCESS)
    await rest().invalidate("canarydead000001")
    assert broker.asked == ["DELETE /session/token"] * 2
    broker.instead = always(503, "NetworkException")
    with pytest.raises(BrokerUnreachable, match="503"):
        await rest().invalidate(ACCESS)


async def test_while_the_child_runs_no_secret_stands_in_its_arguments_or_environment(
    broker: TinyRest, rest: MakeRest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KITE_API_SECRET", SECRET)
    seen: list[str] = []

    async def look(_request: web.Request) -> web.Response:
        [child] = _children()
        seen.extend((child / name).read_bytes().decode() for name in ("cmdline", "environ"))
        return error(500, "GeneralException", "no")

    broker.instead = look
    with pytest.raises(BrokerUnreachable):
        await rest().exchange(REQUEST)
    assert "kite_child" in seen[0]
    assert [canary for canary in CANARIES if canary in "".join(seen)] == []


@pytest.mark.parametrize("do", ["exchange", "probe", "invalidate"])
async def test_whatever_the_child_prints_holds_no_secret(broker: TinyRest, rest: MakeRest, do: str) -> None:
    echo = " ".join(CANARIES)
    broker.instead = always(403, "TokenException", f"{echo} {hashlib.sha256(echo.encode()).hexdigest()}")
    request = {
        "do": do,
        "root": rest()._rest_url,
        "timeout": 5,
        "api_key": KEY,
        "api_secret": SECRET,
        "request_token": REQUEST,
        "access_token": ACCESS,
    }
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", kite_rest.CHILD), stdin=-1, stdout=-1, stderr=subprocess.STDOUT
    )
    said, _ = await child.communicate(json.dumps(request).encode())
    assert json.loads(said)["outcome"] in {"refused", "dead", "ok"}
    assert [canary for canary in CANARIES if canary in said.decode()] == []


async def test_a_python_without_the_official_client_is_named_in_the_sentence(
    rest: MakeRest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kite_rest, "CHILD", "tradewarden.no_such_module")
    with pytest.raises(BrokerUnreachable, match=r"helper that speaks to Kite failed \(exit status 1\)"):
        await rest().exchange(REQUEST)


def test_a_proxy_is_passed_on_to_the_real_broker_and_never_to_one_on_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    for url, kept in (("https://api.kite.trade", True), ("http://127.0.0.1:8701", False), ("http://localhost", False)):
        rest = KiteRest(rest_url=url, login_url="", api_key=KEY, api_secret=SECRET)
        assert ("HTTPS_PROXY" in rest._environment()) is kept
        assert rest._environment()["NETRC"] == os.devnull


async def test_the_loops_own_pool_of_threads_is_never_used(rest: MakeRest) -> None:
    assert (await rest().probe(ACCESS)).verdict is Verdict.GOOD
    assert getattr(asyncio.get_running_loop(), "_default_executor", "gone") is None


def _children() -> list[Path]:
    """The children of the official client that we have started and that still run; other tests have servers."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            _pid, rest = status.read_text().split(" (", 1)
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, parent = rest.rsplit(") ", 1)[1].split()[:2]
        if int(parent) == os.getpid() and state != "Z" and b"kite_child" in (status.parent / "cmdline").read_bytes():
            found.append(status.parent)
    return found
