"""People, tokens, the record and the gate over HTTP: who may, who may not, and what is written down of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from logged import stamped, write_log
from programs import Programs, a_desk, a_service
from staff import PASSWORDS, Staffed, staffed, told
from tradewarden.http.app import Part
from tradewarden.http.desk import DeskDoor
from tradewarden.http.log_stream import LogStream
from tradewarden.http.logs import LogsDoor
from tradewarden.http.services import Services
from tradewarden.machines.role import Scope
from tradewarden.orchestrator import passwords
from tradewarden.orchestrator.clock import SystemClock
from tradewarden.orchestrator.logs import Logs


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "COST", 4)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Staffed]:
    async with staffed(tmp_path) as running:
        yield running


# People


async def test_an_admin_adds_somebody_who_signs_in_with_a_password_shown_once(desk: Staffed) -> None:
    boss = await desk.signed_in("boss")
    status, made = await told(boss, "POST", "/api/users", json={"name": "lata", "role": "trader"})
    assert (status, made["role"], made["mustChange"], made["createdBy"]) == (201, "trader", True, "boss")
    body = {"name": "lata", "password": made["oneTimePassword"]}
    assert (await told(await desk.browser(), "POST", "/api/session", json=body))[0] == 201
    assert made["signInAt"] == "http://127.0.0.1:8700/sign-in", "where the daemon is, not where a command believes it"
    _, listed = await told(boss, "GET", "/api/users")
    assert "oneTimePassword" not in str(listed)
    assert [user["name"] for user in listed["users"]] == ["asha", "boss", "lata", "ravi", "vera"]


@pytest.mark.parametrize(
    ("path", "body", "status", "kind"),
    [
        ("/api/users/nobody", {"enabled": False}, 404, "unknown-person"),
        ("/api/users/boss", {"enabled": False}, 409, "refused"),
        ("/api/users/boss", {"role": "viewer"}, 409, "refused"),
        ("/api/users/asha", {"role": "king"}, 422, "validation"),
        ("/api/users/asha", {"enabled": "no"}, 422, "validation"),
        ("/api/users/asha", {"password": "short"}, 422, "validation"),
        ("/api/users/asha", {"password": "x" * 600}, 422, "validation"),
        ("/api/users/asha", {"password": "violet umbrella kettle", "oneTime": True}, 422, "validation"),
        ("/api/users/asha", {"name": "other"}, 422, "validation"),
    ],
)
async def test_what_cannot_be_is_refused_and_changes_nobody(
    desk: Staffed, path: str, body: dict[str, Any], status: int, kind: str
) -> None:
    before = desk.members.people.users()
    found, problem = await told(await desk.signed_in("boss"), "PATCH", path, json=body)
    assert (found, problem["type"]) == (status, f"/problems/{kind}")
    assert desk.members.people.users() == before
    assert "short" not in str(problem)


async def test_an_admin_gives_a_new_password_when_one_is_lost(desk: Staffed) -> None:
    boss, asha = await desk.signed_in("boss"), await desk.signed_in("asha")
    _, body = await told(boss, "PATCH", "/api/users/asha", json={"oneTime": True})
    assert (await told(asha, "GET", "/api/session"))[1]["name"] is None
    proof = {"name": "asha", "password": body["oneTimePassword"]}
    assert (await told(await desk.browser(), "POST", "/api/session", json=proof))[1]["mustChange"]
    await told(boss, "PATCH", "/api/users/asha", json={"password": "green kettle on the sill"})
    proof["password"] = "green kettle on the sill"
    assert not (await told(await desk.browser(), "POST", "/api/session", json=proof))[1]["mustChange"]


# Tokens


async def test_a_token_does_what_its_scopes_say_for_its_person(desk: Staffed) -> None:
    boss = await desk.signed_in("boss")
    _, made = await told(boss, "POST", "/api/tokens", json={"name": "x", "scopes": ["read"], "days": 1})
    program = await desk.program(made["token"])
    _, body = await told(program, "GET", "/api/session")
    assert (body["name"], body["by"], body["scopes"], body["csrf"]) == ("boss", "boss's token x", ["read"], None)
    assert (await told(program, "GET", "/api/users"))[0] == 403
    desk.clock.goes_on(days=1)
    assert (await told(program, "GET", "/api/session"))[1]["name"] is None


async def test_a_token_makes_no_tokens_whatever_its_scopes_are(desk: Staffed) -> None:
    for name in ("boss", "asha"):
        secret, _ = desk.members.tokens.make(name, "all", [Scope.ADMIN])
        program = await desk.program(secret)
        status, problem = await told(program, "POST", "/api/tokens", json={"name": "y", "scopes": ["read"]})
        assert (status, problem["detail"]) == (403, "a token makes no tokens: sign in, or use the command line")
        words = {"old": PASSWORDS[name], "new": "green kettle on the sill"}
        assert (await told(program, "POST", "/api/session/password", json=words))[0] == 409


async def test_nobody_but_an_admin_makes_lists_or_drops_a_token_of_somebody_else(desk: Staffed) -> None:
    asha, ravi, boss = [await desk.signed_in(name) for name in ("asha", "ravi", "boss")]
    _, mine = await told(asha, "POST", "/api/tokens", json={"name": "x", "scopes": ["run"]})
    assert (await told(ravi, "POST", "/api/tokens", json={"name": "x", "scopes": ["run"], "user": "asha"}))[0] == 403
    assert (await told(ravi, "GET", "/api/tokens"))[1] == {"tokens": []}
    for number in (mine["id"], 4711, "x", "9" * 400, "%00"):
        status, problem = await told(ravi, "DELETE", f"/api/tokens/{number}")
        assert (status, problem["type"]) == (404, "/problems/unknown-token"), number
    assert [token["name"] for token in (await told(boss, "GET", "/api/tokens"))[1]["tokens"]] == ["x"]
    assert (await told(boss, "DELETE", f"/api/tokens/{mine['id']}"))[0] == 200
    assert (await told(await desk.program(mine["token"]), "GET", "/api/tokens"))[0] == 403


async def test_the_admin_token_says_for_whom_a_token_is(desk: Staffed) -> None:
    program = await desk.program()
    assert (await told(program, "POST", "/api/tokens", json={"name": "x", "scopes": ["read"]}))[0] == 422
    body = {"name": "x", "scopes": ["read"], "user": "nobody"}
    assert (await told(program, "POST", "/api/tokens", json=body))[0] == 404
    assert (await told(program, "POST", "/api/tokens", json=body | {"user": "vera"}))[0] == 201


async def test_a_stream_ends_with_its_token(desk: Staffed) -> None:
    secret, token = desk.members.tokens.make("vera", "x", [Scope.READ])
    program = await desk.program(secret)
    async with program.get("/api/system/health/events") as stream:
        await stream.content.readuntil(b"event: health")
        desk.members.tokens.drop(token.id)
        await stream.content.read()


# The gate


async def test_health_tells_more_to_whoever_is_signed_in_and_no_more_for_a_token_that_may_not_read(
    desk: Staffed,
) -> None:
    async def is_full(browser: ClientSession) -> bool:
        async with browser.get("/api/system/health") as answer:
            return "private" in answer.headers["Cache-Control"] and "AB1234" in await answer.text()

    run, _ = desk.members.tokens.make("boss", "r", [Scope.RUN])
    assert await is_full(await desk.signed_in("vera"))
    assert await is_full(await desk.program())
    assert not await is_full(await desk.program(run))
    assert not await is_full(await desk.browser())
    assert not await is_full(await desk.browser(Cookie="tradewarden=wrong"))


async def test_whoever_is_turned_away_is_told_how_to_come_in(desk: Staffed) -> None:
    _, nobody = await told(await desk.browser(), "GET", "/api/tokens")
    assert nobody["detail"].startswith("sign in at /sign-in, or give a token: `Authorization: Bearer TOKEN`")
    _, wrong = await told(await desk.program("tw_wrong"), "GET", "/api/tokens")
    assert "this token is not one of the desk's, or its time is over" in wrong["detail"]
    asha = await desk.signed_in("asha")
    _, other = await told(asha, "DELETE", "/api/session", headers={"Origin": "http://elsewhere.example"})
    assert other["detail"].startswith("only pages of this desk may ask for it: open http://127.0.0.1:8700")
    _, trader = await told(asha, "GET", "/api/users")
    assert trader["detail"] == "this takes an admin; asha is a trader"


async def test_a_wrong_token_is_nobodys_also_beside_a_good_cookie(desk: Staffed) -> None:
    boss = await desk.signed_in("boss")
    headers = {"Authorization": "Bearer tw_wrong"}
    assert (await told(boss, "GET", "/api/users", headers=headers))[0] == 403
    assert (await told(boss, "GET", "/api/session", headers=headers))[1]["name"] is None


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Forwarded-For": "::1, 127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"X-Real-IP": "127.0.0.1"},
        {"X-Forwarded-User": "boss"},
        {"X-Remote-User": "boss"},
        {"X-Admin-Key": "canary-admin-token-0123456789"},
        {"Authorization": "Basic Ym9zczpib3Nz"},
        {"Cookie": "__Host-tradewarden=x; tradewarden="},
        {"X-HTTP-Method-Override": "GET"},
    ],
)
async def test_no_header_makes_somebody_of_nobody(desk: Staffed, headers: dict[str, str]) -> None:
    browser = await desk.browser()
    assert (await told(browser, "GET", "/api/users", headers=headers))[0] == 401
    assert (await told(browser, "POST", "/api/users", json={"name": "x"}, headers=headers))[0] == 401


@pytest.mark.parametrize(
    "header", [b"Authorization: Bearer \xff\xfe", b"Cookie: tradewarden=\xff", b"Authorization: Bearer tw_\xff"]
)
async def test_bytes_that_are_no_text_are_nobodys(desk: Staffed, header: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", desk.desk.http.port)
    writer.write(b"GET /api/users HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + header + b"\r\n\r\n")
    status = (await reader.read()).split(b" ")[1]
    writer.close()
    assert status in {b"401", b"403"}


async def test_refusals_and_deeds_are_on_record_with_who_and_what(desk: Staffed) -> None:
    boss, asha, nobody = await desk.signed_in("boss"), await desk.signed_in("asha"), await desk.browser()
    await told(boss, "PATCH", "/api/users/vera", json={"role": "trader", "password": "green kettle on the sill"})
    await told(asha, "GET", "/api/users")
    await told(nobody, "PATCH", "/api/users/vera", json={"enabled": False})
    await told(boss, "PATCH", "/api/users/vera", json={"enabled": False}, headers={"X-CSRF-Token": "wrong"})
    _, body = await told(boss, "GET", "/api/audit?limit=4")
    rows = [(row["by"], row["action"], row["target"], row["allowed"], row["detail"]) for row in body["entries"]]
    change = "PATCH /api/users/{name}"
    assert sorted(rows) == [
        ("asha", "GET /api/users", "", False, "403 forbidden"),
        ("boss", change, "vera", False, "403 csrf"),
        ("boss", change, "vera", True, "200, role trader, new password"),
        ("nobody from 127.0.0.1", change, "vera", False, "401 not-logged-in"),
    ]
    assert "kettle" not in str(body)
    assert (await told(asha, "GET", "/api/audit"))[0] == 403


# Whose logs


@pytest.fixture
async def logging_desk(tmp_path: Path) -> AsyncIterator[Staffed]:
    names = ("feed", "buy@asha", "buy@ravi")
    for name in names:
        write_log(tmp_path / "logs", name, [stamped(name, f"{name} speaks")])
    programs, clock = Programs(a_desk(*map(a_service, names))), SystemClock()
    logs = Logs(tmp_path / "logs", str)
    doors: list[Part] = [
        DeskDoor(programs),
        Services(programs, clock),
        LogStream(logs, programs, clock),
        LogsDoor(logs, programs, clock),
    ]
    async with staffed(tmp_path, parts=doors) as running:
        yield running


@pytest.mark.parametrize(
    "path",
    [
        "/api/logs/buy@ravi",
        "/api/logs/feed",
        "/api/logs/nothing",
        "/api/logs/x@ravi",
        "/api/logs?service=buy@asha&service=buy@ravi",
        "/api/logs/buy@asha@ravi",
        "/api/logs/buy%40ravi",
        "/api/logs/buy@",
    ],
)
async def test_a_trader_reads_nobody_elses_output_and_learns_of_no_name(logging_desk: Staffed, path: str) -> None:
    asha = await logging_desk.signed_in("asha")
    status, problem = await told(asha, "GET", path)
    assert (status, problem["type"]) == (403, "/problems/forbidden")
    assert problem["detail"] == "asha may read the logs of their own jobs only"


async def test_the_stream_of_ones_own_output_ends_when_one_is_disabled(logging_desk: Staffed) -> None:
    asha = await logging_desk.signed_in("asha")
    async with asha.get("/api/logs/stream?lines=5") as stream:
        await stream.content.readuntil(b"buy@asha speaks")
        logging_desk.members.people.change("asha", enabled=False)
        async with asyncio.timeout(2):
            assert b"ravi" not in await stream.content.read()
    assert (await told(asha, "GET", "/api/logs/stream?service=buy@ravi"))[0] == 401


async def test_the_record_says_which_programs_a_verb_was_for(logging_desk: Staffed) -> None:
    boss = await logging_desk.signed_in("boss")
    await told(boss, "POST", "/api/desk/stop", json={"names": ["feed"]})
    await told(boss, "POST", "/api/desk/stop", json={"without": ["critical"]})
    rows = [(row.by, row.action, row.target) for row in logging_desk.members.audit.entries(limit=2)]
    assert rows == [("boss", "POST /api/desk/stop", "without tier critical"), ("boss", "POST /api/desk/stop", "feed")]


async def test_a_trader_reads_their_own_output_and_an_admin_everybodys(logging_desk: Staffed) -> None:
    asha, boss = await logging_desk.signed_in("asha"), await logging_desk.signed_in("boss")
    for path in ("/api/logs?format=text", "/api/logs/buy@asha?format=text"):
        text = await (await asha.get(path)).text()
        assert "buy@asha speaks" in text
        assert "ravi" not in text
        assert "feed" not in text
    assert "buy@ravi speaks" in await (await boss.get("/api/logs?format=text")).text()
    vera = await logging_desk.signed_in("vera")
    assert (await told(vera, "GET", "/api/logs"))[0] == 403
    assert (await told(vera, "GET", "/api/services"))[0] == 200
