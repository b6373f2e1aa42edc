"""The desk of a rehearsal: the daemon's machines and drivers, wired to a rehearsed broker instead of a network."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from tradewarden.machines.account import FEEDING
from tradewarden.machines.auth import AuthToken
from tradewarden.machines.backoff import SECOND
from tradewarden.machines.calendar import Calendar
from tradewarden.machines.conflict import STRAY
from tradewarden.machines.feed import SILENCE, FeedWatchdog
from tradewarden.machines.headline import DOUBT, GRACE
from tradewarden.machines.report import Picture
from tradewarden.machines.token_error import is_token_error
from tradewarden.orchestrator.account import Account
from tradewarden.orchestrator.accounts import Accounts, Member
from tradewarden.orchestrator.auth import AuthDriver
from tradewarden.orchestrator.calendar_keeper import CalendarKeeper
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.coupling import Coupling
from tradewarden.orchestrator.driver import Spawn
from tradewarden.orchestrator.forecast import Forecaster
from tradewarden.orchestrator.freshness import FreshnessDriver
from tradewarden.orchestrator.gap import GapWatch
from tradewarden.orchestrator.ledger import Ledger
from tradewarden.orchestrator.login import Login
from tradewarden.orchestrator.market import MarketDriver
from tradewarden.orchestrator.report import Reports
from tradewarden.orchestrator.statedir import token_file
from tradewarden.orchestrator.token import TokenStore
from tradewarden.rehearse_world import INSTRUMENT, LazyFeed, RehearsedBroker, RehearsedStream

SEED = 2026  # of the jitter: a rehearsal is the same each time


@dataclass(slots=True)
class Desk:
    """The parts of one life of the daemon."""

    market: MarketDriver
    keeper: CalendarKeeper
    auth: AuthDriver
    accounts: Accounts
    feed: LazyFeed
    stream: RehearsedStream
    reports: Reports
    gaps: OpenGaps
    ages: Ages
    looks: Looks | None
    freshness: FreshnessDriver
    spawn: Spawn
    deeds: set[asyncio.Task[None]]

    def begin(self) -> None:
        """Wake up, as the daemon does."""
        self.market.sync()
        for token in self.accounts.tokens():
            token.begin()
        if self.looks is not None:
            self.looks.arm()

    def jumped(self) -> None:
        """The wall clock stepped: what the daemon's heartbeat would notice."""
        self.market.sync()
        for token in self.accounts.tokens():
            token.clock_jumped()
        self.reports.refresh()
        self.ages.arm()

    def look_at_files(self) -> None:
        """What the daemon's next beat would do."""
        for token in self.accounts.tokens():
            token.look()

    def log_in(self, request_token: str, account: str) -> None:
        """A person comes back from the broker's page with this request token."""
        state = self.accounts.begin(account=account)
        query = {"state": state, "status": "success", "request_token": request_token}
        self.spawn(self._finish(query), name="login")

    async def _finish(self, query: Mapping[str, str]) -> None:
        await self.accounts.finish(query)

    def report_error(self, kind: str, message: str, account: str, *, current: bool) -> None:
        """Another program was told this by the broker; only a dead token is news."""
        if is_token_error(kind, message):
            generation = None if current else self.accounts.generation(account) - 1
            self.accounts.reported_dead(generation, account)

    def rest(self) -> None:
        """Stop, as the daemon does."""
        self.freshness.end()
        self.gaps.end()
        self.reports.stop()
        self.fall_silent()

    def fall_silent(self) -> None:
        """Do nothing any more."""
        for token in self.accounts.tokens():
            token.disarm()
        self.stream.close()  # which sets the feed's deadline anew
        for part in (self.market, self.feed, self.ages):
            part.disarm()
        if self.looks is not None:
            self.looks.disarm()
        for deed in tuple(self.deeds):
            deed.cancel()


class Ages:
    """What the daemon's heartbeat does to a headline that ages: one look at each moment at which it may change."""

    def __init__(self, reports: Reports, clock: Clock) -> None:
        self._reports = reports
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None

    def arm(self) -> None:
        """Look again when the next doubt or grace is over."""
        self.disarm()
        now = self._clock.now()
        ahead = [moment for moment in _turns(self._reports.picture) if moment > now]
        if ahead:
            self._timer = asyncio.get_running_loop().call_later((min(ahead) - now).total_seconds(), self._look)

    def disarm(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._reports.refresh()
        self.arm()


class Looks:
    """The heartbeat of a desk whose instruments are watched one by one: a look a second."""

    def __init__(self, feed: LazyFeed, freshness: FreshnessDriver, reports: Reports) -> None:
        self._feed, self._freshness, self._reports = feed, freshness, reports
        self._timer: asyncio.TimerHandle | None = None

    def arm(self) -> None:
        """Look again in a second."""
        self._timer = asyncio.get_running_loop().call_later(1.0, self._look)

    def disarm(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._feed.catch_up()
        self._freshness.look()
        seen = self._reports.picture.feed
        if len(self._feed.suspects) != seen.silent or self._feed.runs != seen.runs:
            self._reports.refresh()
        self.arm()


def _turns(picture: Picture) -> list[datetime]:
    """When patience with the token, the feed or the calendar ends."""
    begun = (picture.market.wanted_since, picture.feed.usable_since)
    ends = [moment + GRACE for moment in begun if moment is not None]
    doubts = (picture.auth.doubt_since, *(account.auth.doubt_since for account in picture.accounts))
    ends += [moment + DOUBT for moment in doubts if moment is not None]
    if picture.feed.up_since is not None:
        ends += [moment + STRAY for moment in (picture.feed.up_since, *(s.since for s in picture.market.segments))]
    return ends


class OpenGaps(GapWatch):
    """The daemon's own watch over gaps, which can also say whether one is open now."""

    _limit = 0

    def count(self) -> int:
        """How many gaps there were, the open one included once it is long enough."""
        return len(self._ledger.gaps(limit=1_000_000)) + self._is_open()

    def look(self) -> None:
        """Follow the feed, and remember what was due last: an outage outlives the lull between two phases."""
        super().look()
        self._limit = SILENCE.get(self._feed.machine.expected, self._limit)

    def _is_open(self) -> bool:
        began = self._outage.began
        return began is not None and self._feed.clock.now() - began >= timedelta(seconds=self._limit / SECOND)


def wire(
    *,
    segments: tuple[str, ...],
    calendar: Calendar,
    clock: Clock,
    brokers: Mapping[str, RehearsedBroker],
    ledger: Ledger,
    state: Path,
    spawn: Spawn,
    deeds: set[asyncio.Task[None]],
    dialled: Callable[[], None],
    watched: tuple[int, ...],
) -> Desk:
    """Make one life of the daemon; its state directory outlives it."""
    chance = random.Random(SEED).random  # noqa: S311 - jitter
    coupling = Coupling()

    def _member(name: str, broker: RehearsedBroker) -> Member:
        store = TokenStore(
            token_file(state, name), watched=[watched_file(state, name)], now=clock.now, user_id=broker.user
        )
        auth = AuthDriver(
            AuthToken(chance),
            clock,
            spawn,
            coupling.settle,
            broker=broker,
            store=store,
            user_id=broker.user,
            account=name if len(brokers) > 1 else None,
        )
        return Member(auth, Login(auth, str, clock), Account(auth, broker))

    market = MarketDriver(segments, calendar, clock, coupling.settle)
    keeper = CalendarKeeper(state, market, clock)
    accounts = Accounts({name: _member(name, broker) for name, broker in brokers.items()})
    auth, broker = accounts.feeding, brokers[FEEDING]
    feed = LazyFeed(
        FeedWatchdog(chance), clock, spawn, coupling.settle, usable_since=lambda: auth.usable_since, instruments=1
    )
    instruments = watched or (INSTRUMENT,)
    stream = RehearsedStream(broker, feed, clock, dialled, instruments)
    feed.attach(stream, coupling)
    feed.follow(instruments)
    forecaster = Forecaster(market, segments, clock)
    reports = Reports(market, auth, feed, clock, lambda: 0.0, forecast=forecaster.of, further=accounts.further)
    gaps = OpenGaps(feed, market, ledger, name="kite", instruments=instruments)
    freshness = FreshnessDriver(
        feed.freshness, feed, market, clock, stream=stream, write=partial(ledger.add_gap, "kite")
    )
    freshness.follow(instruments)
    ages = Ages(reports, clock)
    coupling.join(market, auth, feed, settled=[gaps.look, reports.refresh, ages.arm])
    return Desk(
        market=market,
        keeper=keeper,
        auth=auth,
        accounts=accounts,
        feed=feed,
        stream=stream,
        reports=reports,
        gaps=gaps,
        ages=ages,
        looks=Looks(feed, freshness, reports) if watched else None,
        freshness=freshness,
        spawn=spawn,
        deeds=deeds,
    )


def watched_file(state: Path, account: str) -> Path:
    """Where another tool saves a token of this account."""
    return state / f"{account}.env"


def owner_of(group: asyncio.TaskGroup, deeds: set[asyncio.Task[None]]) -> Spawn:
    """Start tasks that belong to the group: a fault in one ends the rehearsal."""

    def spawn(deed: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        task = group.create_task(deed, name=name)
        deeds.add(task)
        task.add_done_callback(deeds.discard)
        return task

    return spawn
