"""More instruments than one Kite connection carries: up to three connections that live and end as one stream."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Collection, Coroutine, Mapping
from typing import Any

from tradewarden.feed.brokers.kite import MOST_INSTRUMENTS, KiteStream
from tradewarden.feed.events import FeedEvents
from tradewarden.feed.tick import Mode, Tick
from tradewarden.machines.subscription import shards

CONNECTIONS = 3  # for one api key, by Kite's documentation


class _Round:
    """One dial of all connections, under one number."""

    def __init__(self, gen: int, token: str) -> None:
        self.gen, self.token = gen, token
        self.group: asyncio.TaskGroup | None = None
        self.is_open = False
        self.is_over = False
        self.dialled: set[int] = set()


class _Shard:
    """What one connection tells: the first one that opens opens the stream, the first one that ends ends it."""

    def __init__(self, place: int, stream: KiteShards, events: FeedEvents) -> None:
        self._place, self._stream = place, stream
        # Ticks and the like concern nobody else: they go straight through.
        self.frame = events.frame
        self.text = events.text
        self.bad_frame = events.bad_frame
        self._events = events

    def ticks(self, gen: int, ticks: list[Tick]) -> None:
        """The hot path, straight through."""
        self._events.ticks(gen, ticks)

    def opened(self, gen: int) -> None:
        """One of the connections is open, and with it the token is good."""
        if self._stream.opens():
            self._events.opened(gen)

    def refused(self, gen: int, status: int) -> None:
        """One of the connections was turned away."""
        if self._stream.ends():
            self._events.refused(gen, status)

    def lost(self, gen: int, reason: str, detail: str) -> None:
        """One of the connections is gone: a stream with a hole is no stream, so the others go too."""
        if self._stream.ends():
            self._events.lost(gen, reason, f"connection {self._place + 1}: {detail}")


class KiteShards:
    """Looks like one stream. Instruments stay on their connection; a further connection is dialled when it is needed.

    Raises ValueError for more than all connections carry.
    """

    def __init__(
        self,
        *,
        url: str,
        api_key: str,
        subscriptions: Mapping[int, Mode],
        events: FeedEvents,
        connections: int = CONNECTIONS,
        size: int = MOST_INSTRUMENTS,
        mute_after: float = 5.0,
        dial_timeout: float = 10.0,
        ssl: ssl.SSLContext | None = None,
    ) -> None:
        self._size = size
        self._held: tuple[dict[int, Mode], ...] = shards(({},) * connections, subscriptions, size=size)
        self._streams = tuple(
            KiteStream(
                url=url,
                api_key=api_key,
                subscriptions=held,
                events=_Shard(place, self, events),
                mute_after=mute_after,
                dial_timeout=dial_timeout,
                ssl=ssl,
            )
            for place, held in enumerate(self._held)
        )
        self._round: _Round | None = None

    def run(self, gen: int, token: str) -> Coroutine[Any, Any, None]:
        """Dial every connection that has instruments (the first one in any case), and read until one of them ends.

        It counts as running from the call on: a `close` that comes before the first step is not lost.
        """
        self.close()
        self._round = _Round(gen, token)
        return self._run(self._round)

    async def _run(self, this: _Round) -> None:
        if this.is_over:
            return
        async with asyncio.TaskGroup() as this.group:
            self._dial(this)

    def _dial(self, this: _Round) -> None:
        if this.group is None or this.is_over:
            return
        for place, held in enumerate(self._held):
            if place not in this.dialled and (held or not place):
                this.dialled.add(place)
                dial = self._streams[place].run(this.gen, this.token)
                this.group.create_task(dial, name=f"kite-shard-{place + 1}-{this.gen}")

    def opens(self) -> bool:
        """Whether this is the first connection that opens."""
        this = self._round
        if this is None or this.is_over or this.is_open:
            return False
        this.is_open = True
        return True

    def ends(self) -> bool:
        """Whether this is the first connection that ends; then the others are dropped in the same moment."""
        this = self._round
        if this is None or this.is_over:
            return False
        this.is_over = True
        for stream in self._streams:
            stream.close()
        return True

    def set_subscriptions(self, wanted: Mapping[int, Mode]) -> None:
        """Stream exactly these from now on. Raises ValueError when they do not fit; nothing has changed then."""
        self._held = shards(self._held, wanted, size=self._size)
        for stream, held in zip(self._streams, self._held, strict=True):
            stream.set_subscriptions(held)
        if self._round is not None:
            self._dial(self._round)

    def resubscribe(self) -> None:
        """Ask for all instruments again on the open connections."""
        for stream in self._streams:
            stream.resubscribe()

    def ask_again(self, tokens: Collection[int]) -> None:
        """Ask for exactly these again, each on its connection."""
        for stream, held in zip(self._streams, self._held, strict=True):
            of_this = [token for token in tokens if token in held]
            if of_this:
                stream.ask_again(of_this)

    def redial(self, place: int) -> None:
        """Drop one connection and dial it anew; the others go on."""
        self._streams[place].redial()

    def connections(self) -> tuple[Mapping[int, Mode], ...]:
        """What is wanted on each connection."""
        return self._held

    def close(self) -> None:
        """End every connection, or attempt, in this very moment; nothing more is told of them."""
        if self._round is not None:
            self._round.is_over = True
            self._round = None
        for stream in self._streams:
            stream.close()

    async def aclose(self) -> None:
        """Close for good."""
        self.close()
        for stream in self._streams:
            await stream.aclose()
