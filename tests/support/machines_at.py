"""Machines brought into a state by the facts that lead there, for tests that begin in the middle."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tradewarden.machines.auth import AuthToken, Token
from tradewarden.machines.backoff import SECOND
from tradewarden.machines.feed import FeedWatchdog
from tradewarden.machines.statechart import Machine

START = 50_000 * SECOND
HOUR = 3600 * SECOND
AUTH_STATES = ("unknown", "required", "exchanging", "verifying", "valid", "expiring", "expired")
FEED_STATES = ("halted", "blocked_on_auth", "connecting", "connected", "streaming", "stale", "backing_off")


def token(generation: int) -> Token:
    """One token of each generation, each minted a minute after the one before."""
    minted_at = datetime(2026, 11, 23, 2, 30, tzinfo=UTC) + timedelta(minutes=generation)
    return Token(f"secret-{generation}", generation, minted_at, "AB1234")


def tell(machine: Machine, event: str, *, after: int = 0, **facts: Any) -> list[Any]:
    """Fire an event so many nanoseconds after the machine last heard anything."""
    return machine.fire(event, now=machine.now + after, **facts)


def wake(machine: Machine) -> list[Any]:
    """Let the machine's next deadline come, and no later."""
    deadline = machine.next_deadline()
    assert deadline is not None, f"{machine.leaf} has no deadline"
    return machine.due(max(deadline, machine.now))


def half() -> float:
    """Chance that is always in the middle."""
    return 0.5


def auth_in(
    leaf: str, *, held: bool = True, expires_at: int | None = None, uniform: Callable[[], float] = half
) -> AuthToken:
    """A token's machine in this state; token 2 is held wherever one can be, and was rejected in `expired`.

    `held` False chooses the other way into unknown and exchanging: without a token.
    """
    machine = AuthToken(uniform)
    machine.now = START
    if leaf == "unknown" and not held:
        return machine
    if leaf == "required" or not held:
        tell(machine, "token_missing")
        if leaf == "exchanging":
            tell(machine, "login_callback", request_token="request")
        return machine
    tell(machine, "token_found", token=token(2), expires_at=START + 600 * SECOND if leaf == "expiring" else expires_at)
    match leaf:
        case "unknown":
            tell(machine, "unreachable", gen=2)
        case "valid" | "expiring":
            tell(machine, "verify_ok", gen=2)
        case "exchanging":
            tell(machine, "verify_ok", gen=2)
            tell(machine, "login_callback", request_token="request")
        case "expired":
            tell(machine, "rejected", gen=2)
        case _:
            pass
    assert machine.leaf == leaf
    machine.ignored_total = machine.stale_results_total = 0
    return machine


def feed_in(leaf: str, *, expected: str = "dense", uniform: Callable[[], float] = half) -> FeedWatchdog:
    """A feed's machine in this state, with token 2 dialled wherever one can be."""
    machine = FeedWatchdog(uniform)
    machine.now = START
    machine.expect(expected, now=START)
    if leaf == "blocked_on_auth":
        tell(machine, "wanted", usable=False, token=None)
    elif leaf != "halted":
        tell(machine, "wanted", usable=True, token=token(2))
    if leaf in ("connected", "streaming", "stale"):
        tell(machine, "opened", gen=1)
    if leaf == "streaming":
        tick(machine)
    if leaf == "stale":
        wake(machine)
    if leaf == "backing_off":
        tell(machine, "lost", gen=1, reason="network")
    assert machine.leaf == leaf
    return machine


def tick(machine: FeedWatchdog, *, after: int = 0) -> list[Any]:
    """The first proven tick of a connection, as the driver tells it."""
    machine.last_tick = machine.now + after
    return tell(machine, "ticked", after=after, gen=machine.gen)
