from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from pictures import ADMIN, Desk, ScriptedLogin, all_well, asks_for_a_login, serving
from tradewarden.http import auth, body

VERIFY = "/api/system/health/auth/verify"
BEARER = {"Authorization": f"Bearer {ADMIN}"}
FAR = {"X-Forwarded-For": "203.0.113.9"}


# Out to the broker ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", auth.LOGIN_PATHS)
async def test_a_login_begins_with_a_redirect_to_the_broker(desk: Desk, session: ClientSession, path: str) -> None:
    async with session.get(desk.url + path, allow_redirects=False) as response:
        assert response.status == 302
        assert response.headers["Location"].startswith("https://broker.example/connect/login?")
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert await response.read() == b""


async def test_a_head_request_neither_begins_a_login_nor_uses_one_up(desk: Desk, session: ClientSession) -> None:
    for path in ("/login", "/auth/callback?state=x"):
        async with session.head(desk.url + path, allow_redirects=False) as response:
            assert (response.status, response.headers["Allow"]) == (405, "GET")
    assert (desk.login.begun, desk.login.queries) == (0, [])


async def test_a_login_that_cannot_begin_says_what_is_missing(desk: Desk, session: ClientSession) -> None:
    desk.login.impossible = "kite.api_key and kite.api_secret are not set: see the README."
    async with session.get(f"{desk.url}/login", allow_redirects=False) as response:
        page = await response.text()
        assert (response.status, response.content_type) == (503, "text/html")
    assert "No login possible" in page
    assert "kite.api_key and kite.api_secret are not set" in page


async def test_a_login_is_begun_five_times_a_minute_by_one_address_and_freely_on_this_machine(
    desk: Desk, session: ClientSession
) -> None:
    async def begin(**headers: str) -> int:
        async with session.get(f"{desk.url}/login", allow_redirects=False, headers=headers) as response:
            if response.status == 429:
                assert int(response.headers["Retry-After"]) == 12
                assert json.loads(await response.read())["type"] == "/problems/rate-limited"
            return response.status

    assert [await begin(**FAR) for _ in range(6)] == [302] * 5 + [429]
    assert await begin(**{"X-Forwarded-For": "203.0.113.10"}) == 302
    assert [await begin() for _ in range(9)] == [302] * 9
    desk.clock.mono += 12_000_000_000
    assert [await begin(**FAR), await begin(**FAR)] == [302, 429]


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Mode": "no-cors"},
    ],
    ids=["image", "frame", "script", "mode alone"],
)
@pytest.mark.parametrize("path", auth.LOGIN_PATHS)
async def test_what_a_page_fetches_begins_no_login(
    desk: Desk, session: ClientSession, headers: dict[str, str], path: str
) -> None:
    async with session.get(desk.url + path, allow_redirects=False, headers=headers) as response:
        assert (response.status, (await response.json(content_type=None))["type"]) == (403, "/problems/csrf")
    assert desk.login.begun == 0


async def test_a_persons_visit_begins_a_login_from_wherever_its_link_was(desk: Desk, session: ClientSession) -> None:
    visit = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    async with session.get(f"{desk.url}/login", allow_redirects=False, headers=visit | FAR) as response:
        assert response.status == 302
    assert desk.login.begun_by == ["203.0.113.9"]


# Back from the broker ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "status", "says", "again"),
    [
        ("logged_in", 200, "Logged in as AB1234", False),
        ("refused", 403, "Login was refused", True),
        ("other_account", 403, "That is another account", True),
        ("configuration", 503, "Kite refuses our api key or secret", True),
        ("unknown_state", 400, "This login link is not known any more", True),
        ("unreachable", 504, "Kite did not answer", True),
        ("cancelled", 200, "The login was not completed", True),
        ("something_new", 403, "Login was refused", True),
    ],
)
async def test_the_callback_ends_on_a_page_that_says_what_happened(  # noqa: PLR0917 - a table
    desk: Desk,
    session: ClientSession,
    kind: str,
    status: int,
    says: str,
    again: bool,  # noqa: FBT001 - a table
) -> None:
    desk.login.kind, desk.login.text = kind, "What the broker said."
    url = f"{desk.url}/auth/callback?request_token=canary-request-token&action=login&status=success&state=canary-state"
    async with session.get(url) as response:
        page = await response.text()
        assert (response.status, response.content_type) == (status, "text/html")
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Cache-Control"] == "no-store"
        assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    assert f"<h1>{says}</h1>" in page
    assert "What the broker said." in page
    assert ('href="/login"' in page) is again
    assert 'href="/"' in page
    assert "canary" not in page
    assert desk.login.queries == [
        {"request_token": "canary-request-token", "action": "login", "status": "success", "state": "canary-state"}
    ]


@pytest.mark.parametrize(
    ("kind", "title", "says"),
    [
        ("logged_in", "Logged in as AB1234: family", "Whoever uses this account has the fresh token."),
        ("other_account", "That is another account: family", "then log in as family."),
        ("configuration", "Kite refuses our api key or secret: family", "accounts.family.api_secret"),
        ("unreachable", "Kite did not answer: family", "Try again in a moment."),
    ],
)
async def test_a_further_accounts_login_ends_with_its_own_name_and_no_word_of_the_feed(
    desk: Desk, session: ClientSession, kind: str, title: str, says: str
) -> None:
    desk.login.kind, desk.login.account = kind, "family"
    async with session.get(f"{desk.url}/auth/callback?state=x") as response:
        page = await response.text()
    assert f"<h1>{title}</h1>" in page
    assert says in page
    assert "The feed connects" not in page
    assert "kite.api_key" not in page


async def test_a_program_hears_in_json_that_the_broker_took_too_long(
    desk: Desk, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_query: object) -> ScriptedLogin:
        return await asyncio.Future[ScriptedLogin]()

    monkeypatch.setattr(auth, "_EXCHANGE", 0.05)
    monkeypatch.setattr(desk.login, "finish", never)
    json_please = {"Accept": "application/json"}
    async with session.get(f"{desk.url}/auth/callback?state=x", headers=json_please) as response:
        assert response.status == 504
        assert await response.json() == {"outcome": "unreachable", "user_id": None, "text": "The answer took too long."}
    async with session.get(f"{desk.url}/auth/callback?state=x") as response:
        assert (response.status, response.content_type) == (504, "text/html")


async def test_the_page_after_a_login_shows_the_desk_as_it_is_now(desk: Desk, session: ClientSession) -> None:
    desk.reports.show(asks_for_a_login())
    async with session.get(f"{desk.url}/auth/callback?state=x") as response:
        assert "Waits for login" in await response.text()
    desk.reports.show(all_well())
    async with session.get(f"{desk.url}/auth/callback?state=x") as response:
        assert "Streaming" in await response.text()


async def test_only_a_login_that_worked_leads_on_to_the_desk(desk: Desk, session: ClientSession) -> None:
    onward = '<noscript><meta http-equiv="refresh" content="5; url=/"></noscript>'
    async with session.get(f"{desk.url}/auth/callback?state=x") as response:
        page = await response.text()
    assert onward in page
    assert "At the moment of the login" in page
    desk.login.kind = "refused"
    async with session.get(f"{desk.url}/auth/callback?state=x") as response:
        page = await response.text()
    assert "http-equiv" not in page
    assert re.search(r"<h2[^>]*>The desk at \d\d:\d\d</h2>", page)


async def test_a_cancelled_login_says_once_that_nothing_was_changed(desk: Desk, session: ClientSession) -> None:
    desk.login.kind = "cancelled"
    desk.login.text = "The broker did not complete the login. Nothing was changed."
    async with session.get(f"{desk.url}/auth/callback?state=x") as response:
        assert (await response.text()).count("Nothing was changed") == 1


async def test_what_the_broker_said_cannot_write_into_the_page(desk: Desk, session: ClientSession) -> None:
    desk.login.kind, desk.login.text = "refused", "<script>alert(1)</script> & more"
    async with session.get(f"{desk.url}/auth/callback?state=x") as response:
        page = await response.text()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in page


async def test_a_parameter_given_twice_counts_once(desk: Desk, session: ClientSession) -> None:
    async with session.get(f"{desk.url}/auth/callback?state=first&state=second"):
        assert desk.login.queries == [{"state": "first"}]


async def test_a_broker_that_never_answers_ends_the_callback_all_the_same(
    desk: Desk, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "_EXCHANGE", 0.05)
    desk.login.hangs = True
    async with session.get(f"{desk.url}/auth/callback?state=x") as response:
        assert response.status == 504
        assert "Kite did not answer" in await response.text()


async def test_callbacks_are_limited_like_logins(desk: Desk, session: ClientSession) -> None:
    codes = []
    for _ in range(6):
        async with session.get(f"{desk.url}/auth/callback?state=x", headers=FAR) as response:
            codes.append(response.status)
    assert codes == [200] * 5 + [429]


@pytest.mark.parametrize("path", ["/login", "/auth/callback?state=x"])
async def test_a_daemon_that_stops_begins_and_ends_no_login(desk: Desk, session: ClientSession, path: str) -> None:
    desk.reports.show(all_well(stopping=True))
    async with session.get(desk.url + path, allow_redirects=False) as response:
        assert response.status == 503
        assert json.loads(await response.read())["type"] == "/problems/stopping"


# The question to the broker ---------------------------------------------------------------------------------------


async def test_a_good_token_is_told_with_its_expiry(desk: Desk, session: ClientSession) -> None:
    async with session.post(desk.url + VERIFY, headers=BEARER) as response:
        assert (response.status, response.headers["Cache-Control"]) == (200, "no-store")
        assert json.loads(await response.read()) == {
            "verdict": "valid",
            "checkedAt": "2026-01-05T09:20:00+05:30",
            "expiresAt": "2026-01-06T09:20:00+05:30",
            "is_valid": True,
            "error": None,
            "state": "valid",
        }


async def test_a_rejected_token_is_an_answer_and_no_error(desk: Desk, session: ClientSession) -> None:
    desk.verifier.verdict, desk.verifier.state, desk.verifier.expires_at = "rejected", "expired", None
    async with session.post(desk.url + VERIFY, headers=BEARER) as response:
        body = json.loads(await response.read())
    assert (response.status, body["verdict"], body["is_valid"]) == (200, "rejected", False)
    assert (body["error"], body["state"], body["expiresAt"]) == ("token rejected by broker", "expired", None)


async def test_without_a_token_there_is_nothing_to_ask_about(desk: Desk, session: ClientSession) -> None:
    desk.verifier.verdict, desk.verifier.state = "none", "required"
    async with session.post(desk.url + VERIFY, headers=BEARER) as response:
        body = json.loads(await response.read())
    assert (body["is_valid"], body["state"]) == (False, "login_required")
    assert "log in" in body["error"]


async def test_a_question_that_is_being_asked_is_not_asked_twice(desk: Desk, session: ClientSession) -> None:
    desk.verifier.verdict = "pending"
    async with session.post(desk.url + VERIFY, headers=BEARER) as response:
        assert (response.status, response.headers["Location"]) == (202, "/api/system/health/auth")
        assert json.loads(await response.read()) == {"verdict": "pending", "startedAt": "2026-01-05T09:20:00+05:30"}


async def test_an_unreachable_broker_is_a_bad_gateway_and_a_silent_one_a_timeout(
    desk: Desk, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.verifier.verdict = "unreachable"
    async with session.post(desk.url + VERIFY, headers=BEARER) as response:
        problem = json.loads(await response.read())
    assert (response.status, problem["type"], problem["title"]) == (
        502,
        "/problems/broker-unreachable",
        "Broker did not answer",
    )
    monkeypatch.setattr(auth, "_PROBE", 0.05)
    desk.verifier.hangs = True
    async with session.post(desk.url + VERIFY, headers=BEARER) as response:
        assert response.status == 504


async def test_a_get_never_asks(desk: Desk, session: ClientSession) -> None:
    async with session.get(desk.url + VERIFY, headers=BEARER) as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")
    assert desk.verifier.asked == 0


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({}, 401, "not-logged-in"),
        ({"Authorization": "Bearer wrong"}, 403, "forbidden"),
        ({"X-Admin-Key": ADMIN}, 401, "not-logged-in"),
        (BEARER | {"Sec-Fetch-Site": "cross-site"}, 403, "csrf"),
        (BEARER | {"Sec-Fetch-Site": "same-site"}, 403, "csrf"),
        (BEARER | {"Origin": "https://evil.example"}, 403, "csrf"),
        (BEARER | {"Origin": "null"}, 403, "csrf"),
    ],
)
async def test_the_question_needs_a_token_and_comes_from_no_other_site(
    desk: Desk, session: ClientSession, headers: dict[str, str], status: int, kind: str
) -> None:
    async with session.post(desk.url + VERIFY, headers=headers) as response:
        assert (response.status, response.content_type) == (status, "application/problem+json")
        assert json.loads(await response.read())["type"] == f"/problems/{kind}"
    assert desk.verifier.asked == 0


async def test_our_own_page_may_ask_directly_and_through_its_proxy(session: ClientSession) -> None:
    async with serving(public_url="https://desk.example/") as desk:
        for origin in (desk.url, "https://desk.example"):
            headers = BEARER | {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
            async with session.post(desk.url + VERIFY, headers=headers) as response:
                assert response.status == 200, origin


async def test_without_an_admin_token_nobody_is_admin(session: ClientSession) -> None:
    async with serving(admin_token="") as desk:
        for value in ("Bearer ", "Bearer"):
            async with session.post(desk.url + VERIFY, headers={"Authorization": value}) as response:
                assert response.status in (401, 403)
        async with session.get(f"{desk.url}/api/system/health/auth", headers={"Authorization": "Bearer "}) as response:
            assert json.loads(await response.read())["has_token"] is None


async def test_the_question_is_asked_every_ten_seconds_at_most(desk: Desk, session: ClientSession) -> None:
    async def ask() -> int:
        async with session.post(desk.url + VERIFY, headers=BEARER | FAR) as response:
            return response.status

    assert [await ask(), await ask()] == [200, 429]
    desk.clock.mono += 10_000_000_000
    assert await ask() == 200
    assert desk.verifier.asked == 2


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"", 200, None),
        (b"{}", 200, None),
        (b"{", 422, "no JSON"),
        (b"[]", 422, "object"),
        (b"\xff", 422, "no JSON"),
        (b'{"force": true}', 422, "/force"),
        (b"x" * 20_000, 413, None),
    ],
)
async def test_a_body_is_checked(
    desk: Desk, session: ClientSession, body: bytes, status: int, detail: str | None
) -> None:
    async with session.post(desk.url + VERIFY, headers=BEARER, data=body) as response:
        answer = json.loads(await response.read())
        assert response.status == status
    if detail is not None:
        assert answer["type"] == "/problems/validation"
        assert detail in json.dumps(answer["errors"])
    if status != 200:
        assert desk.verifier.asked == 0


async def test_a_body_that_never_ends_is_not_waited_for(
    desk: Desk, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "ARRIVAL", 0.05)
    headers = BEARER | {"Content-Length": "10"}
    async with session.post(desk.url + VERIFY, headers=headers, data=_drip(), compress=False) as response:
        assert response.status == 408


async def _drip() -> AsyncIterator[bytes]:
    yield b"{"
    await asyncio.sleep(2)
