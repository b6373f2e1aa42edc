"""Lets the machines follow each other: after each change, until none has anything left to hear."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tradewarden.machines.coupling import tell_feed
from tradewarden.machines.statechart import FaultError
from tradewarden.orchestrator.auth import AuthDriver
from tradewarden.orchestrator.feed import FeedDriver
from tradewarden.orchestrator.market import MarketDriver

_ROUNDS = 32


class Coupling:
    """The only place where market, token and feed meet."""

    def __init__(self) -> None:
        self._depth = 0
        self._settled: Sequence[Callable[[], None]] = ()
        self._parts: tuple[MarketDriver, AuthDriver, FeedDriver] | None = None

    def join(
        self, market: MarketDriver, auth: AuthDriver, feed: FeedDriver, *, settled: Sequence[Callable[[], None]]
    ) -> None:
        """Name the three, and who wants to know when they have come to rest; before that nothing is coupled."""
        self._parts, self._settled = (market, auth, feed), settled

    def settle(self) -> None:
        """Tell the feed what it must hear; then the desk's picture is whole again.

        Raises FaultError when the machines never come to rest: a fault of ours.
        """
        if self._depth or self._parts is None:
            return
        with self._together():
            self._couple(*self._parts)
        for follow in self._settled:
            follow()

    def _couple(self, market: MarketDriver, auth: AuthDriver, feed: FeedDriver) -> None:
        for _ in range(_ROUNDS):
            now = feed.clock.mono_ns()
            feed.machine.expect(market.expected, now=now)
            tell = tell_feed(auth.machine, feed.machine, wanted=market.wanted, now=now)
            if tell is None:
                feed.arm()
                return
            feed.fire(tell.event, **tell.facts)
        raise FaultError(f"auth {auth.machine.leaf!r} and feed {feed.machine.leaf!r} do not come to rest")

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Several facts as one: nobody follows before all of them are told."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def handshake_accepted(self, gen: int) -> None:
        """The broker opened socket `gen`: the feed is connected and its token is good."""
        if self._parts is None:
            return
        _, auth, feed = self._parts
        with self._together():
            feed.fire("opened", gen=gen)
            if gen == feed.machine.gen and feed.machine.token is not None:
                auth.verified_by_handshake(feed.machine.token.generation)
        self.settle()

    def handshake_refused(self, gen: int) -> None:
        """The broker refused socket `gen`: the feed waits, and the broker is asked about the token."""
        if self._parts is None:
            return
        _, auth, feed = self._parts
        with self._together():
            current = gen == feed.machine.gen
            feed.fire("refused", gen=gen)
            if current and feed.machine.token is not None:
                auth.fire("refused", gen=feed.machine.token.generation)
        self.settle()
