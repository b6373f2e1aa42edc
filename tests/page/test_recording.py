"""The panel that tells what is recorded, in a real browser."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.async_api import Browser, Page, expect

from pictures import Desk, all_well
from stores_shown import LATE, a_sink, recording, showing
from tradewarden.machines.report import GapsReport

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONNECTED = "[data-link=live]"
SHOWN = "() => document.querySelector('#recording').innerText"


async def open_page(page: Page, desk: Desk) -> None:
    await page.goto(desk.url)
    await page.wait_for_selector(CONNECTED)


async def test_ticks_gaps_and_each_store_are_shown_and_followed(page: Page, complaints: list[str]) -> None:
    async with showing(recording(a_sink(), a_sink("redis", **LATE))) as desk:
        await open_page(page, desk)
        tally, stores = page.locator("#tally"), page.locator("#stores li")
        await expect(tally).to_have_text("1,203,344 ticks recorded since the start, none lost, 2 gaps today (74 s)")
        await expect(stores).to_have_text(["sqlite ✓ Up to date ", "redis ↻ Not reached 3 min behind"])
        await expect(stores.nth(0)).to_have_attribute("data-status", "pass")
        await expect(stores.nth(1)).to_have_attribute("data-status", "warn")
        picture = recording(a_sink(lag_seconds=31.4), gaps=GapsReport(count=0, seconds=0))
        assert picture.journal is not None
        desk.reports.show(replace(picture, journal=replace(picture.journal, lost_total=1200)))
        await expect(tally).to_have_text("1,203,344 ticks recorded since the start, 1,200 lost, no gaps today")
        await expect(stores).to_have_text(["sqlite ✓ Up to date 31 s behind"])
    assert [line for line in complaints if "Failed to load" not in line] == []


async def test_what_script_shows_is_what_the_server_wrote(page: Page) -> None:
    late = a_sink("redis", **LATE | {"lag_seconds": 7300.0})
    for picture in (recording(late), recording(a_sink(lag_seconds=2.0), gaps=GapsReport(count=1, seconds=1234.4))):
        async with showing(recording()) as desk:
            await open_page(page, desk)
            desk.reports.show(picture)
            await expect(page.locator("#stores .name")).to_have_text([sink.name for sink in picture.sinks])
            await expect(page.locator("#stores .lag")).to_have_text(
                ["2 h behind" if picture.sinks[0] is late else "2 s behind"]
            )
            by_script = await page.evaluate(SHOWN)
            await page.route("**/*.js", lambda route: route.abort())
            await page.goto(desk.url)
            assert await page.evaluate(SHOWN) == by_script
            await page.unroute_all()


async def test_a_desk_that_records_nothing_has_no_panel(page: Page) -> None:
    async with showing(all_well()) as desk:
        await open_page(page, desk)
        await expect(page.locator("#recording")).to_have_count(0)


@pytest.mark.parametrize("width", [360, 1280])
async def test_nothing_scrolls_sideways(browser: Browser, width: int) -> None:
    context = await browser.new_context(viewport={"width": width, "height": 800})
    page = await context.new_page()
    async with showing(recording(a_sink(), a_sink("redis", **LATE), a_sink("a-long-name-of-a-store"))) as desk:
        await open_page(page, desk)
        assert await page.evaluate("() => document.documentElement.scrollWidth") == width
    await context.close()
