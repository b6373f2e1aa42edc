"""Where the ticks come from, and how long each instrument may be silent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tradewarden.feed.brokers.bus import BusStream, source_of
from tradewarden.feed.brokers.kite import MOST_INSTRUMENTS, KiteStream
from tradewarden.feed.brokers.kite_shards import CONNECTIONS, KiteShards
from tradewarden.feed.tick import Mode
from tradewarden.machines.backoff import SECOND
from tradewarden.machines.freshness import Limits
from tradewarden.machines.instruments import Rule, most
from tradewarden.orchestrator.feed import FeedDriver
from tradewarden.wiring.accounts import secret_of

if TYPE_CHECKING:  # the daemon gets values, see settings_apart: what reads them costs 11 MB
    from tradewarden.settings import Settings

Carrier = KiteStream | KiteShards | BusStream


def carrier(
    settings: Settings, rules: Sequence[Rule], *, subscriptions: Mapping[int, Mode], events: FeedDriver
) -> tuple[Carrier, int]:
    """Where ticks come from, and over how many connections: the broker, or another desk's bus."""
    kite, wish = settings.kite, settings.feed
    if wish.source != "kite":
        password = secret_of(wish.password)
        source = source_of(
            wish.source, url=wish.url or "", broker=wish.broker, username=wish.username, password=password
        )
        return BusStream(source, subscriptions=subscriptions, events=events), 1
    many = most(rules) > MOST_INSTRUMENTS
    kind = KiteShards if many else KiteStream
    stream = kind(url=kite.ticker_url, api_key=kite.api_key or "", subscriptions=subscriptions, events=events)
    return stream, CONNECTIONS if many else 1


def limits_of(settings: Settings) -> Limits:
    """How long a single instrument may be silent."""
    told = settings.feed.freshness
    return Limits(told.index * SECOND, told.liquid * SECOND, told.illiquid * SECOND)
