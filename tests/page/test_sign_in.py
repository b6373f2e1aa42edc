"""The page on which people sign in, in a real browser: only it shows whether our own forms pass our own gate."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser

from staff import PASSWORDS, staffed
from tradewarden.orchestrator import passwords

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_somebody_signs_in_changes_the_password_and_signs_out_without_script(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "COST", 4)
    async with staffed(tmp_path, ["asha"]) as desk:
        visit = await browser.new_context(java_script_enabled=False)
        page = await visit.new_page()
        await page.goto(f"{desk.url}/sign-in")
        for password, title in (("wrong", "Name or password is wrong"), (PASSWORDS["asha"], None)):
            await page.fill("[name=name]", "asha")
            await page.fill("[name=password]", password)
            await page.click("text=Sign in >> nth=-1")
            if title is not None:
                assert await page.locator("h1").inner_text() == title
        await page.wait_for_url(f"{desk.url}/")
        await page.click("text=asha: sign out")
        await page.fill("[name=old]", PASSWORDS["asha"])
        await page.fill("[name=new]", "green kettle on the sill")
        await page.fill("[name=again]", "green kettle on the sill")
        await page.click("text=Change the password")
        await page.wait_for_url(f"{desk.url}/")
        await page.goto(f"{desk.url}/sign-in")
        await page.click("button:has-text('Sign out')")
        assert await page.locator("h1").inner_text() == "Sign in"
        assert await visit.cookies() == []
        await visit.close()


async def test_a_form_of_another_site_does_nothing_with_somebodys_cookie(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "COST", 4)
    async with staffed(tmp_path / "own", ["asha"]) as desk, staffed(tmp_path / "other", ["asha"]) as other:
        visit = await browser.new_context()
        page = await visit.new_page()
        await page.goto(f"{desk.url}/sign-in")
        await page.fill("[name=name]", "asha")
        await page.fill("[name=password]", PASSWORDS["asha"])
        await page.click("button")
        await page.wait_for_url(f"{desk.url}/")
        evil = f'<form method="post" action="{desk.url}/sign-out"><button>win</button></form>'
        await page.route(f"{other.url}/evil", lambda route: route.fulfill(body=evil, content_type="text/html"))
        await page.goto(f"{other.url}/evil")  # the same host on another port: the cookie goes along
        await page.click("button")
        assert "The request comes from another site" in await page.content()
        await page.goto(f"{desk.url}/sign-in")
        assert await page.locator("h1").inner_text() == "Signed in as asha"
        await visit.close()
