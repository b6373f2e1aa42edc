"""A sink's life: is the store there, does it keep up with the journal, and must a person look at it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tradewarden.machines.backoff import SECOND, Backoff

LATE = 10 * SECOND  # a record that waits longer than this makes its sink one that is behind
CAUGHT_UP = 2 * SECOND  # below this it is behind no more
AWAY = 30 * SECOND  # without a store for so long a person should know, even while no tick waits
RECHECK = 60 * SECOND  # how often a store that does not fit is looked at again
PROOF = 10 * SECOND  # of commits without trouble, after which the next trouble is a first one
BACKOFF = Backoff(cap=10 * SECOND)
MOST_NEWS = 6  # kinds of news a minute: a store that words each refusal anew fills no log


class SinkState(StrEnum):
    """Where a sink stands, as people say it."""

    CONNECTING = "connecting"
    WRITING = "writing"  # it keeps up, or there is nothing to write
    BEHIND = "behind"  # it writes, but what it writes has waited
    BACKING_OFF = "backing_off"  # the store is not there: tried again in a moment
    MISFIT = "misfit"  # the store is there, but a person must act
    ABSENT = "absent"  # another process is to carry it, and does not


@dataclass(frozen=True, slots=True)
class TableReport:
    """What one table, stream or measurement of a store holds, where the store tells."""

    name: str
    rows: int | None
    bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkReport:
    """What is known of one sink; counters run since the process that carries it started."""

    name: str
    process: str  # daemon or own
    state: SinkState
    reason: str | None
    since: datetime
    needs_a_look: bool
    position: int = 0  # the number of the last record that is safe in the store
    lag_ticks: int = 0
    lag_seconds: float = 0.0  # how long the oldest record has waited that is not safe
    retry_at: datetime | None = None
    latency_p50: float | None = None  # seconds from receipt to commit
    latency_p99: float | None = None
    rate: float = 0.0  # ticks a second
    written_total: int = 0
    set_aside_total: int = 0  # records that the store refused for good
    missed_total: int = 0  # records that the journal had no more when their turn came
    dropped_total: int = 0  # messages that a subscriber was too slow for, where the store keeps nothing
    errors_last_hour: int = 0
    last_error: str | None = None
    last_error_at: datetime | None = None
    last_commit_at: datetime | None = None
    tables: tuple[TableReport, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """A change that is worth a line in the log."""

    src: SinkState
    dst: SinkState
    reason: str | None


class SinkLife:
    """One sink's states; times are monotonic nanoseconds. Every fact answers whether it is news."""

    def __init__(self, uniform: Callable[[], float], now: int) -> None:
        self._uniform = uniform
        self.state = SinkState.CONNECTING
        self.reason: str | None = None
        self.since = now
        self.tries = 0
        self.retry_at: int | None = None
        self._away_since: int | None = now  # no store since then
        self._well_since: int | None = None  # commits without trouble since then
        self._lag = 0
        self._told: dict[tuple[SinkState, str | None], int] = {}

    # Facts

    def opened(self, now: int) -> Told | None:
        """The store is there and fits."""
        self._well_since = None
        return self._enter(SinkState.BEHIND if self._lag > LATE else SinkState.WRITING, None, now)

    def committed(self, now: int, lag: int) -> Told | None:
        """A batch is safe; `lag` is how long the oldest record has waited that is not."""
        if self._well_since is None:
            self._well_since = now
        elif now - self._well_since >= PROOF:
            self.tries = 0
        self._away_since = None
        return self.looked(now, lag)

    def looked(self, now: int, lag: int) -> Told | None:
        """So long has the oldest record waited that is not safe; 0 when none waits."""
        self._lag = lag
        match self.state:
            case SinkState.WRITING if lag > LATE:
                return self._enter(SinkState.BEHIND, None, now)
            case SinkState.WRITING | SinkState.BEHIND if lag <= CAUGHT_UP:
                self._away_since = None  # open, and nothing waits: that is all that can be asked of it
                return self._enter(SinkState.WRITING, None, now)
            case _:
                return None

    def unavailable(self, now: int, reason: str) -> Told | None:
        """The store is not there, or broke off."""
        self._leave(now)
        self.retry_at = now + BACKOFF.delay(self.tries, self._uniform)
        self.tries += 1
        return self._enter(SinkState.BACKING_OFF, reason, now)

    def misfitted(self, now: int, reason: str) -> Told | None:
        """The store is there, but a person must act."""
        self._leave(now)
        self.retry_at = now + RECHECK
        return self._enter(SinkState.MISFIT, reason, now)

    # Answers

    def needs_a_look(self, now: int) -> bool:
        """Whether the desk should warn of it."""
        away = self._away_since is not None and now - self._away_since > AWAY
        return away or self.state is SinkState.MISFIT or self._lag > LATE or self.state is SinkState.BEHIND

    def _leave(self, now: int) -> None:
        self._well_since = None
        if self._away_since is None:
            self._away_since = now

    def _enter(self, state: SinkState, reason: str | None, now: int) -> Told | None:
        """Go there; news are told once a minute at most, however often a store comes and goes."""
        before, self.reason = self.state, reason
        if state is not before:
            self.state, self.since = state, now
        key = (state, reason)
        self._told = {each: at for each, at in self._told.items() if now - at < RECHECK}
        stays = state is before and not self._is_trouble()
        if stays or key in self._told or len(self._told) >= MOST_NEWS:
            return None
        self._told[key] = now
        return Told(before, state, reason)

    def _is_trouble(self) -> bool:
        return self.state in (SinkState.BACKING_OFF, SinkState.MISFIT)
