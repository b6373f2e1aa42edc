"""Figures for Prometheus: OpenMetrics text, written by hand because the usual library costs megabytes.

No label ever holds an instrument, a user id or a token; an account goes by the operator's name for it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from types import MappingProxyType
from typing import Protocol

from aiohttp import web

from tradewarden.machines.account import FEEDING
from tradewarden.machines.report import JournalReport, Picture
from tradewarden.orchestrator.clock import IST

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

AUTH_STATES = ("unknown", "required", "exchanging", "verifying", "valid", "expiring", "expired")
FEED_STATES = ("halted", "blocked_on_auth", "connecting", "connected", "streaming", "stale", "backing_off")
JOURNAL_STATES = ("recording", "slow", "failed")
MARKET_STATES = ("unknown", "closed", "pre_open", "live", "closing_auction", "post_close", "halted")

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)  # of one answered request

Labels = Mapping[str, str]
Sample = tuple[str, Labels, float]


class Counted(Protocol):
    """What every machine counts of itself."""

    @property
    def transitions_total(self) -> Mapping[tuple[str, str], int]:
        """How often it went from one state to another."""
        ...

    @property
    def ignored_total(self) -> int:
        """Facts that meant nothing in the state it was in."""
        ...

    @property
    def stale_results_total(self) -> int:
        """Answers to questions that nobody asked any more."""
        ...


class Lag(Protocol):
    """How late the event loop was, as the heartbeat sees it."""

    @property
    def lag_counts(self) -> Sequence[int]:
        """How many beats fell between two bounds; the last entry is those beyond all of them."""
        ...

    @property
    def lag_sum(self) -> float:
        """All lags together, in seconds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the daemon counts outside the picture; each part is optional."""

    machines: Mapping[str, Counted] = field(default_factory=lambda: MappingProxyType({}))
    lost: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))  # connections lost, by reason
    lag: Lag | None = None
    lag_bounds: Sequence[float] = ()
    parts: Sequence[Callable[[], Iterable[Family]]] = ()  # what other parts of the desk have to tell


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its name, type, sentence and samples."""

    name: str
    kind: str
    text: str
    samples: Sequence[Sample]
    unit: str = ""


def render(families: Iterable[Family]) -> bytes:
    """The families as OpenMetrics text."""
    return ("".join(line + "\n" for family in families for line in _lines(family)) + "# EOF\n").encode()


def _lines(family: Family) -> Iterator[str]:
    yield f"# TYPE {family.name} {family.kind}"
    if family.unit:
        yield f"# UNIT {family.name} {family.unit}"
    yield f"# HELP {family.name} {_escape(family.text)}"
    for suffix, labels, value in family.samples:
        inside = ",".join(f'{name}="{_escape(text)}"' for name, text in labels.items())
        yield (
            f"{family.name}{suffix}{{{inside}}} {_number(value)}"
            if inside
            else f"{family.name}{suffix} {_number(value)}"
        )


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else repr(float(value))


def state_set(name: str, text: str, states: Sequence[str], now: Sequence[tuple[Labels, str]]) -> Family:
    """A state set: one sample a state, 1 for the present one. The label carries the metric's name."""
    samples = [("", {**labels, name: state}, int(state == present)) for labels, present in now for state in states]
    return Family(name, "stateset", text, samples)


def histogram(bounds: Sequence[float], counts: Sequence[int], total: float, labels: Labels) -> list[Sample]:
    """The samples of one histogram from counts per interval."""
    samples: list[Sample] = []
    running = 0
    for bound, count in zip([*map(repr, bounds), "+Inf"], counts, strict=True):
        running += count
        samples.append(("_bucket", {**labels, "le": bound}, running))
    return [*samples, ("_count", labels, running), ("_sum", labels, total)]


class Requests:
    """Counts answered requests by route and code."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], tuple[list[int], list[float]]] = {}

    def count(self, route: str, code: int, seconds: float) -> None:
        """One more answer."""
        key = (route, str(code))
        seen = self._seen.get(key)
        if seen is None:
            seen = self._seen[key] = ([0] * (len(_SECONDS) + 1), [0.0])
        seen[0][bisect_left(_SECONDS, seconds)] += 1
        seen[1][0] += seconds

    def families(self) -> Iterator[Family]:
        """Both metrics of the HTTP side."""
        labelled = [({"route": route, "code": code}, *seen) for (route, code), seen in self._seen.items()]
        totals = [("_total", labels, sum(counts)) for labels, counts, _ in labelled]
        spread = [
            sample for labels, counts, total in labelled for sample in histogram(_SECONDS, counts, total[0], labels)
        ]
        yield Family("tradewarden_http_requests", "counter", "Requests answered, by route and code.", totals)
        text = "Time from a request to its answer, by route and code."
        yield Family("tradewarden_http_request_seconds", "histogram", text, spread, unit="seconds")


def of_picture(picture: Picture, version: str) -> Iterator[Family]:
    """What the picture holds."""
    status: list[tuple[Labels, str]] = [({}, picture.headline.severity.status)]
    segments = picture.market.segments
    yield Family("tradewarden_build", "info", "The program that answers.", [("_info", {"version": version}, 1)])
    yield state_set("tradewarden_health_status", "The merged answer.", ("pass", "warn", "fail"), status)
    tokens = {FEEDING: picture.auth} | {account.name: account.auth for account in picture.accounts}
    states: list[tuple[Labels, str]] = [({"account": name}, auth.state) for name, auth in tokens.items()]
    yield state_set("tradewarden_auth_state", "The broker's token, by account.", AUTH_STATES, states)
    yield state_set("tradewarden_feed_state", "The broker's stream.", FEED_STATES, [({}, picture.feed.state)])
    markets: list[tuple[Labels, str]] = [({"segment": segment.segment}, segment.state) for segment in segments]
    yield state_set("tradewarden_market_state", "Each market segment.", MARKET_STATES, markets)
    yield from _of_feed(picture)
    yield from _of_journal(picture.journal)
    ends = [({"account": name}, auth.expires_at) for name, auth in tokens.items()]
    yield _timestamp("tradewarden_auth_expires", "When the token is expected to die, by account.", ends)
    covered = [({"segment": s.segment}, datetime.combine(s.covered_until, time.max, IST)) for s in segments]
    yield _timestamp("tradewarden_calendar_covered_until", "The end of the calendar.", covered)
    told = picture.alerts.counts if picture.alerts is not None else {}
    tries: list[Sample] = [("_total", {"transport": way, "outcome": outcome}, n) for (way, outcome), n in told.items()]
    yield Family("tradewarden_alerts", "counter", "Messages to people, by way and outcome of each try.", tries)


def _of_feed(picture: Picture) -> Iterator[Family]:
    feed = picture.feed
    yield Family("tradewarden_feed_ticks", "counter", "Ticks received.", [("_total", {}, feed.ticks_total)])
    odd: list[Sample] = [("_total", {"kind": kind}, count) for kind, count in sorted(feed.doubts_total.items())]
    yield Family("tradewarden_feed_doubtful_ticks", "counter", "Ticks with impossible prices or times, by kind.", odd)
    silent: list[Sample] = [("", {}, feed.silent)]
    yield Family("tradewarden_feed_silent_instruments", "gauge", "Instruments that should tick and do not.", silent)
    yield _timestamp("tradewarden_feed_last_tick", "When the last tick came.", [({}, feed.last_tick_at)])
    wait = 0.0 if feed.retry_at is None else max(0.0, (feed.retry_at - picture.now).total_seconds())
    text = "Seconds until the next dial."
    yield Family("tradewarden_feed_backoff_seconds", "gauge", text, [("", {}, wait)], unit="seconds")
    lags: list[Sample] = [("", {"quantile": str(share)}, seconds) for share, seconds in sorted(feed.lag.items())]
    text = "From the exchange's stamp, in whole seconds, to us: of sampled ticks."
    yield Family("tradewarden_feed_lag_seconds", "gauge", text, lags, unit="seconds")
    bad: list[Sample] = [("_total", {"kind": kind}, count) for kind, count in sorted(feed.bad_frames_total.items())]
    yield Family("tradewarden_feed_bad_frames", "counter", "Frames that made no sense, by kind.", bad)


def _of_journal(journal: JournalReport | None) -> Iterator[Family]:
    if journal is None:
        return
    yield state_set("tradewarden_journal_state", "The journal.", JOURNAL_STATES, [({}, journal.state)])
    for name, text, count in (
        ("records", "Ticks recorded.", journal.records_total),
        ("written_bytes", "Bytes recorded.", journal.bytes_total),
        ("lost_ticks", "Ticks that came and could not be recorded.", journal.lost_total),
        ("sync_failures", "Times that the disk refused what was written.", journal.sync_failures_total),
        ("unread_segments", "Files that went before every store had read them.", journal.unread_total),
    ):
        yield Family(f"tradewarden_journal_{name}", "counter", text, [("_total", {}, count)])
    yield Family("tradewarden_journal_segments", "gauge", "Files of the journal.", [("", {}, journal.segments)])
    yield Family("tradewarden_journal_bytes", "gauge", "Their size.", [("", {}, journal.kept_bytes)], unit="bytes")
    yield Family("tradewarden_journal_last_seq", "gauge", "The last number given.", [("", {}, journal.last_seq)])


def _timestamp(name: str, text: str, values: Iterable[tuple[Labels, datetime | None]]) -> Family:
    samples: list[Sample] = [("", labels, moment.timestamp()) for labels, moment in values if moment is not None]
    return Family(f"{name}_timestamp_seconds", "gauge", text, samples, unit="seconds")


def of_figures(figures: Figures) -> Iterator[Family]:
    """What the machines and the heartbeat count."""
    machines = sorted(figures.machines.items())
    moves: list[Sample] = [
        ("_total", {"machine": name, "src": src, "dst": dst}, count)
        for name, machine in machines
        for (src, dst), count in sorted(machine.transitions_total.items())
    ]
    yield Family("tradewarden_transitions", "counter", "Changes of state.", moves)
    ignored: list[Sample] = [("_total", {"machine": name}, machine.ignored_total) for name, machine in machines]
    yield Family("tradewarden_events_ignored", "counter", "Facts that meant nothing when they came.", ignored)
    old: list[Sample] = [("_total", {"machine": name}, machine.stale_results_total) for name, machine in machines]
    yield Family("tradewarden_stale_results", "counter", "Answers that came too late to matter.", old)
    lost: list[Sample] = [("_total", {"reason": reason}, count) for reason, count in sorted(figures.lost.items())]
    yield Family("tradewarden_feed_reconnects", "counter", "Connections that ended and were dialled anew.", lost)
    if figures.lag is not None:
        spread = histogram(figures.lag_bounds, figures.lag.lag_counts, figures.lag.lag_sum, {})
        yield Family(
            "tradewarden_loop_lag_seconds", "histogram", "How late the event loop was.", spread, unit="seconds"
        )


class Metrics:
    """GET /metrics, for programs on this machine and for whoever has the token."""

    def __init__(
        self,
        picture: Callable[[], Picture],
        requests: Requests,
        clients: Callable[[], int],
        *,
        version: str,
        figures: Figures,
    ) -> None:
        self._picture = picture
        self._requests = requests
        self._clients = clients
        self._version = version
        self._figures = figures

    async def get(self, _request: web.Request) -> web.Response:
        """All figures as they are now."""
        return web.Response(
            body=render(self.families()), headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"}
        )

    def families(self) -> Iterator[Family]:
        """Everything there is to tell."""
        yield from of_picture(self._picture(), self._version)
        yield from of_figures(self._figures)
        for part in self._figures.parts:
            yield from part()
        yield from self._requests.families()
        clients: list[Sample] = [("", {}, self._clients())]
        yield Family("tradewarden_sse_clients", "gauge", "Clients that listen to events.", clients)
