"""What must hold before a service may start: the market's state, a token, a flow of data, another service."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final, assert_never

from tradewarden.machines.account import FEEDING
from tradewarden.machines.market_state import STATES
from tradewarden.machines.service import ServiceState

MARKET_STATES: Final = tuple(STATES)
USABLE: Final = frozenset({"valid", "expiring"})  # states of a token that a program may use
STANDS: Final = frozenset({ServiceState.UP, ServiceState.DONE})

ALLOWED: Final = (
    "allowed are `market in (pre_open, live)`, `market.SEGMENT in (live)`, `auth valid`, `auth.ACCOUNT valid`, "
    "`flow SOURCE >= NUMBER/s` (SOURCE: feed, journal, redis:STREAM or mysql:TABLE) and `service NAME up`"
)

_MARKET: Final = r"market(?:\.(\w+))?\s+in\s+\(([\w\s,]*)\)"
_AUTH: Final = r"auth(?:\.([\w-]+))?\s+valid"
_FLOW: Final = r"flow\s+(feed|journal|(?:redis|mysql):[^\s=<>]+)\s*>=\s*(\d+(?:\.\d+)?)\s*/\s*s"
_SERVICE: Final = r"service\s+([\w-]+)\s+up"


@dataclass(frozen=True, slots=True)
class InMarket:
    """A segment of the market is in one of these states; no segment: the headline's."""

    segment: str | None
    states: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TokenValid:
    """The broker's token of this account may be used."""

    account: str


@dataclass(frozen=True, slots=True)
class Flows:
    """So much data a second arrives somewhere."""

    source: str
    at_least: float


@dataclass(frozen=True, slots=True)
class ServiceUp:
    """Another service works, or has ended well when that is its task."""

    name: str


Condition = InMarket | TokenValid | Flows | ServiceUp


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of the desk when a condition is looked at."""

    now: datetime
    segments: Mapping[str, str]  # state by segment
    foremost: str  # the headline's segment
    next_change: Mapping[str, datetime | None] = field(default_factory=lambda: MappingProxyType({}))
    ahead: Mapping[str, tuple[tuple[datetime, str], ...]] = field(default_factory=lambda: MappingProxyType({}))
    auth: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  # state by account
    auth_until: Mapping[str, datetime | None] = field(default_factory=lambda: MappingProxyType({}))
    services: Mapping[str, ServiceState] = field(default_factory=lambda: MappingProxyType({}))
    flows: Mapping[str, float | None] = field(default_factory=lambda: MappingProxyType({}))  # units a second by source


def parse(text: str) -> Condition:
    """One condition as the operator writes it."""
    words = text.strip()
    if found := re.fullmatch(_MARKET, words):
        return InMarket(found[1], _states(found[2], text))
    if found := re.fullmatch(_AUTH, words):
        return TokenValid(found[1] or FEEDING)
    if found := re.fullmatch(_FLOW, words):
        return Flows(found[1], _above_nought(float(found[2]), text))
    if found := re.fullmatch(_SERVICE, words):
        return ServiceUp(found[1])
    raise ValueError(f"{text!r} is no condition; {ALLOWED}")


def _states(listed: str, text: str) -> tuple[str, ...]:
    states = tuple(each.strip() for each in listed.split(",") if each.strip())
    unknown = [each for each in states if each not in MARKET_STATES]
    if unknown or not states:
        what = f"{unknown[0]!r} is no state of a market" if unknown else "no state of a market is named"
        raise ValueError(f"{text!r}: {what}; known: {', '.join(MARKET_STATES)}")
    return states


def _above_nought(number: float, text: str) -> float:
    if number <= 0:
        raise ValueError(f"{text!r}: a flow of nothing always holds; name a number above 0")
    return number


def unmet(condition: Condition, facts: Facts) -> str | None:
    """What it waits for and how that stands, as a trader reads it; none while the condition holds."""
    match condition:
        case InMarket():
            return _unmet_market(condition, facts)
        case TokenValid(account):
            state = facts.auth.get(account)
            whose = "auth" if account == FEEDING else f"auth.{account}"
            known = "no such account is known" if state is None else f"it is {state}"
            return None if state in USABLE else f"waits for {whose} to be valid: {known}"
        case Flows(source, at_least):
            rate = facts.flows.get(source)
            known = "nothing is known of it yet" if rate is None else f"{rate:.3g}/s arrive"
            return None if rate is not None and rate >= at_least else f"waits for {source} >= {at_least:g}/s: {known}"
        case ServiceUp(name):
            return behind(name, facts.services)
    assert_never(condition)


def _unmet_market(condition: InMarket, facts: Facts) -> str | None:
    segment = condition.segment or facts.foremost
    state = facts.segments.get(segment)
    if state in condition.states:
        return None
    known = "this desk does not follow it" if state is None else f"it is {state}"
    return f"waits for market.{segment} to be {' or '.join(condition.states)}: {known}"


_HOW: Final[Mapping[ServiceState, str]] = MappingProxyType(
    {
        ServiceState.DOWN: "is down",
        ServiceState.WAITING: "is waiting itself",
        ServiceState.STARTING: "is starting",
        ServiceState.STOPPING: "is stopping",
        ServiceState.BACKING_OFF: "has ended and is tried again in a moment",
        ServiceState.PAUSED: "ended too often and is paused",
        ServiceState.FAILED: "has failed",
    }
)


def behind(name: str, services: Mapping[str, ServiceState]) -> str | None:
    """Why whoever needs this service must wait; none when it works or has ended well."""
    state = services.get(name)
    if state in STANDS:
        return None
    return f"waits for {name}, which " + ("this desk does not know" if state is None else _HOW[state])


def lasts_until(condition: Condition, facts: Facts) -> datetime | None:
    """Until when a condition that holds is known to hold; none when nobody can say."""
    match condition:
        case InMarket(segment, states):
            return _market_ends(segment or facts.foremost, states, facts)
        case TokenValid(account):
            return facts.auth_until.get(account)
        case Flows() | ServiceUp():
            return None
    assert_never(condition)


def _market_ends(segment: str, states: tuple[str, ...], facts: Facts) -> datetime | None:
    """The first change to a state that is not wanted; of changes that nobody told, the next one."""
    ahead = facts.ahead.get(segment)
    if ahead is None:
        return facts.next_change.get(segment)
    return next((at for at, state in ahead if at > facts.now and state not in states), None)
