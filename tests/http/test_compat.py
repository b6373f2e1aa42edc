"""The original banner, fetch by fetch, against our /compat paths."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import ClientSession

from pictures import ADMIN, Desk, all_well, asks_for_a_login, lost, serving, weekend

ORIGIN = "http://localhost:3000"


class OriginalBanner:
    """What the original's page does every 10 s, with its own carelessness."""

    def __init__(self, session: ClientSession, base: str) -> None:
        self._session = session
        self._base = base
        self.shown: dict[str, Any] | None = None

    async def poll(self) -> None:
        async with self._session.get(f"{self._base}/api/system/health", headers={"Origin": ORIGIN}) as response:
            assert response.headers["Access-Control-Allow-Origin"] == ORIGIN, "the browser would refuse the answer"
            if response.ok:
                self.shown = await response.json()

    def lines(self) -> list[str]:
        """Renders without a null check, as the original does: a missing or null field raises."""
        assert self.shown is not None, "the banner is blank"
        health = self.shown
        market, auth, feed = health["market"], health["auth"], health["feed"]
        if health["priority_status"] == "AUTH_REQUIRED":
            return [health["priority_message"], f"<a href='{self._base}/api/auth/login'>"]
        age = feed["last_tick_seconds_ago"]
        return [
            f"{market['icon']} {market['title']}: {market['description']} {market['phase'].lower()}",
            f"trading {bool(market['is_trading_hours'])}, token {auth['state'].upper()} {auth['is_valid']}",
            "no tick yet" if age is None else f"{age:.0f} s ago",
            f"{feed['state'].upper()} {feed['is_healthy']} quality {feed['connection_quality']:.0f}%",
            "" if auth["token_age_hours"] is None else f"{auth['token_age_hours']:.1f} h",
        ]


async def test_the_original_banner_shows_the_login_exactly_when_it_is_needed(session: ClientSession) -> None:
    async with serving(all_well(), cors_origins=[ORIGIN]) as desk:
        banner = OriginalBanner(session, f"{desk.url}/compat")
        await banner.poll()
        assert banner.lines()[0] == "🟢 Market Live: Active trading until 15:30 live"
        assert banner.lines()[3] == "CONNECTED True quality 100%"
        desk.reports.show(asks_for_a_login())
        await banner.poll()
        message, link = banner.lines()
        assert message == "Login required"
        async with session.get(link.split("'")[1], allow_redirects=False) as response:
            assert response.status == 302
            assert response.headers["Location"].startswith("https://broker.example/")
        desk.reports.show(lost())
        await banner.poll()
        assert banner.lines()[3] == "DISCONNECTED False quality 0%"
        desk.reports.show(weekend())
        await banner.poll()
        assert banner.lines()[1].startswith("trading False")


async def test_on_our_own_path_that_banner_would_go_on_showing_the_past(session: ClientSession) -> None:
    async with serving(all_well(), cors_origins=[ORIGIN]) as desk:
        banner = OriginalBanner(session, desk.url)
        await banner.poll()
        desk.reports.show(asks_for_a_login())
        await banner.poll()
        assert "Market Live" in banner.lines()[0]


async def test_a_client_whose_base_url_is_fixed_is_served_by_a_setting(session: ClientSession) -> None:
    async with serving(asks_for_a_login(), cors_origins=[ORIGIN], fail_code=200) as desk:
        banner = OriginalBanner(session, desk.url)
        await banner.poll()
        assert banner.lines()[0] == "Login required"


@pytest.mark.parametrize("name", ["", "/market", "/auth", "/feed", "/summary"])
async def test_compat_answers_200_with_the_same_body(desk: Desk, session: ClientSession, name: str) -> None:
    desk.reports.show(asks_for_a_login())
    path = f"/api/system/health{name}"
    async with session.get(f"{desk.url}{path}") as ours, session.get(f"{desk.url}/compat{path}") as theirs:
        assert theirs.status == 200
        assert theirs.content_type == "application/json"
        assert "X-Admin-Key" in theirs.headers["Vary"]
        assert await theirs.read() == await ours.read()


async def test_the_admin_key_is_understood_under_compat_only(desk: Desk, session: ClientSession) -> None:
    key = {"X-Admin-Key": ADMIN}
    async with session.get(f"{desk.url}/compat/api/system/health/auth", headers=key) as response:
        assert json.loads(await response.read())["has_token"] is True
    async with session.get(f"{desk.url}/api/system/health/auth", headers=key) as response:
        assert json.loads(await response.read())["has_token"] is None


@pytest.mark.parametrize(
    ("headers", "status"), [({}, 401), ({"X-Admin-Key": "wrong"}, 403), ({"X-Admin-Key": ADMIN}, 200)]
)
async def test_verify_under_compat_wants_the_admin_key(
    desk: Desk, session: ClientSession, headers: dict[str, str], status: int
) -> None:
    async with session.post(f"{desk.url}/compat/api/system/health/auth/verify", headers=headers) as response:
        assert response.status == status
        body = json.loads(await response.read())
    if status == 200:
        assert (body["is_valid"], body["error"], body["state"]) == (True, None, "valid")
    assert desk.verifier.asked == (status == 200)
