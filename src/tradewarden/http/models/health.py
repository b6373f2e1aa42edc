"""The health answer and its parts, and what asks for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import UNSET, field

from tradewarden.http.member import Member
from tradewarden.http.models.checks import (
    Action,
    Check,
    CountCheck,
    DeliveryCheck,
    SegmentCheck,
    StreamCheck,
    TokenCheck,
)
from tradewarden.http.models.document import Absent, Document, Moment, Plain, Status
from tradewarden.http.models.original import OriginalAuth, OriginalFeed, OriginalMarket, Phase, StreamState, TokenState
from tradewarden.http.operation import Operation, Told


class Headline(Document):
    """The one thing that matters most."""

    code: str
    layer: str
    severity: Literal["ok", "warning", "critical"]
    text: str
    detail: str
    since: Moment
    action: Action | Absent = UNSET


class Checks(Document):
    """Every part of the desk that there is."""

    auth: list[TokenCheck] = field(name="auth:token")
    feed: list[StreamCheck] = field(name="feed:stream")
    market: list[SegmentCheck] = field(name="market:session")
    instruments: list[Check] | Absent = field(default=UNSET, name="feed:instruments")
    journal: list[Check] | Absent = field(default=UNSET, name="journal:write")
    services: list[CountCheck] | Absent = field(default=UNSET, name="services:supervised")
    sinks: list[CountCheck] | Absent = field(default=UNSET, name="sinks:lag")
    agreement: list[Check] | Absent = field(default=UNSET, name="sinks:agree")
    alerts: list[DeliveryCheck] | Absent = field(default=UNSET, name="alerts:delivery")


class Links(Document):
    """Where to read on."""

    about: str
    events: str


class Health(Document):
    """The merged answer, in the words of health+json and in those of the original API."""

    status: Status
    version: str
    release_id: str
    service_id: str
    seq: int
    time: Moment
    headline: Headline
    checks: Checks
    links: Links
    timestamp: Moment
    market: OriginalMarket
    auth: OriginalAuth
    feed: OriginalFeed
    priority_status: Literal["AUTH_REQUIRED", "FEED_DISCONNECTED", "MARKET_SESSION"] = field(name="priority_status")
    priority_message: str = field(name="priority_message")


class SegmentInBrief(Document):
    """One segment in one word."""

    component_id: str
    status: Status
    observed_value: str


class MarketHealth(Document):
    """The market alone."""

    status: Status
    seq: int
    time: Moment
    check: SegmentCheck
    segments: list[SegmentInBrief]
    phase: Phase
    title: str
    description: str
    icon: str
    timestamp: Moment
    is_trading_hours: bool = field(name="is_trading_hours")


class AuthHealth(Document, kw_only=True):
    """The token alone; the last two are null for the public."""

    status: Status
    seq: int
    time: Moment
    check: TokenCheck
    state: TokenState
    action: Action | Absent = UNSET
    accounts: list[TokenCheck] | Absent = UNSET
    is_valid: bool = field(name="is_valid")
    requires_login: bool = field(name="requires_login")
    has_token: bool | None = field(name="has_token")
    created_at: Moment | None = field(name="created_at")


class FeedHealth(Plain):
    """The feed alone."""

    status: Status
    seq: int
    time: Moment
    check: StreamCheck
    state: StreamState
    is_healthy: bool
    is_stale: bool
    requires_reconnect: bool
    last_tick_seconds_ago: float | None
    uptime_minutes: float
    total_ticks: int
    total_reconnects: int
    connection_quality: float
    reconnect_count: int


class Summary(Plain):
    """One line for a monitor."""

    status: Status
    code: str
    seq: int
    text: str
    healthy: bool
    market_phase: Phase
    auth_valid: bool
    feed_healthy: bool
    requires_action: bool
    timestamp: Moment


@dataclass(frozen=True, slots=True)
class HealthQuery:
    """How the answer is wanted."""

    http: Annotated[str | None, Member("200 for a banner or a monitor that reads no other answer", example="200")] = (
        None
    )


_ABOUT = {
    "": ("How the desk does, as one answer with the one thing that matters most", Health),
    "/summary": ("One line of the health answer, for a monitor", Summary),
    "/auth": ("Whether the broker's token is good", AuthHealth),
    "/feed": ("Whether ticks flow", FeedHealth),
    "/market": ("Where every segment of the market stands", MarketHealth),
}
_MORE = "The code follows the status: 503 when somebody must act. An `ETag` lets a monitor ask again for nothing."
_EVENTS = "Server-sent events: `health` is the whole document, at once and with every change; `clock` a sign of life."


def _of(path: str, says: str, model: type[object], *, compat: bool) -> Operation:
    kind = "application/json" if compat else "application/health+json"
    answers = {200: Told("as it is now", model, kind), 304: Told("as you have it already", kind="")}
    if compat:
        return Operation(says=f"{says}, for clients of the original API: always 200", answers=answers)
    if path != "/market":
        answers[503] = Told("somebody must act", model, kind)
    return Operation(says=says, more=_MORE, query=HealthQuery, answers=answers, asks="?http=200" if not path else "")


ROOT = "/api/system/health"
OPERATIONS = {
    ("GET", f"{compat}{ROOT}{path}"): _of(path, says, model, compat=bool(compat))
    for compat in ("", "/compat")
    for path, (says, model) in _ABOUT.items()
} | {
    ("GET", f"{compat}{ROOT}/events"): Operation(
        says="Every change of the health answer, as it happens",
        more=_EVENTS,
        answers={200: Told("for as long as you listen", str, "text/event-stream")},
        refusals={429: "too many connections from this address", 503: "too many listen, or the daemon stops"},
    )
    for compat in ("", "/compat")
}
