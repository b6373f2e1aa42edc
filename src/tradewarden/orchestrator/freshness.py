"""Watches the single instruments of the feed, asks again for those that are silent, and writes their silences down."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from tradewarden.feed.brokers.kite_segments import INDICES, group_of, segments_of
from tradewarden.machines.backoff import SECOND
from tradewarden.machines.connections import AskAll, Connections
from tradewarden.machines.freshness import LEARNED, NEVER, Ask, Freshness, Redial, Watched
from tradewarden.machines.gap import INSTRUMENT_SILENCE, LEFT, SESSION_ENDED, STOPPED, Gap, together
from tradewarden.machines.report import Run
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.feed import FeedDriver
from tradewarden.orchestrator.market import MarketDriver

EVERY = SECOND  # a look a second, whatever the beat
RUNS_EVERY = 10 * SECOND  # segments are looked at less often than instruments
RUN_BREAK = 60 * SECOND  # without a tick of a segment: then its ticks are single ones, and no session
SETTLED = timedelta(seconds=5)  # a silence is written down so long after its end: others may end with it
REASON = "instrument_silence"  # as which a connection that is dialled anew is counted

log = structlog.get_logger()


class Stream(Protocol):
    """Connections that can be mended one by one."""

    def connections(self) -> Sequence[Collection[int]]:
        """The instruments of each."""
        ...

    def ask_again(self, tokens: Collection[int]) -> None:
        """Subscribe exactly these again."""
        ...

    def redial(self, place: int) -> None:
        """Drop this one and dial it anew."""
        ...


@dataclass(frozen=True, slots=True)
class SilentReport:
    """One instrument that should tick and does not."""

    token: int
    since: datetime
    limit: float  # seconds
    kind: str  # index, liquid, illiquid, learned; or connection: its whole connection is silent
    tries: int  # how often it was asked for again
    is_first: bool  # not even its snapshot came


class FreshnessDriver:
    """The hands of machines/freshness.py and machines/connections.py; looks at a heartbeat, never at a tick."""

    def __init__(
        self,
        machine: Freshness,
        feed: FeedDriver,
        market: MarketDriver,
        clock: Clock,
        *,
        stream: Stream,
        write: Callable[[Gap, Sequence[int]], None],
        class_of: Callable[[int], str | None] = lambda _token: None,
    ) -> None:
        self.machine = machine
        self.connections = Connections()
        self._feed, self._market, self._clock, self._stream = feed, market, clock, stream
        self._write, self._class_of = write, class_of
        self._dense_since: dict[str, int] = {}
        self._segments: dict[int, tuple[str, ...]] = {}  # that the instruments of each group may belong to
        self._looked_at: int | None = None
        self._runs: dict[int, tuple[int, int]] = {}  # of each group: the first tick without a break, and the last
        self._runs_at = 0
        self._over: list[tuple[int, Gap]] = []
        feed.on_proof = self.proven

    def follow(self, wanted: Iterable[int]) -> None:
        """The subscription has changed to these."""
        place_of = {token: place for place, held in enumerate(self._stream.connections()) for token in held}
        watched = {token: self._watched(token, place_of.get(token, 0)) for token in wanted}
        gone = self.machine.follow(watched, now=self._clock.mono_ns())
        self._end(gone, LEFT)
        desk = tuple(session.segment for session in self._market.sessions)
        self._segments = {group: segments_of(group, desk) for group in self.machine.groups}

    def _watched(self, token: int, place: int) -> Watched:
        group = group_of(token)
        kind = self._class_of(token) or ("index" if group == INDICES else LEARNED)
        return Watched(group, place, kind)

    # Looking

    def look(self) -> None:
        """At each beat: who is silent, and what is done about it."""
        now = self._clock.mono_ns()
        if self._looked_at is not None and now - self._looked_at < EVERY:
            return
        self._looked_at = now
        due = self._due(now)
        self._end_undue(due)
        if self._feed.machine.leaf == "streaming":
            self._judge(now, due, self._feed.machine.since)
            self._follow_runs(now)
        else:
            self._runs.clear()
        self._settle()

    def _end_undue(self, due: Sequence[int]) -> None:
        self._end([token for token in self.machine.silent if due[group_of(token)] == NEVER], SESSION_ENDED)
        for place, held in enumerate(self._stream.connections()):
            if place in self.connections.quiet and all(due[group_of(token)] == NEVER for token in held):
                self._connection_over(place, held, SESSION_ENDED)

    def _judge(self, now: int, due: Sequence[int], since: int) -> None:
        held = self._stream.connections()
        if len(held) > 1:
            heard, starts = self.machine.by_place(len(held), due)
            late = [start if start == NEVER else max(start, since) for start in starts]
            for deed in self.connections.look(now=now, heard=heard, due=late):
                self._do(deed, held, now)
        for repair in self.machine.look(now=now, since=since, due=due, quiet=self.connections.quiet):
            self._do(repair, held, now)

    def _due(self, now: int) -> list[int]:
        """For each group of tokens since when all segments that they may belong to make data due densely."""
        for session in self._market.sessions:
            if session.moment is None or session.moment.expected != "dense" or not self._market.wanted:
                self._dense_since.pop(session.segment, None)
            else:
                self._dense_since.setdefault(session.segment, now)
        due = [NEVER] * 256
        for group, segments in self._segments.items():
            due[group] = self._since(segments)
        return due

    def _since(self, segments: tuple[str, ...]) -> int:
        if any(segment not in self._dense_since for segment in segments):
            return NEVER
        return max(self._dense_since[segment] for segment in segments)

    def _follow_runs(self, now: int) -> None:
        """Which segments tick, and since when without a break: what the calendar is held against."""
        if now < self._runs_at:
            return
        self._runs_at = now + RUNS_EVERY
        for group, last in self.machine.last_ticks().items():
            began, before = self._runs.get(group, (last, last))
            self._runs[group] = (began if last - before < RUN_BREAK else last, last)
        self._feed.runs = tuple(
            Run(self._segments[group], self._moment(began), self._moment(last))
            for group, (began, last) in self._runs.items()
            if last and group in self._segments
        )

    # Deeds

    def _do(self, deed: Ask | AskAll | Redial, held: Sequence[Collection[int]], now: int) -> None:
        match deed:
            case Ask(tokens):
                log.warning("feed.silent", instruments=len(tokens), first=sorted(tokens)[:5])
                self._ask(tokens)
            case AskAll(place):
                log.warning("feed.silent_connection", connection=place + 1, instruments=len(held[place]))
                self._ask(held[place])
            case Redial(place):
                log.warning("feed.redial", connection=place + 1, reason=REASON)
                self._feed.lost_total[REASON] += 1
                self._feed.suspect(held[place] if place in self.connections.quiet else self._silent_in(place))
                self._stream.redial(place)
                self.machine.asked(now, {place})

    def _ask(self, tokens: Collection[int]) -> None:
        self._feed.suspect(tokens)
        self._stream.ask_again(tokens)

    def _silent_in(self, place: int) -> list[int]:
        return [token for token, each in self.machine.silent.items() if each.place == place]

    # What becomes of them

    def proven(self, tokens: Collection[int]) -> None:
        """These tick again."""
        for place, held in enumerate(self._stream.connections()):
            if place in self.connections.quiet and any(token in held for token in tokens):
                self._connection_over(place, held)
        self._end(tokens)

    def _connection_over(self, place: int, held: Collection[int], cause: str | None = None) -> None:
        quiet = self.connections.over(place)
        if quiet is None:
            return
        gap = self._gap(quiet.since, cause)
        self._over += [(token, gap) for token in held]
        log.info("feed.connection_ticks", connection=place + 1, seconds=round(gap.seconds, 3))
        self._feed.suspects.difference_update(token for token in held if token not in self.machine.silent)

    def _end(self, tokens: Iterable[int], cause: str | None = None) -> None:
        ended = self.machine.over(tokens)
        self._feed.suspects.difference_update(ended)
        self._over += [(token, self._gap(each.since, cause)) for token, each in ended.items()]

    def _gap(self, began: int, cause: str | None) -> Gap:
        causes = (INSTRUMENT_SILENCE,) if cause is None else (INSTRUMENT_SILENCE, cause)
        return Gap(self._moment(began), self._clock.now(), causes)

    def _moment(self, mono: int) -> datetime:
        return self._clock.now() - timedelta(microseconds=(self._clock.mono_ns() - mono) / 1000)

    def _settle(self, *, at_once: bool = False) -> None:
        """Write down what is over, as one what began and ended together."""
        if not self._over:
            return
        if at_once or self._clock.now() - max(gap.ended for _, gap in self._over) >= SETTLED:
            over, self._over = self._over, []
            for gap, tokens in together(over):
                self._write(gap, tokens)

    def end(self) -> None:
        """The daemon stops: what is silent now is written down as far as it is known."""
        for place, held in enumerate(self._stream.connections()):
            self._connection_over(place, held, STOPPED)
        self._end(list(self.machine.silent), STOPPED)
        self._settle(at_once=True)

    # Reports

    def report(self) -> list[SilentReport]:
        """Every instrument that is silent now, the longest first."""
        silent = {
            token: SilentReport(
                token, self._moment(each.since), each.limit / SECOND, each.kind, each.tries, each.is_first
            )
            for token, each in self.machine.silent.items()
        }
        for place, held in enumerate(self._stream.connections()):
            quiet = self.connections.quiet.get(place)
            if quiet is not None:
                since, limit = self._moment(quiet.since), quiet.limit / SECOND
                silent |= {t: SilentReport(t, since, limit, "connection", quiet.tries, is_first=False) for t in held}
        return sorted(silent.values(), key=lambda each: (each.since, each.token))

    def limits(self) -> Mapping[int, tuple[str, float | None]]:
        """Each instrument's class and its limit in seconds; none while it is not judged."""
        told = self.machine.limits()
        return {token: (kind, None if limit is None else limit / SECOND) for token, (kind, limit) in told.items()}
