"""One writer of a fleet: takes its share of a bus, commits it to a store, and only then says that it is done.

Any number of these share one stream, on any machines. What one had in hand when it was killed is written by another;
the store has each tick once, since what is written twice is there once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from tradewarden.feed.redis_group import Share
from tradewarden.feed.sinks.sink import Sink, SinkMisfitError, SinkUnavailableError
from tradewarden.machines.backoff import SECOND, Backoff
from tradewarden.orchestrator.cancelled import heed_cancel

DEADLINE: Final = 30.0  # seconds for one batch
MISFIT: Final = 60.0  # seconds between two tries when a person must act
LAST_WORDS: Final = 5.0  # seconds for hanging up

log = structlog.get_logger()


class Group(Protocol):
    """Whoever gives out shares of a bus."""

    async def open(self) -> None:
        """Connect; raises the two errors of a store."""
        ...

    async def read(self) -> Share:
        """What to write next; raises the two errors of a store."""
        ...

    async def done(self, share: Share) -> None:
        """It is committed; raises the two errors of a store."""
        ...

    async def close(self) -> None:
        """Hang up; never raises."""
        ...


class FleetWriter:
    """Carries shares to a store until cancelled, whatever either side does."""

    def __init__(
        self,
        make: Callable[[], Sink],
        group: Group,
        *,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        self.written_total = 0
        self.set_aside_total = 0
        self._make, self._group = make, group
        self._uniform = uniform
        self._backoff, self._tries = Backoff(), 0
        self._told: str | None = ""

    async def run(self) -> None:
        """Carry for ever."""
        while True:
            wait = await self._try()
            heed_cancel()
            await asyncio.sleep(wait)

    async def _try(self) -> float:
        """Carry until there is trouble; how long to wait then."""
        try:
            await self._carry()
        except SinkMisfitError as misfit:
            self._tell(str(misfit))
            return MISFIT
        except SinkUnavailableError as trouble:
            self._tell(str(trouble))
        except TimeoutError:
            self._tell(f"the store did not answer within {DEADLINE:.0f} s.")
        except Exception as fault:  # whatever is wrong with one writer, it goes on, and what it had in hand comes again
            if self._tell(f"{type(fault).__name__}: {fault}"):
                log.exception("fleet.fault")
        self._tries += 1
        return self._backoff.delay(self._tries - 1, self._uniform) / SECOND

    async def _carry(self) -> None:
        sink = self._make()
        try:
            async with asyncio.timeout(DEADLINE):
                await sink.open()
                await self._group.open()
            self._tell(None)
            while True:
                heed_cancel()
                await self._write(sink, await self._group.read())
        finally:
            async with asyncio.timeout(LAST_WORDS):
                await self._group.close()
                await sink.close()

    async def _write(self, sink: Sink, share: Share) -> None:
        if not share.frames:
            return
        async with asyncio.timeout(DEADLINE):
            written = await sink.write(share.frames)
            await self._group.done(share)
        self._tries = 0
        self.written_total += written.records
        self.set_aside_total += len(written.set_aside)
        for aside in written.set_aside:
            log.warning("fleet.set_aside", sink=sink.name, seq=aside.seq, why=aside.reason)

    def _tell(self, trouble: str | None) -> bool:
        """One line for each change; whether there was one."""
        if trouble == self._told:
            return False
        self._told = trouble
        if trouble is None:
            log.info("fleet.writing", written=self.written_total)
        else:
            log.warning("fleet.waiting", why=trouble, written=self.written_total)
        return True
