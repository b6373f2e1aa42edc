"""The panel of the desk's programs, in a real browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from pictures import Desk
from programs import DOWN, a_desk, a_service, serving_programs, three
from tradewarden.machines.service import ServiceState

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONNECTED = "[data-link=live]"
SHOWN = "() => document.querySelector('#services').innerText"


async def open_page(page: Page, desk: Desk) -> None:
    await page.goto(desk.url)
    await page.wait_for_selector(CONNECTED)


async def test_programs_are_shown_and_followed_in_the_words_that_the_server_wrote(
    page: Page, complaints: list[str], tmp_path: Path
) -> None:
    async with serving_programs(tmp_path, a_desk(a_service(**DOWN))) as (desk, programs):
        await open_page(page, desk)
        rows = page.locator("#programs li")
        await expect(rows).to_have_text(["feed ○ Stopped 41 MB · 1.5 % stopped by admin "])
        programs.show(three(reason="writer is down", phase=2))
        await expect(rows.locator(".name")).to_have_text(["feed", "writer", "viewer"])
        await expect(rows.nth(1)).to_have_attribute("data-status", "warn")
        await expect(page.locator("#services-tally")).to_have_text(
            "Degraded, phase 2 of 3: 1 of 3 up, 1 restarts soon, 1 stopped. writer is down. "
            "The machine: CPU 12 %, memory 3.1 of 8.0 GB"
        )
        programs.change("writer", state=ServiceState.UP, reason=None, restarts=1)
        await expect(rows.nth(1).locator(".lag")).to_have_text("41 MB · 1.5 % · 1 restart · 7 errors")
        by_script = await page.evaluate(SHOWN)
        await page.route("**/*.js", lambda route: route.abort())
        desk.reports.picture = replace(desk.reports.picture, desk=programs.told)
        await page.goto(desk.url)
        assert await page.evaluate(SHOWN) == by_script
    assert [line for line in complaints if "Failed to load" not in line and "ERR_" not in line] == []


async def test_nothing_scrolls_sideways(page: Page, tmp_path: Path) -> None:
    long = a_service("a-name-as-long-as-names-may-be-" + "x" * 33, says="says_without_a_blank_" * 12)
    async with serving_programs(tmp_path, a_desk(long, *three().services)) as (desk, _):
        await open_page(page, desk)
        for width in (360, 1280):
            await page.set_viewport_size({"width": width, "height": 800})
            assert await page.evaluate("() => document.documentElement.scrollWidth") == width
