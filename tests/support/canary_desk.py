"""A desk whose secrets are canaries: lives through every fault and prints all that it logs, serves and represents.

Standard output gets everything; the file named by the argument gets the canaries, one a line.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import structlog

from desk import LIVE, SECRET, USER, Desk, play
from tradewarden import log
from tradewarden.settings import AlertSettings

PATHS = (
    "/",
    "/api/system/health",
    "/api/system/health/market",
    "/api/system/health/auth",
    "/api/system/health/feed",
    "/api/system/health/summary",
    "/compat/api/system/health",
    "/metrics",
    "/livez",
    "/readyz",
    "/docs/health",
    "/no/such/page?access_token=canary-in-a-query",
    "/auth/callback?state=nobody&request_token=canary-of-a-stranger",
)
FAULTS: tuple[dict[str, str], ...] = (
    {"socket": "403"},
    {"socket": "429"},
    {"socket": "refuse"},
    {"http": "500"},
    {"profile": "unreachable"},
    {},
)
USUAL = {"socket": "accept", "http": "ok", "profile": "ok"}

canaries = ["canary-in-a-query", "canary-of-a-stranger", SECRET, "desktestadmin", "canary-in-an-error"]
ALERTS = {  # nobody listens there, so that every delivery fails
    "webhook_url": "http://127.0.0.1:1/canary-of-a-webhook",
    "telegram_bot_token": "1234:canary-of-a-bot",
    "telegram_chat_id": "1",
    "telegram_url": "http://127.0.0.1:1",
    "smtp_user": "desk",
    "smtp_password": "canary-of-a-mail-server",
}
OTHER = "XY7890"
canaries += ["canary-of-a-key", "canary-of-another-secret", "canary-of-an-account"]
canaries += ["canary-of-a-webhook", "canary-of-a-bot", "canary-of-a-mail-server", "canary-in-a-report"]


async def serve(desk: Desk, *, admin: bool) -> None:
    headers = {"Authorization": "Bearer desktestadmin"} if admin else {}
    for path in PATHS:
        async with desk.client.get(desk.url + path, headers=headers) as answer:
            print(answer.status, dict(answer.headers), await answer.text())
    async with desk.client.post(f"{desk.url}/api/system/health/auth/verify", headers=headers) as answer:
        print(answer.status, await answer.text())


async def report_errors(desk: Desk) -> None:
    headers = {"Authorization": "Bearer desktestadmin"}
    for kind in ("InputException", "TokenException"):
        body = {"type": kind, "message": "access_token=canary-in-a-report"}
        async with desk.client.post(f"{desk.url}/api/auth/errors", headers=headers, json=body) as answer:
            print(answer.status, await answer.text())
    await desk.until_auth("valid")


async def log_in(desk: Desk, user: str = USER, link: str = "/login") -> None:
    async with desk.client.get(desk.url + link, allow_redirects=False) as begun:
        state = parse_qs(parse_qs(urlsplit(begun.headers["Location"]).query)["redirect_params"][0])["state"][0]
    request_token = desk.broker.broker.log_in(user, desk.clock.now())
    canaries.extend([state, request_token])
    query = {"state": state, "request_token": request_token, "status": "success"}
    async with desk.client.get(f"{desk.url}/auth/callback", params=query) as page:
        print(page.status, await page.text())


async def scene(desk: Desk) -> None:
    await log_in(desk)
    await desk.until_feed("streaming")
    await report_errors(desk)
    await log_in(desk, OTHER, "/login?account=family")
    await log_in(desk, "ZZ0000", "/login?account=wrong")
    await desk.until(lambda picture: picture.accounts[0].auth.state == "valid")
    for fault in FAULTS:
        desk.broker.world.change(USUAL | fault)
        desk.broker.do("drop_socket")
        desk.broker.do("malformed_frame")
        await asyncio.sleep(20)
        for admin in (False, True):
            await serve(desk, admin=admin)
    desk.broker.do("expire_token")
    desk.broker.do("drop_socket")
    await asyncio.sleep(20)
    await serve(desk, admin=True)
    desk.save_token("canary-that-never-worked")
    canaries.append("canary-that-never-worked")
    desk.save_token("canary-of-a-family", name="family.env")
    canaries.append("canary-of-a-family")
    await asyncio.sleep(20)
    await serve(desk, admin=False)
    async with desk.client.get(f"{desk.url}/login?account=canary-of-an-account") as page:
        print(page.status, await page.text())
    print(repr(desk.parts.accounts), repr([token.machine.__dict__ for token in desk.parts.accounts.tokens()]))
    print(repr(desk.parts), repr(desk.settings), repr(desk.parts.auth.machine.__dict__), repr(desk.parts.feed.machine))
    try:
        raise ValueError("wss://broker/?api_key=k&access_token=canary-in-an-error")  # noqa: TRY301 - the trouble itself
    except ValueError:
        structlog.get_logger().exception("test.error", url="https://x/?request_token=canary-in-an-error")
    canaries.extend(str(token) for token in desk.broker.broker.state()["tokens"])  # type: ignore[attr-defined]


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    log.configure("debug", stream=sys.stdout)
    accounts = {
        "family": {"user_id": OTHER},
        "wrong": {"user_id": "ZZ0000", "api_key": "canary-of-a-key", "api_secret": "canary-of-another-secret"},
    }
    play(folder, LIVE, scene, token=False, alerts=AlertSettings.model_validate(ALERTS), accounts=accounts)
    (folder / "canaries").write_text("\n".join(canaries))
