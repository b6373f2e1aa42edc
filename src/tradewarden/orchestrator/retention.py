"""Asks every store that forgets what it keeps, and has what is too old removed once a day, after midnight UTC."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from typing import Final, Generic, TypeVar

import structlog

from tradewarden.feed.sinks.retained import Kept, Removed, Retained, Rule
from tradewarden.feed.sinks.sink import SinkMisfitError, SinkUnavailableError
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.driver import Spawn

QUESTION: Final = 30.0  # seconds for one store to answer
CLEANUP: Final = 3600.0  # seconds for one store to let go of its days

T = TypeVar("T")

log = structlog.get_logger()


class UnknownStoreError(Exception):
    """No store of this desk has this name; the text says which there are."""


@dataclass(frozen=True, slots=True)
class Told(Generic[T]):
    """What one store answered, or why it did not."""

    store: str
    what: Sequence[T] = ()
    trouble: str | None = None


class Retention:
    """All stores of this desk that forget."""

    def __init__(self, stores: Mapping[str, Callable[[], Retained]], clock: Clock, spawn: Spawn) -> None:
        self._stores, self._clock, self._spawn = stores, clock, spawn
        self._cleaned: date | None = None
        self._one_at_a_time = asyncio.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """Which stores there are."""
        return tuple(self._stores)

    async def rules(self, store: str | None = None) -> list[Told[Rule]]:
        """What is kept for how long. Each verb raises UnknownStoreError."""
        return await self._each(store, QUESTION, lambda retained: retained.rules())

    async def create(self, store: str | None = None) -> list[Told[str]]:
        """Make the rules hold."""
        return await self._each(store, QUESTION, lambda retained: retained.create())

    async def stats(self, store: str | None = None) -> list[Told[Kept]]:
        """What is there."""
        return await self._each(store, QUESTION, lambda retained: retained.stats())

    async def cleanup(self, store: str | None = None) -> list[Told[Removed]]:
        """Let go of what is too old; one cleanup at a time."""
        now_ns = int(self._clock.now().timestamp()) * 1_000_000_000
        async with self._one_at_a_time:
            return await self._each(store, CLEANUP, lambda retained: retained.cleanup(now_ns))

    def look(self) -> None:
        """Begin the day's cleanup when a day has begun; called every second."""
        today = self._clock.now().astimezone(UTC).date()
        if self._stores and today != self._cleaned:
            self._cleaned = today
            self._spawn(self._daily(), name="retention")

    async def _daily(self) -> None:
        for told in await self.cleanup():
            for removed in told.what:
                log.info("retention.removed", store=told.store, name=removed.name, rows=removed.rows)
            if told.trouble is not None:
                log.warning("retention.failed", store=told.store, why=told.trouble)

    async def _each(
        self, store: str | None, seconds: float, ask: Callable[[Retained], Awaitable[Sequence[T]]]
    ) -> list[Told[T]]:
        if store is not None and store not in self._stores:
            known = ", ".join(self._stores) or "none"
            raise UnknownStoreError(f"no store {store!r} forgets here; there are: {known}.")
        return [await self._one(name, seconds, ask) for name in ([store] if store else self._stores)]

    async def _one(self, name: str, seconds: float, ask: Callable[[Retained], Awaitable[Sequence[T]]]) -> Told[T]:
        try:
            async with asyncio.timeout(seconds):
                return Told(name, await ask(self._stores[name]()))
        except TimeoutError:
            return Told(name, trouble=f"{name} gave no answer within {seconds:.0f} s.")
        except (SinkMisfitError, SinkUnavailableError) as error:
            return Told(name, trouble=str(error))
        except Exception as fault:  # whatever is wrong with a store must not take the feed along
            log.exception("retention.fault", store=name)
            return Told(name, trouble=f"{name}: {type(fault).__name__}: {fault}")
