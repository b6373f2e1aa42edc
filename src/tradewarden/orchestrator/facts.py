"""What is known of the desk when a service's conditions are looked at: markets, tokens, flows, the other services."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from tradewarden.machines.account import FEEDING
from tradewarden.machines.condition import Facts
from tradewarden.machines.service import ServiceState
from tradewarden.orchestrator.clock import Clock

if TYPE_CHECKING:  # 50 ms that programs which wait for nothing need not wait for
    from tradewarden.orchestrator.accounts import Accounts
    from tradewarden.orchestrator.market import MarketDriver

FAR: Final = 12  # changes of a segment's state that are looked ahead: more than two days have
OPEN: Final = frozenset({"pre_open", "live"})

Ahead = tuple[tuple[datetime, str], ...]


class Measured(Protocol):
    """How much flows: orchestrator/checks/flow.py."""

    def rate(self, source: str) -> float | None:
        """Units a second that a source brings; none while that is not known."""
        ...


class Surroundings(Protocol):
    """Whoever knows what the services' conditions ask about."""

    def facts(self, services: Mapping[str, ServiceState], sources: Collection[str]) -> Facts:
        """Everything a condition may ask about; `sources` are the flows that some name."""
        ...

    def session_began(self) -> bool:
        """Whether a segment has opened since this was last asked."""
        ...

    def new_tokens(self) -> list[datetime]:
        """When each token was made that has become usable since this was last asked."""
        ...


class Untold:
    """While the daemon knows nothing of its surroundings yet: no condition holds, and nothing has changed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def facts(self, services: Mapping[str, ServiceState], _sources: Collection[str]) -> Facts:
        """The services alone."""
        return Facts(now=self._clock.now(), segments={}, foremost="", services=services)

    def session_began(self) -> bool:
        """Nobody knows of one."""
        return False

    def new_tokens(self) -> list[datetime]:
        """Nobody knows of any."""
        return []


class World:
    """The desk around its services; all its times are the world's, which keepers go by, whatever the desk's clock."""

    def __init__(self, market: MarketDriver, accounts: Accounts, clock: Clock, flows: Measured) -> None:
        self._market, self._accounts, self._clock, self._flows = market, accounts, clock, flows
        self._known: dict[str, tuple[tuple[object, ...], Ahead]] = {}
        self._states: dict[str, str] = {}
        self._generations: dict[str, int] = {}

    def facts(self, services: Mapping[str, ServiceState], sources: Collection[str]) -> Facts:
        """Everything a condition may ask about."""
        from tradewarden.machines.headline import foremost  # noqa: PLC0415 - it is loaded once there is a world

        report, shift = self._market.report(), self._shift()
        accounts = {FEEDING: self._accounts.feeding, **self._accounts.further}
        tokens = {name: auth.report() for name, auth in accounts.items()}
        ends = {name: token.expires_at for name, token in tokens.items()}
        return Facts(
            now=self._clock.now() - shift,
            segments={each.segment: each.state for each in report.segments},
            foremost=foremost(report.segments).segment,
            ahead={
                each.segment: tuple((at - shift, state) for at, state in self._ahead(each.segment, each.next_at))
                for each in report.segments
            },
            auth={name: token.state for name, token in tokens.items()},
            auth_until={name: None if end is None else end - shift for name, end in ends.items()},
            services=services,
            flows={source: self._flows.rate(source) for source in sources},
        )

    def session_began(self) -> bool:
        """Whether a segment has opened since this was last asked."""
        now = {session.segment: session.leaf for session in self._market.sessions}
        before, self._states = self._states, now
        return any(state in OPEN and before.get(name, state) not in OPEN for name, state in now.items())

    def new_tokens(self) -> list[datetime]:
        """When each token was made that has become usable since this was last asked."""
        found = []
        for auth in self._accounts.tokens():
            report, name = auth.report(), auth.account or FEEDING
            if report.state not in ("valid", "expiring") or self._generations.get(name) == report.generation:
                continue
            self._generations[name] = report.generation
            found.append((report.minted_at or self._clock.now()) - self._shift())
        return found

    def _shift(self) -> timedelta:
        """By how much the desk's clock is ahead of the world's."""
        return self._clock.now() - datetime.now(UTC) if self._clock.simulated else timedelta()

    def _ahead(self, segment: str, next_at: datetime | None) -> Ahead:
        """The coming states of a segment; looked up again once the first of them has come."""
        calendar, key = self._market.calendar, (next_at, self._market.calendar.sha256)
        known = self._known.get(segment)
        if known is None or known[0] != key:
            known = self._known[segment] = key, self._look_ahead(calendar.next_state, segment)
        return known[1]

    def _look_ahead(self, next_state: Callable[[str, datetime], tuple[datetime, str] | None], segment: str) -> Ahead:
        found: list[tuple[datetime, str]] = []
        at = self._clock.now()
        while len(found) < FAR and (coming := next_state(segment, at)) is not None:
            found.append(coming)
            at = coming[0]
        return tuple(found)
