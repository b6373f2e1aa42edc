"""A whole desk for a test: the real daemon on the simulated broker, on sockets of this machine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import aiohttp

from tradewarden import daemon
from tradewarden.machines.report import Picture
from tradewarden.orchestrator.calendar import load_calendar
from tradewarden.orchestrator.clock import IST, Clock
from tradewarden.settings import (
    AccountSettings,
    AlertSettings,
    FeedSettings,
    HttpSettings,
    JournalSettings,
    KiteSettings,
    Settings,
    SinksSettings,
)
from tradewarden.simulator.kite import KiteSimulator
from virtual_time import VirtualClock, run_virtually

LIVE = datetime(2026, 11, 23, 10, 0, tzinfo=IST)  # a Monday in the continuous session
USER = "AB1234"
# A store is written to by a thread, which virtual time does not wait for.
NO_SINKS = SinksSettings.model_validate({"sqlite": {"enabled": False}, "parquet": {"enabled": False}})
KEY, SECRET = "desktestkey", "desktestsecret"
INSTRUMENTS = (256265, 738561, 408065)


@dataclass
class Desk:
    """The running desk, its broker, and how to wait for what it does."""

    parts: daemon.Desk
    broker: KiteSimulator
    clock: Clock
    url: str
    state: Path
    client: aiohttp.ClientSession
    settings: Settings
    stop: asyncio.Event

    @property
    def picture(self) -> Picture:
        return self.parts.reports.picture

    async def until(self, holds: Callable[[Picture], bool], *, within: float = 20.0) -> Picture:
        """Wait until the picture is so; fails with the picture as it is when the time (of the loop) is over."""
        arrived: asyncio.Future[Picture] = asyncio.get_running_loop().create_future()

        def look(picture: Picture) -> None:
            if not arrived.done() and holds(picture):
                arrived.set_result(picture)

        self.parts.reports.subscribe(look)
        self.parts.reports.subscribe_ages(look)
        look(self.picture)
        try:
            async with asyncio.timeout(within):
                return await arrived
        except TimeoutError:
            raise AssertionError(f"it did not come to that within {within} s: {self.picture}") from None

    async def until_feed(self, state: str, *, within: float = 20.0) -> Picture:
        return await self.until(lambda picture: picture.feed.state == state, within=within)

    async def until_auth(self, state: str, *, within: float = 20.0) -> Picture:
        return await self.until(lambda picture: picture.auth.state == state, within=within)

    async def until_headline(self, code: str, *, within: float = 20.0) -> Picture:
        return await self.until(lambda picture: picture.headline.code == code, within=within)

    async def health(self, path: str = "", **query: str) -> tuple[int, dict[str, Any]]:
        async with self.client.get(f"{self.url}/api/system/health{path}", params=query) as answer:
            return answer.status, await answer.json(content_type=None)

    def dials(self) -> int:
        dials = self.broker.state()["dials"]
        assert isinstance(dials, int)
        return dials

    def save_token(self, value: str, *, name: str = "desk.env") -> None:
        """Another program of the desk saves a token, now by the desk's clock."""
        path = self.state / name
        path.write_text(f"KITE_ACCESS_TOKEN={value}\n")
        now = self.clock.now().timestamp()
        os.utime(path, (now, now))


def settings_of(
    state: Path,
    broker: KiteSimulator,
    *,
    instruments: tuple[int, ...] = INSTRUMENTS,
    rules: tuple[str, ...] = (),
    alerts: AlertSettings | None = None,
    sinks: SinksSettings = NO_SINKS,
    accounts: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    journal: JournalSettings | None = None,
    **kite: Any,
) -> Settings:
    """Settings of a desk that lives off this broker; each further account is another user of it.

    It records nothing unless told how: the disk's real seconds would be far more than a day's virtual ones.
    """
    known: dict[str, Any] = {
        "api_key": KEY,
        "api_secret": SECRET,
        "user_id": USER,
        "rest_url": broker.url,
        "ticker_url": broker.ws_url,
        "login_url": broker.login_url,
        "token_files": [state / "desk.env"],
    }
    return Settings.model_construct(
        segments=["NSE_EQ", "NFO"],
        kite=KiteSettings(**(known | kite)),
        accounts={name: _account(state, broker, name, own) for name, own in accounts.items()},
        feed=FeedSettings(instruments={"full": list(instruments)}, rules=list(rules)),
        http=HttpSettings(port=0, admin_token="desktestadmin"),
        alerts=alerts or AlertSettings(),
        sinks=sinks,
        journal=journal or JournalSettings(record=False),
        state_dir=state,
    )


def _account(state: Path, broker: KiteSimulator, name: str, own: Mapping[str, Any]) -> AccountSettings:
    known: dict[str, Any] = {
        "api_key": KEY,
        "api_secret": SECRET,
        "rest_url": broker.url,
        "login_url": broker.login_url,
        "token_files": [state / f"{name}.env"],
    }
    return AccountSettings(**known | dict(own))


@asynccontextmanager
async def running_desk(
    state: Path,
    clock: Clock,
    *,
    token: bool = True,
    tick_seconds: float = 0.2,
    instruments: tuple[int, ...] = INSTRUMENTS,
    rules: tuple[str, ...] = (),
    **kite: Any,
) -> AsyncIterator[Desk]:
    """Broker and daemon, up until the block ends; `token` puts a good one into the file that others write."""
    broker = KiteSimulator(
        api_key=KEY, api_secret=SECRET, user_id=USER, now=clock.now, seed=7, tick_seconds=tick_seconds
    )
    async with broker:
        stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
        settings = settings_of(state, broker, instruments=instruments, rules=rules, **kite)
        if token:
            _write(state / "desk.env", broker.mint(), clock)
        run = daemon.run(settings, load_calendar(None), clock, stop, ready.set_result)
        task = asyncio.create_task(run, name="desk")
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        parts: daemon.Desk = ready.result()
        url = f"http://127.0.0.1:{parts.http.port}"
        broker.redirect_url = f"{url}/auth/callback"
        async with aiohttp.ClientSession() as client:
            yield Desk(parts, broker, clock, url, state, client, settings, stop)
        stop.set()
        await task


def _write(path: Path, value: str, clock: Clock) -> None:
    path.write_text(f"KITE_ACCESS_TOKEN={value}\n")
    now = clock.now().timestamp()
    os.utime(path, (now, now))


def play(state: Path, at: datetime, scene: Callable[[Desk], Coroutine[Any, Any, None]], **how: Any) -> None:
    """A scene with a running desk, on real sockets in virtual time."""

    async def on_stage() -> None:
        async with running_desk(state, VirtualClock(at), **how) as desk:
            await scene(desk)

    run_virtually(on_stage)
