"""The banner page in a real browser."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Route, expect

from pictures import Desk, DeskClock, MemoryReports, all_well, an_account, asks_for_a_login, lost, serving, weekend
from tradewarden.machines.report import Picture

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONNECTED = "[data-link=live]"

# Evaluated in the page: the contrast of each text with what lies behind it, by WCAG's formula.
CONTRAST = """() => {
  const channel = (c) => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const numbers = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      // The worst case of a gradient: each of its colours.
      const stops = style.backgroundImage.match(/rgb[^)]*\\)/g);
      if (stops) return stops.map(numbers);
      const color = numbers(style.backgroundColor);
      if (color.length === 3 || color[3] === 1) return [color.slice(0, 3)];
    }
    return [[255, 255, 255]];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility()) continue;
    const ink = light(numbers(getComputedStyle(element).color));
    for (const back of behind(element)) {
      const paper = light(back);
      const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
      if (ratio < 4.5) found.push(`${element.id || element.className}: ${ratio.toFixed(2)}`);
    }
  }
  return found;
}"""


async def open_page(page: Page, desk: Desk) -> None:
    await page.goto(desk.url)
    await page.wait_for_selector(CONNECTED)


async def test_the_login_button_appears_and_leaves_with_the_desks_health(
    desk: Desk, page: Page, complaints: list[str]
) -> None:
    await open_page(page, desk)
    login = page.get_by_role("link", name="Log in to Kite")
    await expect(login).to_be_hidden()
    desk.reports.show(asks_for_a_login())
    await expect(login).to_be_visible()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Login required")
    await expect(page).to_have_title("✕ Login required – tradewarden")  # noqa: RUF001 - a dash
    await expect(page.locator("#icon")).to_have_attribute("href", "/static/icon-critical.svg")
    await expect(page.locator("#act")).to_have_text("Act now")
    await expect(page.locator("#since")).to_have_text("since 07:31")
    await expect(page.locator("#auth")).to_have_attribute("data-status", "fail")
    await expect(page.locator("#feed .word")).to_have_text("Waits for login")
    desk.reports.show(all_well())
    await expect(login).to_be_hidden()
    await expect(page).to_have_title("● Market live – tradewarden")  # noqa: RUF001 - a dash
    await expect(page.locator("#feed .word")).to_have_text("Streaming")
    assert complaints == []


def two_accounts() -> Picture:
    """All well but for one of two further accounts."""
    return all_well(accounts=(an_account(), an_account("huf", state="valid", holds_token=True)))


async def test_an_account_that_needs_a_login_has_its_own_link_until_it_is_logged_in(
    desk: Desk, page: Page, complaints: list[str]
) -> None:
    await open_page(page, desk)
    accounts = page.get_by_role("list", name="Accounts")
    await expect(accounts).to_be_hidden()
    desk.reports.show(two_accounts())
    await expect(accounts.get_by_role("listitem")).to_have_text(
        [re.compile(r"kite .*Logged in"), re.compile("family .*Login required .*Log in"), re.compile("huf .*Logged in")]
    )
    await expect(accounts.get_by_role("link", name="Log in")).to_have_attribute("href", "/login?account=family")
    button = page.get_by_role("link", name="Log in to Kite")
    await expect(button).to_have_attribute("href", re.compile("/login.account=family$"))
    desk.reports.show(asks_for_a_login(accounts=two_accounts().accounts))
    await expect(button).to_have_attribute("href", re.compile("/login$"))
    desk.reports.show(all_well(accounts=(an_account(state="valid", holds_token=True),)))
    await expect(button).to_be_hidden()
    await expect(accounts.get_by_role("link")).to_have_count(0)
    assert complaints == []


async def test_what_script_shows_is_what_the_server_wrote(desk: Desk, page: Page) -> None:
    shown = "() => document.querySelector('main').innerText.replaceAll(/ · .*/g, '')"
    for picture in (all_well(), asks_for_a_login(), lost(), weekend(), two_accounts()):
        desk.reports.show(weekend() if picture.headline.code != "market.closed" else all_well())
        await open_page(page, desk)
        desk.reports.show(picture)
        await expect(page.locator("#headline")).to_have_text(re.compile("Market live|Login req|Feed rec|Market closed"))
        await page.wait_for_function(f"() => document.title.includes({_title(picture.headline.code)!r})")
        by_script = await page.evaluate(shown)
        await page.route("**/events", lambda route: route.abort())
        await page.route("**/*.js", lambda route: route.abort())
        await page.goto(desk.url)
        assert await page.evaluate(shown) == by_script
        await page.unroute_all()


def _title(code: str) -> str:
    return {
        "market.live": "Market live",
        "auth.required": "Login required",
        "auth.account": "Login required: family",
        "feed.backing_off": "Feed reconnecting",
        "market.closed": "Market closed",
    }[code]


async def test_a_change_is_on_the_screen_within_a_tenth_of_a_second(desk: Desk, page: Page) -> None:
    await open_page(page, desk)
    await page.evaluate(
        "() => { window.seen = []; new MutationObserver(() => window.seen.push(Date.now()))"
        ".observe(document.getElementById('headline'), {childList: true, characterData: true, subtree: true}); }"
    )
    waits = []
    for number in range(10):
        before = await page.evaluate("() => Date.now()")
        desk.reports.show(lost() if number % 2 else weekend())
        await page.wait_for_function(f"() => window.seen.length > {number}")
        waits.append((await page.evaluate("() => window.seen.at(-1)")) - before)
    assert sorted(waits)[5] < 100, waits


async def test_when_the_daemon_is_gone_the_page_says_so_and_comes_back_by_itself(page: Page) -> None:
    async with serving(asks_for_a_login()) as desk:
        port = desk.http.port
        await open_page(page, desk)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Not connected to the daemon")
    await expect(page.locator("html")).to_have_attribute("data-severity", "offline")
    await expect(page).to_have_title(re.compile("⚡\ufe0e Not connected"))
    await expect(page.locator("#link-text")).to_have_text(re.compile(r"offline since \d\d:\d\d, (next in \d+ s|now)"))
    await expect(page.locator("#detail")).to_have_text(re.compile(r"The state below is from \d\d:\d\d:\d\d"))
    await expect(page.get_by_role("link", name="Log in to Kite")).to_be_hidden()
    async with serving(weekend(), port=port):
        await page.get_by_role("button", name="Try now").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Market closed")
        await expect(page.locator("#link-text")).to_have_text("connected")
        await expect(page.get_by_role("button", name="Try now")).to_be_hidden()


async def test_the_time_of_an_old_state_stays_however_often_it_is_tried_again(desk: Desk, page: Page) -> None:
    await page.clock.install()
    await open_page(page, desk)
    await page.route("**/api/**", lambda route: route.abort())
    desk.http._live.close()  # every stream ends
    await page.wait_for_selector("[data-link=offline]")
    detail = page.locator("#detail")
    shown = await detail.text_content()
    for _ in range(4):
        async with page.expect_event("requestfailed", lambda request: "/events" in request.url):
            await page.clock.run_for(20_000)
        await expect(page.locator("#link-text")).to_have_text(re.compile("offline since"))
    assert await detail.text_content() == shown
    await page.unroute_all(behavior="ignoreErrors")


async def test_it_reconnects_without_a_click(page: Page) -> None:
    async with serving() as desk:
        port = desk.http.port
        await open_page(page, desk)
    await page.wait_for_selector("[data-link=offline]")
    async with serving(weekend(), port=port):
        await expect(page.locator("#link-text")).to_have_text("connected")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Market closed")


async def test_where_the_stream_is_blocked_the_page_asks_instead(desk: Desk, page: Page) -> None:
    await page.clock.install()
    await page.route("**/events", lambda route: route.abort())
    await page.goto(desk.url)
    await page.wait_for_selector("[data-link=polling]")
    await expect(page.locator("#link-text")).to_have_text("asking every 10 s")
    desk.reports.show(asks_for_a_login())
    await page.clock.run_for(11_000)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Login required")
    await page.unroute_all()
    await page.clock.run_for(20_000)
    await expect(page.locator("#link-text")).to_have_text("connected")


async def test_while_it_tries_again_it_shows_the_try_and_the_wait(desk: Desk, page: Page) -> None:
    await open_page(page, desk)

    async def never(_route: Route) -> None:
        await asyncio.sleep(0)

    await page.route("**/summary*", never)
    await page.route("**/events", lambda route: route.abort())
    desk.http._live.close()  # every stream ends
    await expect(page.locator("#link-text")).to_have_text(re.compile(r"reconnecting \(\d+\), (next in \d+ s|now)"))
    await page.unroute_all(behavior="ignoreErrors")


async def test_a_stream_that_shows_no_sign_of_life_is_not_believed(desk: Desk, page: Page) -> None:
    await page.clock.install()
    await open_page(page, desk)
    await page.route("**/*", lambda route: route.abort())
    await page.clock.run_for(45_000)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Not connected to the daemon")
    await page.unroute_all()


async def test_a_hidden_tab_keeps_no_stream_and_its_title_still_tells(desk: Desk, page: Page) -> None:
    await page.clock.install()
    await open_page(page, desk)
    await page.evaluate(
        "() => { Object.defineProperty(document, 'hidden', {get: () => window.gone, configurable: true});"
        " window.gone = true; document.dispatchEvent(new Event('visibilitychange')); }"
    )
    async with asyncio.timeout(5):
        while desk.http._live.count():  # noqa: ASYNC110 - the connection's end comes from the loop itself
            await asyncio.sleep(0.01)
    desk.reports.show(asks_for_a_login())
    await page.clock.run_for(16_000)
    await expect(page).to_have_title(re.compile("✕ Login required"))
    await page.evaluate("() => { window.gone = false; document.dispatchEvent(new Event('visibilitychange')); }")
    await page.wait_for_selector(CONNECTED)


@pytest.mark.parametrize("width", [320, 360, 390, 768, 1280])
async def test_nothing_makes_the_page_scroll_sideways(desk: Desk, page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 700})
    for picture in (asks_for_a_login(simulated=True), lost(), weekend(), two_accounts()):
        desk.reports.show(picture)
        for path in ("/", "/docs/health", "/auth/callback?state=x"):
            await page.goto(desk.url + path)
            if path == "/":
                await page.wait_for_selector(CONNECTED)
            assert await page.evaluate("() => document.documentElement.scrollWidth") <= width, (path, picture.headline)


async def test_on_a_phone_every_target_is_large_and_the_login_fills_the_width(desk: Desk, page: Page) -> None:
    desk.reports.show(asks_for_a_login(accounts=two_accounts().accounts))
    await open_page(page, desk)
    await expect(page.get_by_role("link", name="Log in", exact=True)).to_have_count(2)
    boxes: list[dict[str, Any]] = await page.evaluate(
        "() => [...document.querySelectorAll('a, button')].filter((each) => each.checkVisibility()).map((each) =>"
        " ({name: each.textContent.trim(), ...each.getBoundingClientRect().toJSON()}))"
    )
    assert [box["name"] for box in boxes if box["height"] < 44] == []
    login = next(box for box in boxes if box["name"] == "Log in to Kite")
    assert login["height"] >= 52
    assert login["width"] >= 390 - 80  # the card's own padding is left and right of it


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_can_be_read_in_both_themes(desk: Desk, browser: Browser, scheme: Any) -> None:
    context = await browser.new_context(color_scheme=scheme, reduced_motion="reduce")
    page = await context.new_page()
    for picture in (all_well(simulated=True), asks_for_a_login(), lost(), weekend(), two_accounts()):
        desk.reports.show(picture)
        for path in ("/", "/docs/health", "/auth/callback?state=x"):
            await page.goto(desk.url + path)
            assert await page.evaluate(CONTRAST) == [], (scheme, path, picture.headline.code)
    await context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_an_old_state_loses_its_colours_but_can_be_read(browser: Browser, scheme: Any) -> None:
    context = await browser.new_context(color_scheme=scheme, reduced_motion="reduce")
    page = await context.new_page()
    async with serving(lost()) as desk:
        await open_page(page, desk)
    await page.wait_for_selector("[data-link=offline]")
    await expect(page.locator("#since")).to_be_hidden()
    colours = (
        "() => new Set([...document.querySelectorAll('.sign, .state')].map((e) => getComputedStyle(e).color)).size"
    )
    assert await page.evaluate(colours) == 1
    assert await page.evaluate(CONTRAST) == []
    await context.close()


async def test_the_chosen_colours_are_kept(desk: Desk, page: Page) -> None:
    await open_page(page, desk)
    button = page.locator("#theme")
    for name in ("light", "dark"):
        await button.click()
        await expect(page.locator("html")).to_have_attribute("data-theme", name)
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await expect(button).to_have_attribute("aria-label", "Colours: dark")


async def test_without_script_the_page_tells_the_same_and_the_login_works(browser: Browser) -> None:
    async with serving(asks_for_a_login()) as desk:
        context = await browser.new_context(java_script_enabled=False)
        page = await context.new_page()
        await page.route("https://broker.example/**", lambda route: route.fulfill(body="the broker's page"))
        await page.goto(desk.url)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Login required")
        await page.get_by_role("link", name="Log in to Kite").click()
        await expect(page.locator("body")).to_have_text("the broker's page")
        await page.goto(f"{desk.url}/auth/callback?state=x")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Logged in as AB1234")
        await page.get_by_role("link", name="To the desk").click()
        await expect(page).to_have_url(f"{desk.url}/")
        await context.close()


async def test_after_a_login_the_address_bar_holds_no_request_token(desk: Desk, page: Page) -> None:
    await page.goto(f"{desk.url}/auth/callback?request_token=canary&state=x")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Logged in as AB1234")
    await expect(page).to_have_url(f"{desk.url}/")


async def test_after_a_login_the_page_says_so_and_then_goes_on_to_the_live_desk(desk: Desk, page: Page) -> None:
    await page.clock.install()
    await page.goto(f"{desk.url}/auth/callback?request_token=canary&state=x")
    await page.clock.run_for(2_000)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Logged in as AB1234")
    await page.clock.run_for(2_000)
    await page.wait_for_selector(CONNECTED)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Market live")


async def test_after_a_login_without_script_the_browser_goes_on_to_the_desk_too(desk: Desk, browser: Browser) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{desk.url}/auth/callback?state=x")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Logged in as AB1234")
    await expect(page).to_have_url(f"{desk.url}/", timeout=10_000)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Market live")
    await context.close()


async def test_a_login_that_failed_stays_on_the_screen(desk: Desk, page: Page) -> None:
    desk.login.kind, desk.login.text = "cancelled", "Not completed."
    await page.clock.install()
    await page.goto(f"{desk.url}/auth/callback?state=x")
    await page.clock.run_for(60_000)
    await expect(page.get_by_role("heading", level=1)).to_have_text("The login was not completed")


@pytest.mark.parametrize("kind", ["logged_in", "cancelled"])
async def test_after_a_login_the_way_to_the_desk_is_a_button_a_thumb_can_hit(desk: Desk, page: Page, kind: str) -> None:
    desk.login.kind = kind
    await page.clock.install()
    await page.goto(f"{desk.url}/auth/callback?state=x")
    button = page.get_by_role("link", name="To the desk")
    box = await button.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    assert await button.evaluate("(a) => getComputedStyle(a).textDecorationLine") == "none"


async def test_the_key_l_logs_in_when_that_is_possible(desk: Desk, page: Page) -> None:
    await page.route("https://broker.example/**", lambda route: route.fulfill(body="the broker's page"))
    await open_page(page, desk)
    await page.keyboard.press("l")
    await expect(page).to_have_url(f"{desk.url}/")
    desk.reports.show(asks_for_a_login())
    await expect(page.get_by_role("link", name="Log in to Kite")).to_be_visible()
    await page.keyboard.press("l")
    await expect(page.locator("body")).to_have_text("the broker's page")


async def test_the_pages_clock_is_the_desks_even_when_that_is_simulated(page: Page) -> None:
    picture = asks_for_a_login(simulated=True)
    async with serving(picture, clock=DeskClock(MemoryReports(picture))) as desk:
        await open_page(page, desk)
        await expect(page.locator("#clock")).to_have_text(re.compile(r"09:20:\d\d"))
        await expect(page.locator("#today")).to_have_text("Mon 5 Jan 2026")
        await expect(page.locator("#for")).to_have_text(" · 1 h 48 min")
        await expect(page.locator("#market .more")).to_have_text("until 15:30 · in 6 h 9 min")
        await expect(page.locator(".simulated")).to_be_visible()


async def test_news_are_read_aloud_and_the_seconds_are_not(desk: Desk, page: Page) -> None:
    await open_page(page, desk)
    spoken = page.locator("[aria-live=polite]")
    await expect(spoken).to_have_count(1)
    await expect(spoken.locator("#headline")).to_have_count(1)
    await expect(spoken.locator("#for")).to_have_count(0)


async def test_five_listening_tabs_leave_room_for_another_page(desk: Desk, context: BrowserContext) -> None:
    # Chromium opens at most six connections to a server, and a headless page never counts as hidden.
    for _ in range(5):
        await open_page(await context.new_page(), desk)
    last = await context.new_page()
    await last.goto(f"{desk.url}/docs/health", timeout=5_000)
    await expect(last.get_by_role("heading", level=1)).to_have_text("The health answer")
