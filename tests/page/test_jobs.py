"""The panel of the desk's jobs, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, expect

from jobs_shown import ASHA, Jobs, a_job, serving_jobs
from pictures import Desk
from tradewarden.machines.run import Outcome, Run

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOWN = "() => document.querySelector('#jobs').innerText"


async def open_page(page: Page, desk: Desk) -> None:
    await page.goto(desk.url)
    await page.wait_for_selector("[data-link=live]")


def begun(jobs: Jobs, job: str) -> Run:
    run = jobs.run_once(job, "asha", by="asha")
    assert isinstance(run, Run)
    jobs.begin(run.id)
    return run


async def test_jobs_are_shown_and_followed_in_the_words_that_the_server_wrote(
    context: BrowserContext, page: Page, complaints: list[str], tmp_path: Path
) -> None:
    await context.set_extra_http_headers(ASHA)
    async with serving_jobs(tmp_path) as (desk, jobs):
        await open_page(page, desk)
        rows = page.locator("#job-list li")
        await expect(rows.locator(".name")).to_have_text(["buy_orders · asha", "sell_monitor · asha"])
        await expect(rows.nth(0)).to_have_text("buy_orders · asha ○ Never ran next 16:05 ")
        await expect(rows.nth(1).locator(".why")).to_have_text("not today: it is a holiday")
        run = begun(jobs, "buy_orders")
        await expect(rows.nth(0).locator(".word")).to_have_text("Running")
        await expect(page.locator("#jobs-tally")).to_have_text("2 jobs, 1 running; next: buy_orders at 16:05")
        jobs.end(run.id, Outcome.FAILED, reason="ended with code 1")
        await expect(rows.nth(0).locator(".word")).to_have_text("Failed")
        jobs.tell(jobs.reports_of("asha")[0])
        await expect(rows.nth(0)).to_have_attribute("data-status", "warn")
        by_script = await page.evaluate(SHOWN)
        await page.route("**/*.js", lambda route: route.abort())
        await page.goto(desk.url)
        assert await page.evaluate(SHOWN) == by_script
    assert [line for line in complaints if "Failed to load" not in line and "ERR_" not in line] == []


async def test_nothing_scrolls_sideways(context: BrowserContext, page: Page, tmp_path: Path) -> None:
    await context.set_extra_http_headers(ASHA)
    long = a_job("a-name-as-long-as-names-may-be-" + "x" * 33, problem="says_without_a_blank_" * 12)
    async with serving_jobs(tmp_path, [long, a_job()]) as (desk, _):
        await open_page(page, desk)
        for width in (360, 1280):
            await page.set_viewport_size({"width": width, "height": 800})
            assert await page.evaluate("() => document.documentElement.scrollWidth") == width
