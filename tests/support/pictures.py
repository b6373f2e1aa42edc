"""Pictures of a desk to feed the HTTP side with, and the desk's other parts as far as HTTP sees them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from tradewarden.http.app import Http
from tradewarden.machines.headline import Situation, headline, is_out
from tradewarden.machines.report import (
    AccountReport,
    AuthReport,
    FeedReport,
    Headline,
    MarketReport,
    Picture,
    SegmentReport,
)
from tradewarden.orchestrator.clock import IST
from tradewarden.orchestrator.login import LoginNotPossibleError

NOW = datetime(2026, 1, 5, 9, 20, tzinfo=IST)
ADMIN = "canary-admin-token-0123456789"


def at(text: str) -> datetime:
    """A time on the day of the pictures."""
    return datetime.combine(NOW.date(), datetime.strptime(text, "%H:%M:%S").time(), IST)  # noqa: DTZ007 - IST is added


def an_auth(**changes: Any) -> AuthReport:
    """A token that was verified at 09:21:41; or what the changes say."""
    usual: dict[str, Any] = {
        "state": "valid",
        "reason": None,
        "since": at("09:21:40"),
        "holds_token": True,
        "verdict": "valid",
        "doubt_since": None,
        "user_id": "AB1234",
        "minted_at": at("09:21:40"),
        "verified_at": at("09:21:41"),
        "expires_at": at("06:00:00") + timedelta(days=1),
        "generation": 3,
    }
    return AuthReport(**usual | changes)


def an_account(name: str = "family", **changes: Any) -> AccountReport:
    """A further account that needs a login since 06:00; or what the changes say."""
    return AccountReport(name=name, auth=an_auth(**REQUIRED | {"since": at("06:00:00")} | changes), forecast="none")


REQUIRED: dict[str, Any] = {
    "state": "required",
    "since": at("07:31:02"),
    "holds_token": False,
    "verdict": None,
    "minted_at": None,
    "verified_at": None,
    "expires_at": None,
    "user_id": None,
}


def a_feed(**changes: Any) -> FeedReport:
    """A feed that streams since 09:21:42; or what the changes say."""
    usual: dict[str, Any] = {
        "state": "streaming",
        "reason": "ticked",
        "since": at("09:21:42"),
        "latched": False,
        "usable_since": at("09:21:40"),
        "generation": 3,
        "last_tick_at": None,
        "up_since": at("09:21:42"),
        "instruments": 3000,
        "ticks_total": 1203344,
        "reconnects_total": 1,
    }
    return FeedReport(**usual | changes)


BLOCKED: dict[str, Any] = {
    "state": "blocked_on_auth",
    "reason": "auth",
    "since": at("08:40:00"),
    "usable_since": None,
    "up_since": None,
    "ticks_total": 0,
    "reconnects_total": 0,
}


def a_segment(segment: str = "NSE_EQ", **changes: Any) -> SegmentReport:
    """A segment that trades since 09:15; or what the changes say."""
    usual: dict[str, Any] = {
        "segment": segment,
        "state": "live",
        "since": at("09:15:00"),
        "phase": "continuous",
        "session": "regular",
        "reason": None,
        "expected": "dense",
        "next_state": "post_close" if segment == "NSE_EQ" else "closed",
        "next_at": at("15:30:00"),
        "covered_until": date(2026, 12, 31),
        "calendar_sha256": "9f2c41",
    }
    return SegmentReport(**usual | changes)


CLOSED: dict[str, Any] = {
    "state": "closed",
    "since": at("16:00:00") - timedelta(days=3),
    "phase": "weekend",
    "session": None,
    "reason": "weekend",
    "expected": "none",
    "next_state": "pre_open",
    "next_at": at("09:00:00") + timedelta(days=1),
}


def a_market(*segments: SegmentReport, wanted: bool = True) -> MarketReport:
    """NSE_EQ and NFO in a window that began at 08:40."""
    found = segments or (a_segment("NSE_EQ"), a_segment("NFO"))
    order = ("none", "sparse", "dense")
    return MarketReport(
        segments=found,
        wanted=wanted,
        wanted_since=at("08:40:00"),
        expected=max((segment.expected for segment in found), key=order.index),
    )


def a_picture(
    auth: AuthReport | None = None,
    feed: FeedReport | None = None,
    market: MarketReport | None = None,
    *,
    now: datetime = NOW,
    seq: int = 1842,
    since: datetime | None = None,
    situation: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Picture:
    """The whole desk; its headline follows from its parts, as it does in the daemon."""
    auth, feed, market = auth or an_auth(), feed or a_feed(), market or a_market()
    seen = Situation.of(auth, feed, market, now=now, stopping=bool(changes.get("stopping")))
    seen = replace(seen, account_out=any(is_out(account.auth) for account in changes.get("accounts", ())))
    verdict = headline(replace(seen, **situation) if situation else seen)
    line = Headline(
        row=verdict.row,
        code=verdict.code,
        layer=verdict.layer,
        severity=verdict.severity,
        since=since or (auth.since if verdict.layer == "auth" else feed.since),
    )
    usual: dict[str, Any] = {"started_at": at("08:00:00")}
    return Picture(seq=seq, now=now, headline=line, auth=auth, feed=feed, market=market, **usual | changes)


def asks_for_a_login(**changes: Any) -> Picture:
    """09:20 on a trading day and nobody has logged in."""
    return a_picture(an_auth(**REQUIRED), a_feed(**BLOCKED), **changes)


def all_well(**changes: Any) -> Picture:
    """10:02 on a trading day, ticks flow."""
    now = changes.pop("now", at("10:02:10"))
    feed = changes.pop("feed", None) or a_feed(last_tick_at=now)
    return a_picture(feed=feed, now=now, **{"seq": 1851} | changes)


def weekend(**changes: Any) -> Picture:
    """The market is closed and nothing is wanted."""
    market = a_market(a_segment("NSE_EQ", **CLOSED), a_segment("NFO", **CLOSED), wanted=False)
    return a_picture(feed=a_feed(state="halted", up_since=None), market=market, **{"since": at("00:00:00")} | changes)


def lost(**changes: Any) -> Picture:
    """11:05, data is due and the connection is gone."""
    feed = a_feed(
        state="backing_off",
        reason="network",
        since=at("11:05:12"),
        latched=True,
        attempt=1,
        up_since=None,
        last_tick_at=at("11:04:57"),
        retry_at=at("11:05:14"),
        reconnects_total=2,
    )
    return a_picture(feed=feed, now=at("11:05:12"), **{"seq": 1860} | changes)


class MemoryReports:
    """What the daemon's Reports are to the HTTP side, moved by hand."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.age = 0.1
        self._changes: list[Callable[[Picture], None]] = []

    def subscribe(self, callback: Callable[[Picture], None]) -> None:
        """Call back with each new seq."""
        self._changes.append(callback)

    def subscribe_ages(self, callback: Callable[[Picture], None]) -> None:
        """Nobody but the page of ages cares."""

    def beat_age(self) -> float:
        """Seconds since the last heartbeat."""
        return self.age

    def show(self, picture: Picture) -> None:
        """The desk has changed."""
        seq = self.picture.seq + 1
        self.picture = replace(picture, seq=seq)
        for callback in self._changes:
            callback(self.picture)

    def pass_time(self, **feed: Any) -> None:
        """Only the clock has moved, and what of the feed the changes say."""
        now = self.picture.now + timedelta(seconds=feed.pop("seconds", 1))
        self.picture = replace(self.picture, now=now, feed=replace(self.picture.feed, **feed))


class DeskClock:
    """A clock that a test sets."""

    simulated = False

    def __init__(self, reports: MemoryReports) -> None:
        self._reports = reports
        self.mono = 0

    def mono_ns(self) -> int:
        """Set by hand."""
        return self.mono

    def now(self) -> datetime:
        """The picture's."""
        return self._reports.picture.now


@dataclass
class ScriptedLogin:
    """A login that ends as it is told to."""

    kind: str = "logged_in"
    user_id: str | None = "AB1234"
    text: str = "Logged in as AB1234."
    account: str | None = None
    impossible: str | None = None
    hangs: bool = False
    begun: int = 0
    queries: list[dict[str, str]] = field(default_factory=list)
    begun_by: list[str] = field(default_factory=list)
    accounts: list[str | None] = field(default_factory=list)

    def begin(self, whose: str, account: str | None = None) -> str:
        """The broker's page."""
        self.begun_by.append(whose)
        self.accounts.append(account)
        if self.impossible is not None:
            raise LoginNotPossibleError(self.impossible)
        self.begun += 1
        return f"https://broker.example/connect/login?v=3&api_key=canary-api-key&redirect_params=state%3D{self.begun}"

    async def finish(self, query: Mapping[str, str]) -> ScriptedLogin:
        """What it was told to say."""
        self.queries.append(dict(query))
        if self.hangs:
            await asyncio.Event().wait()
        return self


@dataclass
class ScriptedVerifier:
    """A broker that gives one verdict."""

    verdict: str = "valid"
    state: str = "valid"
    hangs: bool = False
    checked_at: datetime = NOW
    started_at: datetime = NOW
    expires_at: datetime | None = NOW + timedelta(days=1)
    asked: int = 0
    accounts: list[str | None] = field(default_factory=list)

    async def verify(self, account: str | None = None) -> ScriptedVerifier:
        """The verdict."""
        self.asked += 1
        self.accounts.append(account)
        if self.hangs:
            await asyncio.Event().wait()
        return self


@dataclass
class Desk:
    """A running HTTP side and everything it was given."""

    http: Http
    reports: MemoryReports
    login: ScriptedLogin
    verifier: ScriptedVerifier
    clock: DeskClock

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.http.port}"


@asynccontextmanager
async def serving(picture: Picture | None = None, **settings: Any) -> AsyncIterator[Desk]:
    """The real HTTP side on a free port."""
    reports = MemoryReports(picture or all_well())
    login, verifier = ScriptedLogin(), ScriptedVerifier()
    clock = settings.pop("clock", None) or DeskClock(reports)
    usual: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": 0,
        "admin_token": ADMIN,
        "public_url": "http://127.0.0.1:8700",
        "version": "0.1.0",
    }
    http = Http(reports=reports, login=login, verifier=verifier, clock=clock, **usual | settings)
    await http.start()
    try:
        yield Desk(http, reports, login, verifier, clock)
    finally:
        await http.stop()
