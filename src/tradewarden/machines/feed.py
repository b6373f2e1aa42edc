"""Whether ticks really flow, and when to knock at the broker's door again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from statemachine import State

from tradewarden.machines.auth import Token
from tradewarden.machines.backoff import SECOND, Backoff
from tradewarden.machines.statechart import Machine

DIAL = 10 * SECOND  # from dialling to an open socket
GRACE = 5 * SECOND  # from resubscribing to a tick
STABLE = 60 * SECOND  # of proven ticks: only then are earlier tries forgotten
COOL_OFF = 60 * SECOND  # after a 429, and after a refusal that the probe contradicts
SILENCE = {"dense": 10 * SECOND, "sparse": 120 * SECOND}  # the longest silence by what the phase lets us expect


@dataclass(frozen=True, slots=True)
class Connect:
    """Open socket number `gen` with this token."""

    gen: int
    token: Token


@dataclass(frozen=True, slots=True)
class Close:
    """Drop socket number `gen` at once."""

    gen: int


@dataclass(frozen=True, slots=True)
class Resubscribe:
    """Ask for the instruments again on socket number `gen`."""

    gen: int


class FeedWatchdog(Machine):
    """One broker stream. Ticks and heartbeats never come here: a tick is one attribute, `last_tick`.

    `ticked` is told once a connection, at the first tick that can only be new; the snapshot that follows a subscribe
    proves nothing.
    """

    halted = State(initial=True)
    blocked_on_auth = State()

    class active(State.Compound):  # noqa: N801 - a state
        """The feed is wanted and its token is usable."""

        connecting = State(initial=True)
        connected = State()
        streaming = State()
        stale = State()
        backing_off = State()

        opened = connecting.to(connected)
        ticked = connected.to(streaming) | stale.to(streaming)
        silence = connected.to(stale, cond="is_silent") | streaming.to(stale, cond="is_silent")
        give_up = stale.to(backing_off)
        lost = (
            connecting.to(backing_off) | connected.to(backing_off) | streaming.to(backing_off) | stale.to(backing_off)
        )
        dial_timeout = connecting.to(backing_off)
        retry = backing_off.to(connecting)

    wanted = (
        halted.to(active.backing_off, cond="is_usable and must_cool", on="take")
        | halted.to(active.connecting, cond="is_usable", on="take")
        | halted.to(blocked_on_auth, on="wait")
    )
    unwanted = blocked_on_auth.to(halted) | active.to(halted)
    auth_ready = (
        blocked_on_auth.to(active.backing_off, cond="must_wait", on="resume")
        | blocked_on_auth.to(active.connecting, on="resume")
        | active.backing_off.to(active.backing_off, internal=True, cond="is_newer and is_throttled", on="resume")
        | active.backing_off.to(active.connecting, cond="is_newer", on="resume")
    )
    auth_lost = (
        active.connecting.to(blocked_on_auth, on="wait")
        | active.stale.to(blocked_on_auth, on="wait")
        | active.backing_off.to(blocked_on_auth, on="wait")
    )
    refused = (
        active.connecting.to(blocked_on_auth, on="remember_refusal")
        | active.connected.to(blocked_on_auth, on="remember_refusal")
        | active.streaming.to(blocked_on_auth, on="remember_refusal")
        | active.stale.to(blocked_on_auth, on="remember_refusal")
    )
    misconfigured = active.connecting.to(blocked_on_auth, on="bar")

    SOCKET_STATES: ClassVar = frozenset({"connecting", "connected", "streaming", "stale"})
    SOCKET_EVENTS: ClassVar = frozenset({"opened", "ticked", "lost", "refused", "misconfigured"})

    def __init__(self, uniform: Callable[[], float], backoff: Backoff | None = None) -> None:
        self.gen = 0
        self.token: Token | None = None
        self.last_tick = 0
        self.expected = "none"
        self.expected_since = 0
        self.attempt = 0
        self.delay = 0
        self.latched = False
        self.opened_total = 0
        self.barred: int | None = None  # the token that the broker answered with 400
        self.refused_token: int | None = None
        self._throttled_until = 0
        self._refusal_until = 0
        self._refusal_open = False  # nobody has said yet what the refusal meant
        self._uniform = uniform
        self._backoff = backoff or Backoff()
        super().__init__()

    # What others may ask and tell

    @property
    def has_socket(self) -> bool:
        """Whether a socket is open or being opened."""
        return self.leaf in self.SOCKET_STATES

    @property
    def retry_at(self) -> int | None:
        """When the next dial is due."""
        if self.leaf != "backing_off":
            return None
        return max(self.since + self.delay, self._throttled_until, self._refusal_until)

    def expect(self, expected: str, *, now: int) -> None:
        """What the market's phase lets us expect from now on: none, sparse or dense; it only moves the deadline."""
        if expected != self.expected:
            self.expected, self.expected_since = expected, now
            self._unlatch_if_quiet()

    def forgive(self) -> None:
        """The configuration may have changed: the token that was answered with 400 may be dialled once more."""
        self.barred = None

    # Time

    def next_deadline(self) -> int | None:
        """The end of patience in each state that has an open socket or a pending dial."""
        match self.leaf:
            case "connecting":
                return self.since + DIAL
            case "connected" | "streaming":
                return self.silent_at()
            case "stale":
                return self.since + GRACE
            case _:
                return self.retry_at

    def silent_at(self) -> int | None:
        """When silence becomes staleness; never, while the phase expects no data."""
        limit = SILENCE.get(self.expected)
        if limit is None:
            return None
        heard = self.last_tick if self.leaf == "streaming" else 0  # a snapshot before the first proven tick is no tick
        return max(heard, self.since, self.expected_since) + limit

    def due(self, now: int) -> list[Any]:
        """Patience is over."""
        match self.leaf:
            case "connecting":
                return self.fire("dial_timeout", now=now, reason="network")
            case "connected" | "streaming":
                return self.fire("silence", now=now, reason="stall")
            case "stale":
                return self.fire("give_up", now=now, reason="stall")
            case _:
                return self.fire("retry", now=now)

    # Guards

    def is_outdated(self, event: str, facts: dict[str, Any]) -> bool:
        """What an earlier socket has to say is no news."""
        return event in self.SOCKET_EVENTS and facts["gen"] != self.gen

    def is_usable(self, usable: bool) -> bool:  # noqa: FBT001 - a fact of the event
        """Whether there is a token that may be dialled."""
        return usable

    def is_silent(self) -> bool:
        """Whether data was due for too long."""
        at = self.silent_at()
        return at is not None and self.now >= at

    def is_throttled(self) -> bool:
        """Whether the minute after a 429 is not over; a new token does not shorten it."""
        return self.now < self._throttled_until

    def is_newer(self, token: Token) -> bool:
        """Whether this token has not been dialled yet."""
        return self.token is None or token.generation > self.token.generation

    def must_cool(self, token: Token) -> bool:
        """Whether the minute after a 429, or after a refusal of this very token, is not over."""
        return self.is_throttled() or (not self.is_newer(token) and self.now < self._refusal_until)

    def must_wait(self, token: Token) -> bool:
        """Whether this is the token that was refused, or the minute after a 429 is not over."""
        return self.is_throttled() or token.generation == self.refused_token

    # What a transition does

    def take(self, token: Token) -> None:
        """Dial with this token from now on."""
        if self.is_newer(token):
            self._forget_refusal()
        self.token = token

    def resume(self, token: Token, confirmed: bool = False) -> None:  # noqa: FBT001, FBT002 - a fact of the event
        """Dial with this token from now on; a probe may have contradicted the refusal of it."""
        if self._refusal_open and token.generation == self.refused_token:
            self._refusal_open = False
            self._refusal_until = self.now + COOL_OFF if confirmed else 0
        self.take(token)

    def wait(self, token: Token | None = None) -> None:
        """Nothing may be dialled: no token is usable, or the broker answered this one with 400."""
        self.reason = "configuration" if token is not None and token.generation == self.barred else "auth"

    def remember_refusal(self) -> None:
        """The broker refused the socket with 403: auth looks into it, and no dial happens before it has."""
        self.refused_token = self.token.generation if self.token else None
        self._refusal_open, self._refusal_until = True, self.now + COOL_OFF
        self.reason = "refused"

    def _forget_refusal(self) -> None:
        self.refused_token, self._refusal_open, self._refusal_until = None, False, 0

    def bar(self) -> None:
        """The broker answered 400: nothing will change before the configuration or the token does."""
        self.barred = self.token.generation if self.token else None
        self.reason = "configuration"

    def on_lost(self, reason: str) -> None:
        """After a 429 nobody dials for a minute."""
        if reason == "rate_limited":
            self._throttled_until = self.now + COOL_OFF

    def on_transition(self, event: str, reason: str | None = None) -> None:
        """Keep the cause of trouble for as long as it lasts."""
        super().on_transition(event)
        if reason is not None:
            self.reason = reason
        elif event in ("ticked", "unwanted"):
            self.reason = None

    def on_enter_state(self, target: State) -> None:
        """Open, close and resubscribe as the new state asks."""
        before, entered = self.leaf, self.since
        super().on_enter_state(target)
        if target.is_compound or target.id == before:
            return
        if before == "streaming" and self.last_tick - entered >= STABLE:
            self.attempt = 0
        if before in self.SOCKET_STATES and target.id not in self.SOCKET_STATES:
            self.emit(Close(self.gen))
        self._arrive(target.id)

    def _arrive(self, leaf: str) -> None:
        match leaf:
            case "connecting" if self.token is not None:
                self.gen += 1
                self.emit(Connect(self.gen, self.token))
            case "connected":
                self.opened_total += 1
                self._forget_refusal()
                self._unlatch_if_quiet()
            case "streaming" | "halted":
                self.latched = False
            case "stale":
                self.latched = True
                self.emit(Resubscribe(self.gen))
            case "backing_off":
                self.latched = True
                self.delay = self._backoff.delay(self.attempt, self._uniform)
                self.attempt += 1
            case _:
                pass

    def _unlatch_if_quiet(self) -> None:
        """While no data is expected an open socket is all that can be proven."""
        if self.leaf == "connected" and self.expected == "none":
            self.latched, self.reason = False, None
