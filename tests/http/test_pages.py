"""The pages as the server writes them: all of it must work without script."""

from __future__ import annotations

import re

import pytest
from aiohttp import ClientSession

from pictures import REQUIRED, Desk, a_market, a_picture, a_segment, all_well, an_auth, asks_for_a_login, weekend
from tradewarden.http.explained import CODES


async def page(session: ClientSession, desk: Desk, path: str = "/") -> str:
    async with session.get(desk.url + path) as response:
        assert (response.status, response.content_type) == (200, "text/html")
        return await response.text()


async def test_the_banner_is_written_into_the_page_with_the_login_as_a_link(desk: Desk, session: ClientSession) -> None:
    desk.reports.show(asks_for_a_login())
    text = await page(session, desk)
    assert "<title>✕ Login required – tradewarden</title>" in text  # noqa: RUF001 - a dash
    assert '<h1 id="headline">Login required</h1>' in text
    assert '<a class="login" id="login" href="/login">' in text
    assert "/static/icon-critical.svg" in text
    assert "since 07:31" in text
    assert '<noscript><meta http-equiv="refresh"' in text
    assert "<form" not in text


async def test_without_need_the_login_is_not_offered(desk: Desk, session: ClientSession) -> None:
    assert '<a class="login" id="login" href="/login" hidden>' in await page(session, desk)


async def test_each_machine_has_a_sign_and_a_word(desk: Desk, session: ClientSession) -> None:
    desk.reports.show(asks_for_a_login())
    text = await page(session, desk)
    chips = re.findall(
        r'class="chip" id="(\w+)" data-status="(\w+)".*?aria-hidden="true">(.)</span> <span class="word">([^<]+)', text
    )
    assert chips == [
        ("auth", "fail", "✕", "Login required"),
        ("feed", "warn", "!", "Waits for login"),
        ("market", "pass", "●", "Live"),
    ]


async def test_segments_are_listed_when_there_are_several(desk: Desk, session: ClientSession) -> None:
    assert re.findall(r'class="name">(\w+)<', await page(session, desk)) == ["NSE_EQ", "NFO"]
    desk.reports.show(a_picture(market=a_market(a_segment("NFO"))))
    assert 'id="segments" aria-label="Market segments" hidden' in await page(session, desk)


async def test_a_simulated_clock_is_owned_up_to_in_one_line(desk: Desk, session: ClientSession) -> None:
    assert "simulated" not in await page(session, desk)
    desk.reports.show(all_well(simulated=True))
    assert "The clock is simulated: this desk lives on Monday 5 January 2026, from 08:00." in await page(session, desk)


async def test_a_daemon_without_heartbeat_says_so_on_its_page(desk: Desk, session: ClientSession) -> None:
    desk.reports.age = 8
    assert "tradewarden does not answer itself" in await page(session, desk)


async def test_nothing_private_stands_on_the_page(desk: Desk, session: ClientSession) -> None:
    for picture in (all_well(), weekend(), a_picture(an_auth(**REQUIRED | {"user_id": "AB1234"}))):
        desk.reports.show(picture)
        assert "AB1234" not in await page(session, desk)


async def test_a_holidays_name_cannot_write_into_the_page(desk: Desk, session: ClientSession) -> None:
    segment = a_segment(state="closed", reason="<b>Holi</b> & Co", expected="none")
    desk.reports.show(a_picture(feed=weekend().feed, market=a_market(segment, wanted=False)))
    text = await page(session, desk)
    assert "Market holiday: &lt;b&gt;Holi&lt;/b&gt; &amp; Co" in text


async def test_every_headline_code_is_explained(desk: Desk, session: ClientSession) -> None:
    text = await page(session, desk, "/docs/health")
    for code in CODES:
        assert f'id="{code}"' in text


@pytest.mark.parametrize(
    ("name", "kind"),
    [("page.css", "text/css"), ("page.js", "text/javascript"), ("icon-ok.svg", "image/svg+xml")],
)
async def test_the_pages_files_are_served_and_revalidated(
    desk: Desk, session: ClientSession, name: str, kind: str
) -> None:
    url = f"{desk.url}/static/{name}"
    async with session.get(url) as response:
        assert (response.status, response.content_type) == (200, kind)
        tag = response.headers["ETag"]
    async with session.get(url, headers={"If-None-Match": tag}) as response:
        assert response.status == 304


async def test_templates_are_not_served_raw(desk: Desk, session: ClientSession) -> None:
    async with session.get(f"{desk.url}/static/desk.html") as response:
        assert response.status == 404


async def test_no_page_uses_an_inline_script_or_style(desk: Desk, session: ClientSession) -> None:
    for path in ("/", "/docs/health", "/auth/callback?state=x"):
        text = await page(session, desk, path)
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", text), path
        assert "//" not in re.sub(r"<svg.*?</svg>", "", text).replace("<!doctype html>", ""), path
