"""Signing in and out, as people do it and as others would like to."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from itertools import product
from pathlib import Path

import aiohttp
import pytest

from staff import PASSWORDS, Staffed, staffed, told
from tradewarden.http import guesses
from tradewarden.orchestrator import passwords


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hash that costs a tenth of a second is tried in test_passwords."""
    monkeypatch.setattr(passwords, "COST", 4)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Staffed]:
    async with staffed(tmp_path) as running:
        yield running


def credentials(name: str, password: str | None = None) -> dict[str, str]:
    return {"name": name, "password": PASSWORDS[name] if password is None else password}


# Who asks


async def test_nobody_is_told_to_be_nobody(desk: Staffed) -> None:
    status, body = await told(await desk.browser(), "GET", "/api/session")
    assert (status, body["name"], body["role"], body["csrf"]) == (200, None, None, None)


async def test_who_signs_in_is_known_by_a_cookie_that_scripts_and_other_sites_do_not_get(desk: Staffed) -> None:
    browser = await desk.browser()
    async with browser.post("/api/session", json=credentials("asha")) as answer:
        assert answer.status == 201
        cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "Path=/", "SameSite=Strict"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    _, body = await told(browser, "GET", "/api/session")
    assert (body["name"], body["role"], body["mustChange"]) == ("asha", "trader", False)


async def test_behind_https_the_cookie_belongs_to_this_host_alone(tmp_path: Path) -> None:
    async with staffed(tmp_path, ["asha"], public_url="https://desk.example") as desk:
        browser = await desk.browser()
        async with browser.post("/api/session", json=credentials("asha")) as answer:
            cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-tradewarden=")
    assert "Secure" in cookie
    assert "Domain" not in cookie


async def test_the_ledger_holds_neither_cookies_nor_passwords_nor_tokens(desk: Staffed) -> None:
    browser = await desk.signed_in("asha")
    _, made = await told(browser, "POST", "/api/tokens", json={"name": "x", "scopes": ["read"]})
    cookie = desk.cookie(browser)
    folder = desk.members._file.path.parent
    kept = b"".join(file.read_bytes() for file in folder.iterdir())
    for secret in (cookie, PASSWORDS["asha"], made["token"]):
        assert secret.encode() not in kept


# Wrong ones


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("asha", "wrong"),
        ("nobody", PASSWORDS["asha"]),
        ("asha", "x\0y"),
        ("ASHA", PASSWORDS["asha"]),
        ("asha", "\u0000" * 40),
    ],
)
async def test_a_wrong_name_and_a_wrong_password_are_told_alike(desk: Staffed, name: str, password: str) -> None:
    status, body = await told(await desk.browser(), "POST", "/api/session", json=credentials(name, password))
    assert (status, body["type"]) == (401, "/problems/wrong-password")
    assert set(body) == {"type", "title", "status", "instance", "detail"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "asha"}, 422),
        ({"name": ["asha"], "password": "x"}, 422),
        ({"name": "asha", "password": None}, 422),
        ({"name": "asha", "password": "x" * 513}, 422),
        ({"name": "asha", "password": "x" * 20_000}, 413),
        ({"name": "asha", "password": "x", "role": "admin"}, 422),
        ([], 422),
    ],
)
async def test_what_is_no_name_and_password_is_said_without_repeating_it(
    desk: Staffed, body: object, status: int
) -> None:
    async with (await desk.browser()).post("/api/session", json=body) as answer:
        assert answer.status == status
        assert "xx" not in await answer.text()


async def test_letters_that_look_the_same_are_the_same_password(desk: Staffed) -> None:
    desk.members.people.own("asha", await desk.members.passwords.sealed("café umbrella violet"))
    composed = credentials("asha", "cafe\u0301 umbrella violet")
    status, _ = await told(await desk.browser(), "POST", "/api/session", json=composed)
    assert status == 201


async def test_one_address_may_try_twenty_times_a_minute(desk: Staffed) -> None:
    browser = await desk.browser()
    seen = [(await told(browser, "POST", "/api/session", json=credentials(f"n{i}", "x")))[0] for i in range(22)]
    assert seen == [401] * 20 + [429] * 2
    async with browser.post("/api/session", json=credentials("asha")) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (429, "3")
    desk.clock.goes_on(seconds=3)
    assert (await told(browser, "POST", "/api/session", json=credentials("asha")))[0] == 201


@pytest.mark.parametrize("name", ["asha", "nobody"])
async def test_one_person_is_guessed_at_ten_times_in_five_minutes_from_all_addresses_together(
    desk: Staffed, name: str
) -> None:
    seen = []
    for each in range(12):
        browser = await desk.browser(**{"X-Forwarded-For": f"203.0.113.{each}"})
        seen.append((await told(browser, "POST", "/api/session", json=credentials(name, "wrong")))[0])
    assert seen == [401] * 10 + [429] * 2


async def test_who_is_signed_in_from_an_address_is_not_locked_out_there_by_strangers(desk: Staffed) -> None:
    own = {"X-Forwarded-For": "198.51.100.7"}
    at_home = await desk.browser(**own)
    assert (await told(at_home, "POST", "/api/session", json=credentials("asha")))[0] == 201
    for each in range(12):
        browser = await desk.browser(**{"X-Forwarded-For": f"203.0.113.{each}"})
        await told(browser, "POST", "/api/session", json=credentials("asha", "wrong"))
    again = await desk.browser(**own)
    assert (await told(again, "POST", "/api/session", json=credentials("asha")))[0] == 201


async def test_a_made_up_address_in_front_of_the_proxys_buys_no_further_tries(desk: Staffed) -> None:
    seen = set()
    for each in range(21):
        browser = await desk.browser(**{"X-Forwarded-For": f"1.2.3.{each}, 203.0.113.9"})
        seen.add((await told(browser, "POST", "/api/session", json=credentials(f"n{each}", "x")))[0])
    assert seen == {401, 429}


async def test_all_addresses_together_take_a_processor_for_a_tenth_of_the_time_at_most(desk: Staffed) -> None:
    count, _ = guesses.IN_ALL
    seen = []
    for each in range(count + 2):
        browser = await desk.browser(**{"X-Forwarded-For": f"203.0.113.{each}"})
        seen.append((await told(browser, "POST", "/api/session", json=credentials(f"n{each}", "x")))[0])
    assert seen == [401] * count + [429] * 2


# Other sites


async def test_another_site_can_do_nothing_through_somebodys_browser(desk: Staffed) -> None:
    browser = await desk.signed_in("asha")
    tells = [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ]
    paths = ["/api/session", "/sign-out", "/api/tokens", "/api/session/password"]
    kinds = ["application/x-www-form-urlencoded", "text/plain", "application/json"]
    for tell, path, kind in product(tells, paths, kinds):
        status, body = await told(browser, "POST", path, data="{}", headers={**tell, "Content-Type": kind})
        assert (status, body["type"]) == (403, "/problems/csrf"), (tell, path, kind)
    assert (await told(browser, "GET", "/api/session"))[1]["name"] == "asha"


async def test_a_cookie_alone_changes_nothing_whatever_the_body_is(desk: Staffed) -> None:
    browser = await desk.signed_in("asha")
    browser.headers.popall("X-CSRF-Token")
    bodies = [
        ("application/json", '{"name": "x", "scopes": ["admin"]}'),
        ("text/plain", '{"name": "x", "scopes": ["admin"]}'),
        ("application/x-www-form-urlencoded", "name=x&scopes=admin&csrf=wrong"),
        ("application/x-www-form-urlencoded", "name=x&scopes=admin"),
    ]
    for token, (kind, body) in product([None, "", "wrong", "\u00e9"], bodies):
        headers = {"Content-Type": kind} | ({} if token is None else {"X-CSRF-Token": token})
        status, problem = await told(browser, "POST", "/api/tokens", data=body, headers=headers)
        assert (status, problem["type"]) == (403, "/problems/csrf"), (token, kind)
    assert desk.members.tokens.of() == []


async def test_the_token_of_another_session_does_not_help(desk: Staffed) -> None:
    asha, ravi = await desk.signed_in("asha"), await desk.signed_in("ravi")
    headers = {"X-CSRF-Token": ravi.headers["X-CSRF-Token"]}
    assert (await told(asha, "DELETE", "/api/session", headers=headers))[0] == 403


async def test_a_site_that_points_its_name_at_this_machine_gets_neither_cookie_nor_trust(desk: Staffed) -> None:
    asha = await desk.signed_in("asha")
    rebound = await desk.browser(Host="evil.example:8700", Origin="http://evil.example:8700")
    assert (await told(rebound, "GET", "/api/services"))[0] in {401, 404}
    assert (await told(rebound, "GET", "/metrics", headers={"Accept": "application/json"}))[0] == 401
    assert "Access-Control-Allow-Origin" not in (await asha.get("/api/session")).headers


# Fixation, stealing, ending


async def test_signing_in_gives_a_new_cookie_and_ends_the_old_one(desk: Staffed) -> None:
    browser = await desk.signed_in("asha")
    old = desk.cookie(browser)
    assert (await told(browser, "POST", "/api/session", json=credentials("ravi")))[0] == 201
    assert desk.cookie(browser) != old
    thief = await desk.browser(Cookie=f"tradewarden={old}")
    assert (await told(thief, "GET", "/api/session"))[1]["name"] is None


async def test_a_cookie_that_was_made_up_is_nobodys_before_and_after_a_sign_in(desk: Staffed) -> None:
    fixed = await desk.browser(Cookie="tradewarden=chosen-by-an-attacker")
    assert (await told(fixed, "POST", "/api/session", json=credentials("asha")))[0] == 201
    attacker = await desk.browser(Cookie="tradewarden=chosen-by-an-attacker")
    assert (await told(attacker, "GET", "/api/session"))[1]["name"] is None


async def test_signing_out_ends_the_session_here_and_the_cookie_there(desk: Staffed) -> None:
    browser = await desk.signed_in("asha")
    cookie = desk.cookie(browser)
    assert (await told(browser, "DELETE", "/api/session"))[0] == 200
    stolen = await desk.browser(Cookie=f"tradewarden={cookie}")
    assert (await told(stolen, "GET", "/api/session"))[1]["name"] is None
    assert (await told(stolen, "GET", "/api/tokens"))[0] == 401


@pytest.mark.parametrize(("hours", "name"), [(11.9, "asha"), (12.1, None)])
async def test_a_session_that_is_not_used_for_twelve_hours_ends(desk: Staffed, hours: float, name: str | None) -> None:
    browser = await desk.signed_in("asha")
    desk.clock.goes_on(hours=hours)
    assert (await told(browser, "GET", "/api/session"))[1]["name"] == name


async def test_a_session_ends_after_seven_days_however_much_it_is_used(desk: Staffed) -> None:
    browser = await desk.signed_in("asha")
    for _ in range(16):
        desk.clock.goes_on(hours=10.4)
        assert (await told(browser, "GET", "/api/session"))[1]["name"] == "asha"
    desk.clock.goes_on(hours=3)
    assert (await told(browser, "GET", "/api/session"))[1]["name"] is None


async def test_a_new_password_ends_every_session_but_that_of_whoever_chose_it(desk: Staffed) -> None:
    browser, stolen = await desk.signed_in("asha"), await desk.signed_in("asha")
    old, csrf = desk.cookie(browser), browser.headers["X-CSRF-Token"]
    words = {"old": PASSWORDS["asha"], "new": "green kettle on the sill"}
    status, body = await told(browser, "POST", "/api/session/password", json=words)
    assert status == 201
    assert (desk.cookie(browser) != old, body["csrf"] != csrf) == (True, True)
    assert (await told(browser, "GET", "/api/session"))[1]["name"] == "asha"
    assert (await told(stolen, "GET", "/api/session"))[1]["name"] is None
    assert (await told(await desk.browser(), "POST", "/api/session", json=credentials("asha")))[0] == 401


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ("wrong", "green kettle on the sill", 401),
        (PASSWORDS["asha"], "short", 422),
        (PASSWORDS["asha"], PASSWORDS["asha"], 422),
        (PASSWORDS["asha"], "tab\tin the middle of it", 422),
        (PASSWORDS["asha"], "ashaasha12345678", 422),
    ],
)
async def test_a_new_password_needs_the_old_one_and_must_be_a_good_one(
    desk: Staffed, old: str, new: str, status: int
) -> None:
    browser = await desk.signed_in("asha")
    assert (await told(browser, "POST", "/api/session/password", json={"old": old, "new": new}))[0] == status
    assert (await told(browser, "GET", "/api/session"))[1]["name"] == "asha"


# One-time passwords


async def test_a_one_time_password_opens_nothing_but_the_choice_of_an_own_one(desk: Staffed) -> None:
    password = desk.members.people.renew("boss")
    browser = await desk.browser()
    status, body = await told(browser, "POST", "/api/session", json=credentials("boss", password))
    assert (status, body["mustChange"]) == (201, True)
    browser.headers["X-CSRF-Token"] = body["csrf"]
    for method, path in (("GET", "/api/users"), ("POST", "/api/tokens"), ("GET", "/api/audit")):
        status, problem = await told(browser, method, path)
        assert (status, problem["type"]) == (403, "/problems/password-change"), path
    assert "AB1234" not in await (await browser.get("/api/system/health")).text()
    words = {"old": password, "new": "green kettle on the sill"}
    status, body = await told(browser, "POST", "/api/session/password", json=words)
    assert (status, body["mustChange"]) == (201, False)
    assert (await told(browser, "GET", "/api/users"))[0] == 200


async def test_a_one_time_password_does_not_work_for_ever(desk: Staffed) -> None:
    password = desk.members.people.renew("asha")
    desk.clock.goes_on(days=3, seconds=1)
    assert (await told(await desk.browser(), "POST", "/api/session", json=credentials("asha", password)))[0] == 401


# Somebody who may no longer


async def test_who_is_disabled_is_out_at_once_also_of_a_stream(desk: Staffed) -> None:
    asha, boss = await desk.signed_in("asha"), await desk.signed_in("boss")
    async with asha.get("/api/system/health/events") as stream:
        await stream.content.readuntil(b"event: health")
        assert (await told(boss, "PATCH", "/api/users/asha", json={"enabled": False}))[0] == 200
        async with asyncio.timeout(2):
            await stream.content.read()  # to its end
    assert (await told(asha, "GET", "/api/session"))[1]["name"] is None
    assert (await told(asha, "POST", "/api/session", json=credentials("asha")))[0] == 401


async def test_signing_out_ends_the_streams_of_that_session_and_no_others(desk: Staffed) -> None:
    asha, ravi = await desk.signed_in("asha"), await desk.signed_in("ravi")
    async with asha.get("/api/system/health/events") as ended, ravi.get("/api/system/health/events") as other:
        await ended.content.readuntil(b"event: health")
        await other.content.readuntil(b"event: health")
        await told(asha, "DELETE", "/api/session")
        async with asyncio.timeout(2):
            await ended.content.read()
        desk.desk.reports.show(desk.desk.reports.picture)
        async with asyncio.timeout(2):
            await other.content.readuntil(b"event: health")


async def test_another_role_signs_out(desk: Staffed) -> None:
    vera, boss = await desk.signed_in("vera"), await desk.signed_in("boss")
    assert (await told(boss, "PATCH", "/api/users/vera", json={"role": "trader"}))[0] == 200
    assert (await told(vera, "GET", "/api/session"))[1]["name"] is None


async def test_sessions_outlive_the_daemon(tmp_path: Path) -> None:
    async with staffed(tmp_path) as first:
        browser = await first.signed_in("asha")
        cookie = first.cookie(browser)
    async with staffed(tmp_path, people=()) as second:
        again = await second.browser(Cookie=f"tradewarden={cookie}")
        assert (await told(again, "GET", "/api/session"))[1]["name"] == "asha"


# The page


async def form(browser: aiohttp.ClientSession, path: str, **fields: str) -> tuple[int, str, str]:
    """A form as a browser without script sends it: the status, where it leads, the page."""
    async with browser.post(path, data=fields, allow_redirects=False, headers={"Accept": "text/html"}) as answer:
        return answer.status, answer.headers.get("Location", ""), await answer.text()


def hidden(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    return found[1]


async def test_the_page_signs_in_changes_the_password_and_signs_out_without_script(desk: Staffed) -> None:
    password = desk.members.people.renew("asha")
    browser = await desk.browser()
    async with browser.get("/sign-in") as answer:
        assert "form-action 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "same-origin"
    assert (await form(browser, "/api/session", name="asha", password=password))[:2] == (303, "/sign-in")
    page = await (await browser.get("/sign-in")).text()
    assert "Choose a password" in page
    fields = {"csrf": hidden(page), "old": password, "new": "green kettle on the sill"}
    assert (await form(browser, "/api/session/password", **fields))[:2] == (303, "/")
    page = await (await browser.get("/sign-in")).text()
    assert "Signed in as asha" in page
    assert (await form(browser, "/sign-out", csrf="wrong"))[0] == 403
    assert (await form(browser, "/sign-out", csrf=hidden(page)))[:2] == (303, "/sign-in")
    assert "asha" not in await (await browser.get("/sign-in")).text()


async def test_the_desks_page_leads_there_and_says_who_is_signed_in(desk: Staffed) -> None:
    assert '<a href="/sign-in">Sign in</a>' in await (await (await desk.browser()).get("/")).text()
    assert '<a href="/sign-in">asha: sign out</a>' in await (await (await desk.signed_in("asha")).get("/")).text()


async def test_the_page_says_what_went_wrong_and_never_what_was_typed(desk: Staffed) -> None:
    browser = await desk.browser()
    status, place, _ = await form(browser, "/api/session", name="<b>x", password="<i>secret")
    assert (status, place) == (303, "/sign-in?problem=wrong-password"), "whoever loads it anew sends nothing anew"
    page = await (await browser.get(place)).text()
    assert "Name or password is wrong" in page
    assert "secret" not in page
    assert "<b>" not in page
    assert not any(row.allowed for row in desk.members.audit.entries()), "the record has it as what it was"
    _, place, _ = await form(browser, "/api/session", name="asha")
    assert "A name and a password are expected" in await (await browser.get(place)).text()


async def test_a_page_that_is_asked_too_often_says_for_how_long_and_strangers_words_are_not_shown(
    desk: Staffed,
) -> None:
    browser = await desk.browser()
    for _ in range(30):
        _, place, _ = await form(browser, "/api/session", name="asha", password="wrong")
    found = re.fullmatch(r"/sign-in\?problem=rate-limited&wait=(\d+)", place)
    assert found is not None
    _, problem = await told(browser, "POST", "/api/session", json=credentials("asha"))
    assert problem["detail"].startswith("too often for now: try again in ")
    assert f"try again in {found[1]} s" in await (await browser.get(place)).text()
    for strange in ("?problem=<b>", "?problem=rate-limited&wait=<b>", "?problem=rate-limited&wait=99999999999", "?x=y"):
        async with browser.get(f"/sign-in{strange}") as answer:
            assert (answer.status, "<h1>Sign in</h1>" in await answer.text()) == (200, True)


async def test_a_new_password_is_typed_twice_under_rules_that_are_told(desk: Staffed) -> None:
    browser = await desk.signed_in("asha")
    page = await (await browser.get("/sign-in")).text()
    assert "12 characters or more, at least 5 of them different" in page
    fields = {"csrf": hidden(page), "old": PASSWORDS["asha"], "new": "green kettle on the sill"}
    status, _, page = await form(browser, "/api/session/password", **fields, again="green kettle on the sil")
    assert (status, "The two new passwords are not the same" in page, "This does not do" in page) == (422, True, True)
    assert (await form(browser, "/api/session/password", **fields, again=fields["new"]))[:2] == (303, "/")


async def test_a_program_that_sends_a_form_is_told_in_json_what_is_wrong(desk: Staffed) -> None:
    status, body = await told(await desk.browser(), "POST", "/api/session", data={"name": "asha", "password": "x"})
    assert (status, body["type"]) == (401, "/problems/wrong-password")


# The record


async def test_signing_in_and_its_refusals_are_on_record_without_what_was_typed(desk: Staffed) -> None:
    browser = await desk.browser()
    await told(browser, "POST", "/api/session", json=credentials("asha", "a wrong one"))
    await told(browser, "POST", "/api/session", json=credentials("my secret password", "asha"))
    await told(browser, "POST", "/api/session", json=credentials("asha"))
    rows = [(row.by, row.target, row.allowed) for row in desk.members.audit.entries()]
    assert sorted(rows) == [
        ("asha", "asha", True),
        ("nobody from 127.0.0.1", "a name that nobody has", False),
        ("nobody from 127.0.0.1", "asha", False),
    ]


async def test_the_log_has_no_password_cookie_or_token(desk: Staffed, capfd: pytest.CaptureFixture[str]) -> None:
    browser = await desk.signed_in("asha")
    _, made = await told(browser, "POST", "/api/tokens", json={"name": "x", "scopes": ["read"]})
    await told(browser, "POST", "/api/session", json=credentials("my secret password", "asha"))
    out = "".join(capfd.readouterr())
    assert "people.signed_in" in out
    for secret in (PASSWORDS["asha"], desk.cookie(browser), made["token"], "my secret password"):
        assert secret not in out
