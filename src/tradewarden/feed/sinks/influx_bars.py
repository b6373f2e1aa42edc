"""Keeps the bars up with the ticks: computed by the server from what is stored, at the pace of what was written.

InfluxDB's own continuous queries look at the last interval of the clock on the wall: what a sink catches up after an
outage, they never see. Here the windows follow the ticks, a window is always computed whole, and doing it again
changes nothing; so an outage of an hour ends with an hour of bars.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final, Protocol

from tradewarden.feed.record import NANOSECONDS
from tradewarden.feed.sinks.sink import SinkMisfitError, SinkUnavailableError

MINUTE: Final = 60 * NANOSECONDS
MOST: Final = 60 * MINUTE  # of one question
PAUSE: Final = 5.0  # seconds between two looks: how old the last bar of a chart may be
LAST_LOOK: Final = 2.0  # seconds for the bars of the last ticks when the sink closes


class Maker(Protocol):
    """Who computes bars, and remembers how far they are."""

    async def make_bars(self, from_ns: int, to_ns: int) -> None:
        """All bars of these seconds, and of the minutes that they are in, anew."""
        ...

    async def note_bars(self, bars_ns: int) -> None:
        """Remember that all bars before this moment are made."""
        ...


class Bars:
    """What of the bars is still to be made."""

    def __init__(self, maker: Maker, done_ns: int | None, *, oldest_ns: int, now_ns: int) -> None:
        self._maker = maker
        self._done = done_ns if done_ns is None else max(done_ns, oldest_ns)
        self._oldest = oldest_ns
        self._latest = now_ns if done_ns else 0  # a kill may have come between the last ticks and their bars
        self._fresh = bool(done_ns)
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Look every few seconds from now on."""
        self._task = asyncio.create_task(self._run(), name="influx.bars")

    async def end(self) -> None:
        """The bars of the last ticks, if the server is quick; never raises."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.wait({task})
        with suppress(SinkUnavailableError, SinkMisfitError, TimeoutError):
            async with asyncio.timeout(LAST_LOOK):
                await self.catch_up()

    async def note(self, first_ns: int, last_ns: int) -> None:
        """Ticks of this time are about to be written."""
        begun = max(first_ns - first_ns % NANOSECONDS, self._oldest)
        if self._done is None:
            self._done = begun
        elif begun < self._done:  # the clock was set back: bars that were done are open again, also after a kill
            self._done = begun
            await self._maker.note_bars(begun)
        self._latest = max(self._latest, last_ns)
        self._fresh = True

    async def catch_up(self) -> None:
        """Make every bar that is not made, the one of this very second included; it is made anew until it is over."""
        if not self._fresh or self._done is None:
            return
        self._fresh = False
        try:
            end = self._latest + 1
            while self._done < end:
                until = min(self._done + MOST, end)
                await self._maker.make_bars(self._done, until)
                over = until - until % NANOSECONDS
                if over <= self._done:
                    break
                self._done = over
                await self._maker.note_bars(over)
        except BaseException:
            self._fresh = True
            raise

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(PAUSE)
            with suppress(SinkUnavailableError, SinkMisfitError):  # the writer meets the same trouble and tells of it
                await self.catch_up()
