"""The merge: what each machine says and which faults there are, turned into the one headline that matters most.

The rows are those of the health page's truth table: failures before warnings, and among equals system, auth, feed,
journal, services, sinks, market. Exactly one row holds for every situation; a test enumerates all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from tradewarden.machines.report import (
    NEEDS_LOGIN,
    AuthReport,
    FeedReport,
    JournalReport,
    Layer,
    MarketReport,
    SegmentReport,
    Severity,
)
from tradewarden.machines.service import DeskReport

DOUBT = timedelta(seconds=30)  # how long an unanswered question about the token passes as "being asked"
GRACE = timedelta(seconds=15)  # how long the feed may take to start, or to stop, before that is a fault

_EXPECTS = {"none": 0, "sparse": 1, "dense": 2}


def foremost(segments: Sequence[SegmentReport]) -> SegmentReport:
    """The segment the headline speaks of: the one that expects most data, then the first in the configuration."""
    return max(segments, key=lambda segment: _EXPECTS[segment.expected])  # max keeps the first of equals


def is_out(account: AuthReport) -> bool:
    """Whether a further account needs a login; one that is under way may still fail, so it ends nothing yet."""
    return account.state in NEEDS_LOGIN or (account.state == "exchanging" and not account.holds_token)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything the headline depends on, as the machines say it."""

    auth: str
    feed: str
    market: str  # of the foremost segment
    expected: str  # none, sparse or dense
    wanted: bool
    configuration: bool = False  # auth is required because key or secret are wrong
    verdict: str | None = None  # the last verdict on the held token: valid, expiring or none yet
    recent: bool = False  # the doubt about the token is younger than 30 s
    latched: bool = False  # the feed was stale or backing off and has not been up since
    grace: bool = False  # wanted: W began or auth became usable less than 15 s ago; not wanted: W ended so recently
    stale: bool = False
    stopping: bool = False
    account_out: bool = False  # an account besides the feeding one needs a login
    journal_failed: bool = False
    service_down: bool = False
    sink_behind: bool = False
    conflict: bool = False

    @classmethod
    def of(
        cls,
        auth: AuthReport,
        feed: FeedReport,
        market: MarketReport,
        *,
        now: datetime,
        stale: bool = False,
        stopping: bool = False,
        conflict: bool = False,
        further: Iterable[AuthReport] = (),
        sink_behind: bool = False,
        journal_failed: bool = False,
        service_down: bool = False,
    ) -> Self:
        """What the three reports, and those of the further accounts, amount to at this moment."""

        def within(limit: timedelta, *moments: datetime | None) -> bool:
            return any(moment is not None and timedelta() <= now - moment < limit for moment in moments)

        begun = (market.wanted_since, feed.usable_since) if market.wanted else (market.wanted_since,)
        return cls(
            auth=auth.state,
            configuration=auth.reason == "configuration",
            verdict=auth.verdict,
            recent=within(DOUBT, auth.doubt_since),
            feed=feed.state,
            latched=feed.latched,
            grace=within(GRACE, *begun),
            market=foremost(market.segments).state,
            expected=market.expected,
            wanted=market.wanted,
            stale=stale,
            stopping=stopping,
            account_out=any(is_out(account) for account in further),
            journal_failed=journal_failed,
            service_down=service_down,
            sink_behind=sink_behind,
            conflict=conflict,
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """The row that holds, and what it says."""

    row: int
    code: str
    layer: Layer
    severity: Severity


def demand(situation: Situation) -> str:
    """How much data the desk has a right to: off, quiet (wanted, nothing due), sparse or dense."""
    if situation.expected != "none":
        return situation.expected  # data that is due is wanted, whatever the window says
    return "quiet" if situation.wanted else "off"


def effective_auth(situation: Situation) -> str:
    """The token's state as the desk must act on it: a fresh doubt keeps the last verdict, an old one does not."""
    match situation.auth:
        case "required":
            return "configuration" if situation.configuration else "required"
        case "expired":
            return "required"
        case "unknown" | "verifying":
            if not situation.recent:
                return "unverified"
            return situation.verdict or "checking"
        case settled:
            return settled


def effective_feed(situation: Situation) -> str:
    """The stream's state measured against what is due: up, starting, down, idle or unexpected."""
    due = demand(situation)
    if due == "off":
        return "idle" if situation.feed == "halted" or situation.grace else "unexpected"
    match situation.feed:
        case "streaming":
            return "up"
        case "connected":
            return _connected(due, latched=situation.latched)
        case "connecting" if not situation.latched:
            return "starting"
        case "halted" | "blocked_on_auth" if situation.grace and not situation.latched:
            return "starting"
        case _:
            return "down"


def _connected(due: str, *, latched: bool) -> str:
    """An open socket without a proven tick: all that can be shown while quiet, promising while its deadline runs."""
    if due == "quiet" or (due == "sparse" and not latched):
        return "up"
    return "down" if latched else "starting"


@dataclass(frozen=True, slots=True)
class View:
    """A situation in effective values: all that the rows look at."""

    auth: str
    feed: str
    demand: str
    feed_state: str
    market: str
    stale: bool
    stopping: bool
    account_out: bool
    journal_failed: bool
    service_down: bool
    sink_behind: bool
    conflict: bool

    @classmethod
    def of(cls, situation: Situation) -> Self:
        """The effective values of a situation."""
        return cls(
            auth=effective_auth(situation),
            feed=effective_feed(situation),
            demand=demand(situation),
            feed_state=situation.feed,
            market=situation.market,
            stale=situation.stale,
            stopping=situation.stopping,
            account_out=situation.account_out,
            journal_failed=situation.journal_failed,
            service_down=situation.service_down,
            sink_behind=situation.sink_behind,
            conflict=situation.conflict,
        )

    @property
    def wanted(self) -> bool:
        """The desk is in a window in which the feed has to be there."""
        return self.demand != "off"

    @property
    def login(self) -> bool:
        """Only a person can help: by a login, or by the right secret and then a login."""
        return self.auth in ("required", "configuration")

    @property
    def usable(self) -> bool:
        """The token is good."""
        return self.auth in ("valid", "expiring")

    @property
    def calm(self) -> bool:
        """Neither auth nor feed has anything to say."""
        return self.auth == "valid" and self.feed in ("up", "idle")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the truth table."""

    number: int
    severity: Severity
    code: Callable[[View], str]
    holds: Callable[[View], bool]


# Row 3 and 10 name the fault by what the feed's machine says of itself.
_FEED_CODES = {
    "stale": "feed.stale",
    "backing_off": "feed.backing_off",
    "blocked_on_auth": "feed.blocked_on_auth",
    "connecting": "feed.connecting",
    "connected": "feed.connecting",
    "halted": "feed.unexpected",  # wanted, usable, and nobody dialled: a coupling bug
}


def _system(v: View) -> str:
    return "system.stopping" if v.stopping else "system.stale"


def _auth(v: View) -> str:
    return f"auth.{v.auth}"


def _feed(v: View) -> str:
    return _FEED_CODES[v.feed_state]


def _market(v: View) -> str:
    return f"market.{v.market}"


def _says(code: str) -> Callable[[View], str]:
    return lambda _: code


_FAIL, _WARN, _PASS = Severity.CRITICAL, Severity.WARNING, Severity.OK

# The first row that holds is the headline. A journal fault and its neighbours show outside the window only when auth
# and feed are calm, because every failure of theirs stands above and every warning of auth or feed outranks theirs. A
# further account without a login warns where a token that expires does: both yield to a feed that is not up yet.
ROWS: tuple[Row, ...] = (
    Row(0, _FAIL, _system, lambda v: v.stale or v.stopping),
    Row(1, _FAIL, _auth, lambda v: v.login and v.wanted),
    Row(2, _FAIL, _auth, lambda v: v.auth == "unverified" and v.feed != "up" and v.wanted),
    Row(3, _FAIL, _feed, lambda v: v.usable and v.feed == "down" and v.demand == "dense"),
    Row(4, _FAIL, _says("journal.failed"), lambda v: v.journal_failed and v.wanted),
    Row(5, _FAIL, _says("services.failed"), lambda v: v.service_down and v.wanted),
    Row(6, _WARN, _auth, lambda v: v.login and not v.wanted),
    Row(7, _WARN, _auth, lambda v: v.auth == "exchanging"),
    Row(8, _WARN, _auth, lambda v: v.auth == "checking"),
    Row(9, _WARN, _auth, lambda v: v.auth == "unverified" and (v.feed == "up" or not v.wanted)),
    Row(10, _WARN, _feed, lambda v: v.usable and v.feed == "down" and v.demand in ("sparse", "quiet")),
    Row(11, _WARN, _says("feed.connecting"), lambda v: v.usable and v.feed == "starting"),
    Row(12, _WARN, _auth, lambda v: v.auth == "expiring" and v.feed in ("up", "idle", "unexpected")),
    Row(13, _WARN, _says("auth.account"), lambda v: v.auth == "valid" and v.account_out),
    Row(14, _WARN, _says("feed.unexpected"), lambda v: v.auth == "valid" and v.feed == "unexpected"),
    Row(15, _WARN, _says("journal.failed"), lambda v: v.calm and v.journal_failed),
    Row(16, _WARN, _says("services.failed"), lambda v: v.calm and v.service_down),
    Row(17, _WARN, _says("sinks.behind"), lambda v: v.calm and v.sink_behind),
    Row(18, _WARN, _says("calendar.conflict"), lambda v: v.calm and v.conflict),
    Row(19, _WARN, _market, lambda v: v.calm and v.market == "unknown" and v.demand in ("off", "quiet")),
    Row(20, _PASS, _market, lambda v: v.calm),
)


def judge(view: View) -> Verdict:
    """The first row that holds for these effective values."""
    for row in ROWS:
        if row.holds(view):
            code = row.code(view)
            return Verdict(row.number, code, _layer(code), row.severity)
    raise AssertionError(f"no row of the truth table holds for {view}: please report it")


def headline(situation: Situation) -> Verdict:
    """The worst trouble of the most important layer; the market when there is none."""
    return judge(View.of(situation))


def auth_severity(view: View) -> Severity:
    """How bad the token's own state is, whatever the headline says."""
    match view.auth:
        case "required" | "configuration":
            return _FAIL if view.wanted else _WARN
        case "unverified":
            return _FAIL if view.wanted and view.feed != "up" else _WARN
        case "valid":
            return _PASS
        case _:
            return _WARN


def feed_severity(view: View) -> Severity:
    """How bad the stream's own state is; one that only waits for the token is a consequence, not a failure."""
    if view.feed in ("up", "idle"):
        return _PASS
    waits = not view.usable and view.feed_state in ("halted", "blocked_on_auth")
    return _FAIL if view.feed == "down" and view.demand == "dense" and not waits else _WARN


def journal_severity(view: View, journal: JournalReport) -> Severity:
    """How bad the journal's own state is: a tick that is not recorded is lost for good, but only if one is due."""
    if journal.state == "failed":
        return _FAIL if view.wanted else _WARN
    return _WARN if journal.state != "recording" or journal.too_much else _PASS


def services_severity(view: View, desk: DeskReport) -> Severity:
    """How bad the desk's programs do: a critical one that is down is a failure while the feed is wanted."""
    if desk.is_failing:
        return _FAIL if view.wanted else _WARN
    return _WARN if desk.troubled or not desk.keepers_reachable else _PASS


def segment_severity(segment: SegmentReport) -> Severity:
    """A closed market is no fault; a calendar that needs a person is worth a look."""
    return _WARN if segment.problem is not None or segment.state == "unknown" else _PASS


def _layer(code: str) -> Layer:
    prefix = code.partition(".")[0]
    return Layer.MARKET if prefix == "calendar" else Layer(prefix)
