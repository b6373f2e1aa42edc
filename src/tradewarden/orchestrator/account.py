"""What others may tell the token's keeper: another program's error, and a person's goodbye."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

import structlog

from tradewarden.feed.brokers.kite_rest import BrokerUnreachable
from tradewarden.machines.backoff import SECOND
from tradewarden.orchestrator.auth import AuthDriver

KILL_LIMIT = 12.0  # seconds for the broker to end a session
CALM = 60 * SECOND  # a report that the broker contradicted is not believed again for so long

log = structlog.get_logger()


class Ender(Protocol):
    """Whoever can make a token worthless at the broker."""

    async def invalidate(self, access_token: str) -> None:
        """End the session; raises BrokerUnreachable."""
        ...


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """The end of a session on a person's wish: whether there was a token, and whether the broker killed it."""

    held: bool
    killed: bool
    text: str


class Account:
    """One broker account as other programs and people may speak to it."""

    def __init__(self, auth: AuthDriver, broker: Ender) -> None:
        self._auth = auth
        self._broker = broker
        self._whose = {} if auth.account is None else {"account": auth.account}
        self._reported: tuple[int, int] = (0, 0)  # the generation that was last reported dead, and when

    @property
    def generation(self) -> int:
        """Of the held token; 0 when none is held."""
        held = self._auth.machine.held
        return 0 if held is None else held.generation

    def reported_dead(self, generation: int | None) -> str:
        """Another program was told by the broker that a token is dead; says in one word what came of it.

        taken, no_token, older, unknown (newer than ours), known (dead already) or contradicted (the broker has just
        said the opposite).
        """
        machine, now = self._auth.machine, self._auth.clock.mono_ns()
        dead = machine.rejected_token
        if machine.held is None:
            is_known = machine.leaf == "expired" and dead is not None and generation in (None, dead.generation)
            return "known" if is_known else "no_token"
        told = self.generation if generation is None else generation
        if told != self.generation:
            return "older" if told < self.generation else "unknown"
        if self._reported[0] == told and now < self._reported[1] + CALM:
            return "contradicted"  # it is held again, and only the broker's word brings a reported token back
        self._reported = told, now
        log.warning("auth.reported_dead", **self._whose, gen=told)
        self._auth.fire("rejected", gen=told, ours=False)
        return "taken"

    async def end_session(self) -> LoggedOut:
        """Forget the token at once, then ask the broker to make it worthless; a broker that is away changes nothing."""
        token = self._auth.machine.held
        self._auth.logout()
        if token is None:
            return LoggedOut(held=False, killed=False, text="No token was held.")
        try:
            async with asyncio.timeout(KILL_LIMIT):
                await self._broker.invalidate(token.value)
        except (BrokerUnreachable, TimeoutError):
            log.warning("auth.not_killed", **self._whose, gen=token.generation)
            text = "The token is forgotten here, but the broker did not confirm its end: it may work until it expires."
            return LoggedOut(held=True, killed=False, text=text)
        log.info("auth.killed", **self._whose, gen=token.generation)
        return LoggedOut(held=True, killed=True, text="Logged out; the token is dead at the broker.")
