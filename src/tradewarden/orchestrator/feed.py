"""Dials, listens and hangs up: the hands of the feed's watchdog."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Protocol

import structlog

from tradewarden.feed.doubt import AHEAD, NONE, Doubt, doubtful, glance, oldest
from tradewarden.feed.proof import Proof
from tradewarden.feed.tick import Tick
from tradewarden.machines.backoff import SECOND
from tradewarden.machines.feed import Close, Connect, FeedWatchdog, Resubscribe
from tradewarden.machines.freshness import Freshness
from tradewarden.machines.quality import Quality
from tradewarden.machines.report import FeedReport, Run
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.driver import Driver, Spawn

log = structlog.get_logger()


class Stream(Protocol):
    """One broker's stream: one connection at a time, no retries of its own."""

    async def run(self, gen: int, token: str) -> None:
        """Dial, subscribe and read until the connection ends."""
        ...

    def resubscribe(self) -> None:
        """Ask for the instruments again on the open socket."""
        ...

    def close(self) -> None:
        """Drop the socket at once."""
        ...


class Handshakes(Protocol):
    """Where the news of a handshake goes: it concerns the feed and the token at once."""

    def handshake_accepted(self, gen: int) -> None:
        """The broker opened the socket."""
        ...

    def handshake_refused(self, gen: int) -> None:
        """The broker answered 403."""
        ...


class FeedDriver(Driver[FeedWatchdog]):
    """The feed's events and ticks. A tick writes one number; only the first proven one of a connection is told."""

    layer = "feed"

    def __init__(
        self,
        machine: FeedWatchdog,
        clock: Clock,
        spawn: Spawn,
        changed: Callable[[], None],
        *,
        usable_since: Callable[[], datetime | None],
        instruments: int = 0,
        on_ticks: Callable[[list[Tick]], None] = lambda _ticks: None,
        freshness: Freshness | None = None,
        oldest_tick: Callable[[float], float] = oldest,
    ) -> None:
        super().__init__(machine, clock, spawn, changed)
        self._usable_since = usable_since
        self._instruments = instruments  # how many
        self._on_ticks = on_ticks
        self._stream: Stream | None = None
        self._handshakes: Handshakes | None = None
        self._proof = Proof()
        self.freshness = freshness or Freshness()
        self.suspects: set[int] = set()  # instruments that were silent: whoever watches them hears of their proof
        self.runs: tuple[Run, ...] = ()  # kept by whoever watches the instruments
        self.on_proof: Callable[[list[int]], None] = lambda _tokens: None
        self._second_look = Proof()  # of the suspects
        self._oldest_tick = oldest_tick
        self._latest_s = self._oldest_s = 0.0
        self._reckon_at = 0
        self.record: Callable[[list[Tick], Mapping[int, list[Doubt]]], None] = lambda _ticks, _doubtful: None
        self.doubtful: Mapping[int, list[Doubt]] = NONE  # of the frame that is being handed on, by its ticks' places
        self.doubts_total: Counter[str] = Counter()
        self._doubted_at: dict[str, datetime] = {}
        self._leaf = machine.leaf
        self._last_data: int | None = None
        self._newest: Tick | None = None
        self.quality = Quality()
        self._up_since: datetime | None = None
        self.frames_total = 0
        self.ticks_total = 0
        self.bad_frames_total: Counter[str] = Counter()
        self.lost_total: Counter[str] = Counter()
        self._opened_before_window = 0

    def attach(self, stream: Stream, handshakes: Handshakes) -> None:
        """Name the stream to dial and the listener for handshakes; once, before anything is fired."""
        self._stream, self._handshakes = stream, handshakes

    def follow(self, wanted: Collection[int]) -> None:
        """The subscription has changed to these."""
        self._instruments = len(wanted)

    # Deeds

    def perform(self, effect: Any) -> None:
        """Dial, hang up or subscribe again."""
        if self._stream is None:
            raise RuntimeError("the feed was fired before its stream was attached")
        match effect:
            case Connect(gen, token):
                self._proof.forget()
                log.info("feed.dial", gen=gen, attempt=self.machine.attempt, token_gen=token.generation)
                self._spawn(self._stream.run(gen, token.value), name=f"feed.socket.{gen}")
            case Close():
                self._stream.close()
            case Resubscribe():
                self._proof.forget()
                self._ask_anew()
                self._stream.resubscribe()
            case _:
                raise TypeError(f"the feed cannot {effect!r}")

    def settled(self) -> None:
        """Count what failed by its cause, and follow the stream's life."""
        if self.machine.leaf == "backing_off" != self._leaf:
            self.lost_total[self.machine.reason or "unknown"] += 1
        self._leaf = self.machine.leaf
        self._follow_stream()

    def _follow_stream(self) -> None:
        """Keep the moment since when the present stream is proven, and the window's own count of reconnects."""
        if self.machine.leaf not in ("streaming", "stale"):
            self._up_since = None
        elif self._up_since is None:
            self._up_since = self.clock.now()
        if self.machine.leaf == "halted":
            self._opened_before_window = self.machine.opened_total

    # What the stream tells, see FeedEvents

    def ticks(self, gen: int, ticks: list[Tick]) -> None:
        """Ticks of socket `gen`: the hot path."""
        machine = self.machine
        if gen != machine.gen:
            return
        now = machine.last_tick = self._last_data = self.clock.mono_ns()
        if now >= self._reckon_at:
            self._reckon(now)
        unclear = glance(ticks, self.freshness.heard, now, self._oldest_s, self._latest_s)
        if unclear or self.doubtful:
            self._doubt(ticks, unclear)
        self.record(ticks, self.doubtful)  # before anybody acts on them: what has been acted on can be shown
        self._newest = ticks[-1]
        self.ticks_total += len(ticks)
        if machine.leaf != "streaming" and self._proof.is_in(ticks):
            self._proof.forget()  # proven: what was compared is not needed again before the next subscribe
            self.fire("ticked", gen=gen)
        if self.suspects:
            self._look_twice(ticks)
        self._on_ticks(ticks)

    def _reckon(self, now: int) -> None:
        """The time on the wall, once a second: what ticks are held against."""
        now_s = self.clock.now().timestamp()
        self._latest_s, self._oldest_s, self._reckon_at = now_s + AHEAD, self._oldest_tick(now_s), now + SECOND

    def _doubt(self, ticks: list[Tick], unclear: list[Tick]) -> None:
        self.doubtful = doubtful(ticks, unclear, self._latest_s - AHEAD, self._oldest_s)
        now = self.clock.now()
        for kinds in self.doubtful.values():
            for kind in kinds:
                self.doubts_total[kind.value] += 1
                self._doubted_at[kind.value] = now

    def suspect(self, tokens: Collection[int]) -> None:
        """These were silent and are asked for again: a tick of theirs that can only be new is told."""
        self.suspects.update(tokens)
        self._second_look.forget(tokens)

    def _look_twice(self, ticks: list[Tick]) -> None:
        proven = self._second_look.among(ticks, self.suspects)
        if proven:
            self.suspects.difference_update(proven)
            self._second_look.forget(proven)
            self.on_proof(proven)

    def _ask_anew(self) -> None:
        self._second_look.forget()
        self.freshness.asked(self.clock.mono_ns())

    def look(self) -> None:
        """Measure the stream; called at each beat."""
        mono, newest, self._newest = self.clock.mono_ns(), self._newest, None
        lag = None
        if newest is not None and newest.exchange_ts and self._last_data is not None:
            received = self.clock.now().timestamp() - (mono - self._last_data) / 1e9
            lag = max(0.0, received - newest.exchange_ts)
        self.quality.look(now=mono, ticks_total=self.ticks_total, lag=lag)

    def frame(self, gen: int) -> None:  # noqa: ARG002 - the stream's word
        """Any frame came, a heartbeat included: the transport lives, which says nothing about data."""
        self.frames_total += 1

    def opened(self, gen: int) -> None:
        """The broker accepted the handshake."""
        if gen == self.machine.gen:
            self._ask_anew()
        if self._handshakes is not None:
            self._handshakes.handshake_accepted(gen)

    def refused(self, gen: int, status: int) -> None:
        """The broker answered the handshake with 403."""
        log.warning("feed.refused", gen=gen, status=status)
        self.lost_total["refused"] += 1
        if self._handshakes is not None:
            self._handshakes.handshake_refused(gen)

    def lost(self, gen: int, reason: str, detail: str) -> None:
        """The connection ended, or did not come about."""
        log.warning("feed.lost", gen=gen, reason=reason, detail=detail)
        if reason == "configuration":
            self.lost_total[reason] += 1
            self.fire("misconfigured", gen=gen)
        else:
            self.fire("lost", gen=gen, reason=reason)

    def bad_frame(self, gen: int, kind: str) -> None:  # noqa: ARG002 - the stream's word
        """A frame or a part of one made no sense; the connection is kept."""
        self.bad_frames_total[kind] += 1

    def text(self, gen: int, message: Mapping[str, Any]) -> None:
        """The broker said something in words."""
        if message.get("type") == "error":
            log.warning("feed.broker_error", gen=gen, text=str(message.get("data"))[:300])

    def report(self) -> FeedReport:
        """What is known of the stream now."""
        machine, now, mono = self.machine, self.clock.now(), self.clock.mono_ns()
        ago = None if self._last_data is None else timedelta(microseconds=(mono - self._last_data) / 1000)
        wait = None if machine.retry_at is None else timedelta(microseconds=(machine.retry_at - mono) / 1000)
        return FeedReport(
            state=machine.leaf,
            reason=machine.reason,
            since=self.since,
            latched=machine.latched,
            usable_since=self._usable_since(),
            attempt=machine.attempt,
            generation=machine.gen,
            retry_at=None if wait is None else now + wait,
            last_tick_at=None if ago is None else now - ago,
            up_since=self._up_since,
            instruments=self._instruments,
            ticks_total=self.ticks_total,
            reconnects_total=max(0, machine.opened_total - 1),
            reconnects_in_window=max(0, machine.opened_total - self._opened_before_window - 1),
            bad_frames_total=MappingProxyType(self.bad_frames_total),
            doubts_total=MappingProxyType(self.doubts_total),
            doubted_at=MappingProxyType(self._doubted_at),
            silent=len(self.suspects),
            runs=self.runs if self.machine.leaf == "streaming" else (),
            lag=self.quality.lags,
        )
