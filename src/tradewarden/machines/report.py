"""What each machine says about itself, and the picture of the whole desk that they make together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType

from tradewarden.machines.service import DeskReport
from tradewarden.machines.sink import SinkReport

NEEDS_LOGIN = frozenset({"required", "expired"})  # only a person leads out of these states


class Layer(StrEnum):
    """The part of the desk that a headline speaks of, most important first."""

    SYSTEM = "system"
    AUTH = "auth"
    FEED = "feed"
    JOURNAL = "journal"
    SERVICES = "services"
    SINKS = "sinks"
    MARKET = "market"


class Severity(StrEnum):
    """How bad it is: nothing to do, worth a look, or somebody must act."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def status(self) -> str:
        """The same in the words of health+json: pass, warn or fail."""
        return {"ok": "pass", "warning": "warn", "critical": "fail"}[self.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthReport:
    """What is known of the broker's token; every time is aware, no secret is in it."""

    state: str
    reason: str | None
    since: datetime
    holds_token: bool
    verdict: str | None  # the last verdict on the held token: "valid", "expiring" or none yet
    doubt_since: datetime | None  # while unknown or verifying: when the verdict was lost, the token came or we started
    user_id: str | None = None
    minted_at: datetime | None = None
    verified_at: datetime | None = None
    expires_at: datetime | None = None
    generation: int = 0
    failures: int = 0  # failed verifies since the last positive verdict
    retry_at: datetime | None = None  # when an unanswered question is asked again


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReport:
    """An account besides the feeding one: its token is kept for other programs, no feed depends on it."""

    name: str
    auth: AuthReport
    forecast: str | None = None

    @property
    def needs_login(self) -> bool:
        """Whether only a person can help."""
        return self.auth.state in NEEDS_LOGIN


@dataclass(frozen=True, slots=True)
class Run:
    """Ticks without a break, of instruments that belong to one of these segments."""

    segments: tuple[str, ...]
    began: datetime
    last: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedReport:
    """What is known of the broker's stream; counters run since the daemon started."""

    state: str
    reason: str | None  # network, auth, server, rate_limited, mute, stall, refused, ...
    since: datetime
    latched: bool  # was stale or backing off and has not been up since
    usable_since: datetime | None  # when auth last became usable, none while it is not
    attempt: int = 0
    generation: int = 0
    retry_at: datetime | None = None
    last_tick_at: datetime | None = None
    up_since: datetime | None = None  # when the present stream was proven
    instruments: int = 0
    ticks_total: int = 0
    reconnects_total: int = 0
    reconnects_in_window: int = 0
    bad_frames_total: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    lag: Mapping[float, float] = field(default_factory=lambda: MappingProxyType({}))  # seconds by share of the ticks
    doubts_total: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))  # impossible ticks, by kind
    doubted_at: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))  # the last of each kind
    silent: int = 0  # instruments that should tick and do not, although the stream does
    runs: tuple[Run, ...] = ()  # while it streams: what of it belongs to which segments


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentReport:
    """Where one market segment stands in its day."""

    segment: str
    state: str
    since: datetime
    phase: str
    session: str | None  # regular, muhurat, special, mock; none on a day without one
    reason: str | None  # "weekend", the holiday's name, ...
    expected: str  # data_expected of the phase: none, sparse, dense
    next_state: str | None
    next_at: datetime | None
    covered_until: date
    calendar_sha256: str
    problem: str | None = None  # why the calendar needs a person: missing, expired, nearly so, unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketReport:
    """All segments of the desk in the order of the configuration, and whether the feed is wanted at all."""

    segments: tuple[SegmentReport, ...]
    wanted: bool
    wanted_since: datetime | None  # of the present state of `wanted`, true or false
    expected: str  # of the segment that expects most


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The one thing that matters most right now."""

    row: int  # of the truth table
    code: str
    layer: Layer
    severity: Severity
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport:
    """Whether messages leave the desk: the ways that are configured, and those that fail, since when."""

    ways: tuple[str, ...]
    failing: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))
    counts: Mapping[tuple[str, str], int] = field(default_factory=lambda: MappingProxyType({}))  # by way and outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpReport:
    """Which dump the instruments are chosen from, and why a newer one or newer rules are not used."""

    day: date | None
    fetched_at: datetime | None
    wanted: date  # the day whose dump there should be
    is_fresh: bool
    trouble: str | None = None  # why the last attempt brought no dump
    rules_problem: str | None = None  # why the rule files as they are now are not used


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalReport:
    """What is known of the journal; counters run since the daemon started."""

    state: str  # recording, slow (the disk takes long) or failed
    reason: str | None
    since: datetime
    last_seq: int = 0
    records_total: int = 0
    bytes_total: int = 0
    lost_total: int = 0  # ticks that came and could not be written
    sync_failures_total: int = 0
    segments: int = 0
    kept_bytes: int = 0
    too_much: bool = False  # more than it should be, and nothing may go
    unread_total: int = 0  # segments that went before every store had read them


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementReport:
    """Whether the stores had what the journal had, when they were last compared."""

    at: datetime
    agrees: bool
    said: tuple[str, ...] = ()  # of each store that did not, a line for people


@dataclass(frozen=True, slots=True, kw_only=True)
class GapsReport:
    """How often, and for how many seconds in all, data was due today and did not come."""

    count: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The whole desk at one moment; `seq` counts changes of the headline, the status or a machine's state."""

    seq: int
    now: datetime
    headline: Headline
    auth: AuthReport
    feed: FeedReport
    market: MarketReport
    started_at: datetime
    stopping: bool = False
    alerts: DeliveryReport | None = None  # none while no way out is configured
    instruments: DumpReport | None = None  # none while nothing depends on a dump or a rule file
    forecast: str | None = None  # will the token live through today's session: see machines/forecast.py
    accounts: tuple[AccountReport, ...] = ()  # besides the feeding one, in the order of the configuration
    simulated: bool = False  # the desk's clock is not the world's
    sinks: tuple[SinkReport, ...] = ()  # by name
    agreement: AgreementReport | None = None  # none before the stores were compared
    gaps: GapsReport | None = None  # of today
    journal: JournalReport | None = None  # none on a desk that records nothing
    desk: DeskReport | None = None  # none on a desk without programs
