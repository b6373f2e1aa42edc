"""The record behind the gate: nobody fills the disk with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from staff import HandClock, Staffed, staffed, told
from tradewarden.http.backup import Backups
from tradewarden.http.needs import DEEDS, FRESH, READS
from tradewarden.machines.role import Scope
from tradewarden.orchestrator import passwords


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "COST", 4)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Staffed]:
    async with staffed(tmp_path) as running:
        yield running


async def test_strangers_write_no_row_by_what_changes_nothing_however_often_they_ask(desk: Staffed) -> None:
    nobody = await desk.browser()
    for _ in range(3):
        assert (await told(nobody, "DELETE", "/api/session"))[0] == 200
        assert (await told(nobody, "POST", "/api/session", json={}))[0] == 422
        assert (await told(nobody, "POST", "/api/session", json=["x"]))[0] == 422
        packed = {"Content-Encoding": "gzip"}
        assert (await told(await desk.browser(), "POST", "/api/session", data=b"no gzip", headers=packed))[0] == 400
        assert (await told(await desk.browser(), "POST", "/api/session", data=b"x" * 200_000))[0] == 413
        async with nobody.post("/sign-out", allow_redirects=False) as answer:
            assert answer.status == 303
    assert desk.members.audit.entries() == []


async def test_what_somebody_asks_in_vain_again_and_again_is_a_row_and_a_count(desk: Staffed) -> None:
    vera = await desk.signed_in("vera")
    for _ in range(30):
        assert (await told(vera, "POST", "/api/tokens", json={}))[0] == 422
    first, signed_in = desk.members.audit.entries()
    assert (first.by, first.allowed, first.detail) == ("vera", True, "422 validation")
    assert signed_in.action == "POST /api/session"
    desk.clock.goes_on(minutes=2)
    assert desk.members.audit.entries()[0].detail == "29 times more within a minute"


async def test_nobody_does_more_than_five_things_a_second_for_long(tmp_path: Path) -> None:
    clock = HandClock()
    async with staffed(tmp_path, clock=clock) as desk:
        vera, asha = await desk.signed_in("vera"), await desk.signed_in("asha")
        found = [(await told(vera, "DELETE", "/api/tokens/9"))[0] for _ in range(DEEDS[0] + 2)]
        assert found == [404] * DEEDS[0] + [429] * 2
        async with vera.delete("/api/tokens/9") as refused:
            assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
        secret, _ = desk.members.tokens.make("vera", "x", [Scope.ADMIN])
        assert (await told(await desk.program(secret), "DELETE", "/api/tokens/9"))[0] == 429
        assert (await told(vera, "GET", "/api/tokens"))[0] == 200
        assert (await told(asha, "DELETE", "/api/tokens/9"))[0] == 404
        clock.goes_on(seconds=1)
        assert [(await told(vera, "DELETE", "/api/tokens/9"))[0] for _ in range(6)] == [404] * 5 + [429]
        program = await desk.program()  # the desk's own door is never told to wait
        assert {(await told(program, "DELETE", "/api/tokens/9"))[0] for _ in range(DEEDS[0] + 2)} == {404}


SECRETS = "/api/backup"


async def backed_up(browser: ClientSession) -> bool:
    async with browser.post(SECRETS) as answer:
        return (answer.status, (await answer.read())[257:262]) == (200, b"ustar")


async def test_no_api_token_gets_the_desks_secrets_whatever_its_scope(tmp_path: Path) -> None:
    clock = HandClock()
    async with staffed(tmp_path, parts=[Backups(tmp_path, clock)], clock=clock) as desk:
        secret, _ = desk.members.tokens.make("boss", "nightly", [Scope.ADMIN])
        status, problem = await told(await desk.program(secret), "POST", SECRETS)
        assert (status, problem["type"]) == (403, "/problems/forbidden")
        assert "no API token gets these: run `tradewarden backup` on the machine" in problem["detail"]
        refused = desk.members.audit.entries()[0]
        assert (refused.by, refused.action, refused.allowed) == ("boss's token nightly", "POST /api/backup", False)
        assert await backed_up(await desk.program())


async def test_a_browser_gets_the_desks_secrets_soon_after_its_password_only(tmp_path: Path) -> None:
    clock = HandClock()
    async with staffed(tmp_path, parts=[Backups(tmp_path, clock)], clock=clock) as desk:
        boss = await desk.signed_in("boss")
        clock.goes_on(seconds=FRESH.total_seconds() - 1)
        assert await backed_up(boss)
        for span in (timedelta(seconds=1), -2 * FRESH):  # a clock that was set back proves nothing
            clock.wall += span
            status, problem = await told(boss, "POST", SECRETS)
            assert (status, "more than 15 minutes ago: sign in again" in problem["detail"]) == (403, True)
        desk.clock.wall = clock.wall
        assert await backed_up(await desk.signed_in("boss"))
        assert (await told(await desk.signed_in("asha"), "POST", SECRETS))[0] == 403


class Costly:
    """A path of the table that is costly to answer, answered cheaply."""

    def routes(self, _visitors: object) -> list[web.RouteDef]:
        async def get(_request: web.Request) -> web.Response:
            return web.Response()

        return [web.get("/api/runs", get), web.get("/api/standings", get)]


async def asks(browser: ClientSession, path: str, times: int) -> list[int]:
    """How often which answer came: no body of these is read."""
    found = []
    for _ in range(times):
        async with browser.head(path) as answer:
            found.append(answer.status)
    return found


async def test_what_is_costly_to_read_is_read_ten_times_a_second_for_long_by_each_person(tmp_path: Path) -> None:
    clock = HandClock()
    async with staffed(tmp_path, parts=[Costly()], clock=clock) as desk:
        vera, asha = await desk.signed_in("vera"), await desk.signed_in("asha")
        assert set(await asks(vera, "/api/runs", READS[0])) == {200}
        async with vera.get("/api/runs") as refused:
            assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
            assert (await refused.json())[
                "detail"
            ] == f"more than {READS[0]} questions of this kind in a minute: try again in 1 s"
        secret, _ = desk.members.tokens.make("vera", "x", [Scope.READ])
        assert await asks(await desk.program(secret), "/api/runs", 1) == [429]  # a person, with all their tokens
        assert await asks(vera, "/api/standings", 1) == [200]
        assert await asks(vera, "/api/system/health", 1) == [200]
        assert (await told(vera, "DELETE", "/api/tokens/9"))[0] == 404
        assert await asks(asha, "/api/runs", 1) == [200]
        clock.goes_on(seconds=1)
        assert await asks(vera, "/api/runs", 11) == [200] * 10 + [429]
        program = await desk.program()  # the desk's own door is never told to wait
        assert set(await asks(program, "/api/runs", READS[0] + 1)) == {200}


async def test_strangers_share_what_their_address_may_read_and_health_and_figures_are_never_refused(
    tmp_path: Path,
) -> None:
    async with staffed(tmp_path, clock=HandClock()) as desk:
        away = await desk.browser(**{"X-Forwarded-For": "203.0.113.9"})
        assert set(await asks(away, "/openapi.json", READS[0])) == {200}
        assert await asks(away, "/docs", 1) == [429]
        assert await asks(await desk.browser(**{"X-Forwarded-For": "203.0.113.10"}), "/docs", 1) == [200]
        for path in ("/api/system/health", "/livez", "/readyz", "/"):
            assert await asks(away, path, 1) == [200]
        assert set(await asks(await desk.browser(), "/metrics", READS[0] + 1)) == {200}
