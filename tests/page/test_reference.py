"""The page of the API in a real browser: wide and narrow, light and dark, with script and without."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from pictures import Desk

pytestmark = pytest.mark.asyncio(loop_scope="module")

WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
PAPER = "getComputedStyle(document.documentElement).backgroundColor"


async def test_nothing_is_wider_than_a_phone_and_every_link_leads_somewhere(browser: Browser, desk: Desk) -> None:
    papers, complaints = set(), []
    for scheme in ("light", "dark"):
        context = await browser.new_context(viewport={"width": 375, "height": 800}, color_scheme=scheme)
        page = await context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        await page.goto(f"{desk.url}/docs")
        await page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        assert await page.evaluate(WIDER) <= 0
        papers.add(await page.evaluate(PAPER))
        await context.close()
    assert len(papers) == 2
    assert complaints == []


async def test_it_is_read_without_script(browser: Browser, desk: Desk) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    page.set_default_timeout(10_000)
    await page.goto(f"{desk.url}/docs")
    await page.get_by_text("Jobs", exact=False).first.click()
    link = page.get_by_role("link", name="POST /api/runs", exact=True)
    await link.click()
    shown = page.locator("#post_api_runs")
    assert "an API token needs the scope run" in await shown.inner_text()
    assert "curl" in await shown.inner_text()
    await shown.get_by_role("link", name="RunTold").click()
    assert page.url.endswith("#model-RunTold")
    await context.close()
