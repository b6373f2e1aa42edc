"""The daemon: every long-lived object is made here, on one screen; then they run until somebody says stop."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any

import structlog

from tradewarden import __version__, log
from tradewarden.feed.brokers.kite import KiteStream
from tradewarden.feed.brokers.kite_rest import KiteRest
from tradewarden.http.app import Http
from tradewarden.machines.auth import AuthToken
from tradewarden.machines.calendar import Calendar
from tradewarden.machines.feed import FeedWatchdog
from tradewarden.machines.report import Picture
from tradewarden.orchestrator.auth import AuthDriver
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.coupling import Coupling
from tradewarden.orchestrator.driver import Spawn
from tradewarden.orchestrator.feed import FeedDriver
from tradewarden.orchestrator.heartbeat import Heartbeat
from tradewarden.orchestrator.login import Login
from tradewarden.orchestrator.market import MarketDriver
from tradewarden.orchestrator.notify import Notifier
from tradewarden.orchestrator.report import Reports
from tradewarden.orchestrator.statedir import admin_token, control_socket
from tradewarden.orchestrator.token import TokenStore
from tradewarden.settings import Settings

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Desk:
    """The daemon's parts, wired."""

    market: MarketDriver
    auth: AuthDriver
    feed: FeedDriver
    stream: KiteStream
    login: Login
    reports: Reports
    heartbeat: Heartbeat
    http: Http


def wire(settings: Settings, calendar: Calendar, clock: Clock, spawn: Spawn) -> Desk:
    """Make every long-lived object of the daemon and tie them together."""
    kite, state = settings.kite, settings.state_dir
    coupling = Coupling(settled=lambda: reports.refresh())
    store = TokenStore(
        state / "token.json",
        watched=kite.token_files,
        exports=kite.export_files,
        now=clock.now,
        user_id=kite.user_id,
    )
    rest = KiteRest(
        rest_url=kite.rest_url,
        login_url=kite.login_url,
        api_key=kite.api_key or "",
        api_secret=kite.api_secret.get_secret_value() if kite.api_secret else "",
    )
    market = MarketDriver(
        settings.segments, calendar, clock, coupling.settle, lead=timedelta(minutes=settings.feed.lead_minutes)
    )
    auth = AuthDriver(
        AuthToken(random.random),
        clock,
        spawn,
        coupling.settle,
        broker=rest,
        store=store,
        user_id=kite.user_id,
        probe_hours=[time.fromisoformat(hour) for hour in kite.probe_hours],
        learned=log.hide,
    )
    feed = FeedDriver(
        FeedWatchdog(random.random), clock, spawn, coupling.settle, usable_since=lambda: auth.usable_since
    )
    stream = KiteStream(
        url=kite.ticker_url, api_key=kite.api_key or "", subscriptions=settings.feed.subscriptions(), events=feed
    )
    feed.attach(stream, coupling)
    login = Login(auth, rest.login_page if kite.api_key and kite.api_secret else None, clock)
    notifier = Notifier()
    heartbeat = Heartbeat(
        clock,
        beats=[auth.look, lambda: reports.refresh(), lambda: notifier.beat(max(auth.overdue(), feed.overdue()))],
        jumped=lambda: (market.sync(), auth.clock_jumped())[0],
    )
    reports = Reports(market, auth, feed, clock, heartbeat.age)
    reports.subscribe(lambda picture: notifier.status(_status_line(picture)))
    http = Http(
        host=settings.http.host,
        port=settings.http.port,
        reports=reports,
        login=login,
        verifier=auth,
        admin_token=admin_token(state, settings.http.admin_token),
        public_url=settings.http.public_url,
        cors_origins=settings.http.cors_origins,
        fail_code=settings.http.health_fail_code,
        control_path=control_socket(state),
        clock=clock,
        version=__version__,
    )
    coupling.join(market, auth, feed)
    return Desk(market, auth, feed, stream, login, reports, heartbeat, http)


async def run(
    settings: Settings,
    calendar: Calendar,
    clock: Clock,
    stop: asyncio.Event,
    ready: Callable[[Desk], None] = lambda _desk: None,
) -> None:
    """Wake the desk, keep it running until `stop` is set, and put it to rest.

    Raises OSError when the port is taken; anything else that is raised is a fault of ours.
    """
    async with asyncio.TaskGroup() as group:

        def spawn(deed: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
            return group.create_task(deed, name=name)

        desk = wire(settings, calendar, clock, spawn)
        await desk.http.start()
        beating = group.create_task(desk.heartbeat.run(), name="heartbeat")
        desk.market.sync()
        desk.auth.begin()
        ready(desk)
        await stop.wait()
        beating.cancel()
        await rest(desk)


async def rest(desk: Desk) -> None:
    """Put the desk to rest: say so, close the streams, then the feed, then the door."""
    desk.reports.stop()
    desk.market.disarm()
    desk.auth.disarm()
    desk.feed.disarm()
    desk.stream.close()
    await desk.http.stop()
    await desk.stream.aclose()


def _status_line(picture: Picture) -> str:
    segment = picture.market.segments[0]
    return f"auth {picture.auth.state} / feed {picture.feed.state} / market {segment.state}"
