"""The desk of a rehearsal: the daemon's machines and drivers, wired to a rehearsed broker instead of a network."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tradewarden.machines.auth import AuthToken
from tradewarden.machines.backoff import SECOND
from tradewarden.machines.calendar import Calendar
from tradewarden.machines.conflict import STRAY
from tradewarden.machines.feed import SILENCE, FeedWatchdog
from tradewarden.machines.headline import DOUBT, GRACE
from tradewarden.machines.report import Picture
from tradewarden.machines.token_error import is_token_error
from tradewarden.orchestrator.account import Account
from tradewarden.orchestrator.auth import AuthDriver
from tradewarden.orchestrator.calendar_keeper import CalendarKeeper
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.coupling import Coupling
from tradewarden.orchestrator.driver import Spawn
from tradewarden.orchestrator.forecast import Forecaster
from tradewarden.orchestrator.gap import GapWatch
from tradewarden.orchestrator.ledger import Ledger
from tradewarden.orchestrator.login import Login
from tradewarden.orchestrator.market import MarketDriver
from tradewarden.orchestrator.report import Reports
from tradewarden.orchestrator.token import TokenStore
from tradewarden.rehearse_world import INSTRUMENT, USER, LazyFeed, RehearsedBroker, RehearsedStream

SEED = 2026  # of the jitter: a rehearsal is the same each time


@dataclass(slots=True)
class Desk:
    """The parts of one life of the daemon."""

    market: MarketDriver
    keeper: CalendarKeeper
    auth: AuthDriver
    account: Account
    feed: LazyFeed
    stream: RehearsedStream
    login: Login
    reports: Reports
    gaps: OpenGaps
    ages: Ages
    spawn: Spawn
    deeds: set[asyncio.Task[None]]

    def begin(self) -> None:
        """Wake up, as the daemon does."""
        self.market.sync()
        self.auth.begin()

    def jumped(self) -> None:
        """The wall clock stepped: what the daemon's heartbeat would notice."""
        self.market.sync()
        self.auth.clock_jumped()
        self.reports.refresh()
        self.ages.arm()

    def log_in(self, request_token: str) -> None:
        """A person comes back from the broker's page with this request token."""
        query = {"state": self.login.begin(), "status": "success", "request_token": request_token}
        self.spawn(self._finish(query), name="login")

    async def _finish(self, query: Mapping[str, str]) -> None:
        await self.login.finish(query)

    def report_error(self, kind: str, message: str, *, current: bool) -> None:
        """Another program was told this by the broker; only a dead token is news."""
        if is_token_error(kind, message):
            self.account.reported_dead(None if current else self.account.generation - 1)

    def rest(self) -> None:
        """Stop, as the daemon does."""
        self.gaps.end()
        self.reports.stop()
        self.fall_silent()

    def fall_silent(self) -> None:
        """Do nothing any more."""
        for part in (self.market, self.auth, self.feed, self.ages):
            part.disarm()
        self.stream.close()
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


def _turns(picture: Picture) -> list[datetime]:
    """When patience with the token, the feed or the calendar ends."""
    begun = (picture.market.wanted_since, picture.feed.usable_since)
    ends = [moment + GRACE for moment in begun if moment is not None]
    if picture.auth.doubt_since is not None:
        ends.append(picture.auth.doubt_since + DOUBT)
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
    broker: RehearsedBroker,
    ledger: Ledger,
    state: Path,
    spawn: Spawn,
    deeds: set[asyncio.Task[None]],
    dialled: Callable[[], None],
) -> Desk:
    """Make one life of the daemon; its state directory outlives it."""
    chance = random.Random(SEED).random  # noqa: S311 - jitter
    coupling = Coupling()
    market = MarketDriver(segments, calendar, clock, coupling.settle)
    keeper = CalendarKeeper(state, market, clock)
    store = TokenStore(own_file(state), watched=[watched_file(state)], now=clock.now, user_id=USER)
    auth = AuthDriver(AuthToken(chance), clock, spawn, coupling.settle, broker=broker, store=store, user_id=USER)
    feed = LazyFeed(
        FeedWatchdog(chance), clock, spawn, coupling.settle, usable_since=lambda: auth.usable_since, instruments=1
    )
    stream = RehearsedStream(broker, feed, clock, dialled)
    feed.attach(stream, coupling)
    forecaster = Forecaster(market, segments, clock)
    reports = Reports(market, auth, feed, clock, lambda: 0.0, forecast=forecaster.of)
    gaps = OpenGaps(feed, market, ledger, name="kite", instruments=[INSTRUMENT])
    ages = Ages(reports, clock)
    coupling.join(market, auth, feed, settled=[gaps.look, reports.refresh, ages.arm])
    return Desk(
        market=market,
        keeper=keeper,
        auth=auth,
        account=Account(auth, broker),
        feed=feed,
        stream=stream,
        login=Login(auth, str, clock),
        reports=reports,
        gaps=gaps,
        ages=ages,
        spawn=spawn,
        deeds=deeds,
    )


def own_file(state: Path) -> Path:
    """Where the daemon keeps its token."""
    return state / "token.json"


def watched_file(state: Path) -> Path:
    """Where another tool saves one."""
    return state / "desk.env"


def owner_of(group: asyncio.TaskGroup, deeds: set[asyncio.Task[None]]) -> Spawn:
    """Start tasks that belong to the group: a fault in one ends the rehearsal."""

    def spawn(deed: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        task = group.create_task(deed, name=name)
        deeds.add(task)
        task.add_done_callback(deeds.discard)
        return task

    return spawn
