"""What a sink takes in: the journal from one number on, in batches of the store's measure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

from tradewarden.feed.reader import Reader
from tradewarden.feed.record import Frame
from tradewarden.feed.segment import Hole
from tradewarden.feed.sinks.sink import Batching
from tradewarden.machines.backoff import SECOND
from tradewarden.orchestrator.clock import Clock

STEP: Final = 0.05  # seconds between two looks at the journal while a batch fills
QUICK: Final = 0.002  # the same for a store that is to have its ticks at once, while ticks come


class Wake(Protocol):
    """How a sink hears of new records without asking."""

    def __call__(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after each append; the answer is the way to be told no more."""
        ...


class Intake:
    """One reader at a time, and the one batch that is in memory."""

    def __init__(self, journal: Path, clock: Clock, wake: Wake | None) -> None:
        """Without `wake` the journal is asked: it is written by another process."""
        self.hand: Sequence[Frame] = ()  # read, and not yet safe in the store
        self._journal, self._clock = journal, clock
        self._told = wake is not None
        self._news = asyncio.Event()
        self._forget = wake(self.poke) if wake is not None else lambda: None
        self._reader: Reader | None = None
        self._holes: list[Hole] = []  # before or in the hand
        self._most = 0  # records that are read at once
        self._read_at = 0

    def begin(self, after: int) -> None:
        """Read from behind this number on."""
        self.stop()
        self._reader = Reader(self._journal, after=after)
        self.hand, self._holes, self._most = (), [], 0

    def stop(self) -> None:
        """Let go of the files; what is in hand stays known."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def end(self) -> None:
        """Nobody reads any more."""
        self.stop()
        self._forget()

    def poke(self) -> None:
        """There is something new, or something to do."""
        self._news.set()

    async def batch(self, batching: Batching, *, until: Callable[[], int]) -> list[Frame]:
        """The next batch: when so many records wait, or the oldest has waited so long; more at once when behind.

        Nothing, when the moment `until` comes first (monotonic nanoseconds) and no record has come.
        """
        enough = batching.records
        most = self._most = max(self._most, enough)
        frames = self._read(most)
        while not frames:
            await self._nap(batching)
            if self._clock.mono_ns() >= until():
                return []
            frames = self._read(most)
        self.hand = frames
        count = sum(frame.count for frame in frames)
        self._most = min(max(enough, batching.records_behind), most * 2) if count >= most else enough
        due = self._clock.mono_ns() + int(max(0.0, batching.seconds - self.age(frames[0])) * 1e9)
        while count < enough and (left := (due - self._clock.mono_ns()) / 1e9) > 0:
            await asyncio.sleep(min(left, STEP))
            more = self._read(enough - count)
            frames += more
            count += sum(frame.count for frame in more)
        return frames

    def safe(self) -> list[Hole]:
        """What is in hand is safe in the store; the answer is what was missing before and in it."""
        holes, self._holes, self.hand = self._holes, [], ()
        return holes

    def age(self, frame: Frame) -> float:
        """Seconds since it was received."""
        return max(0.0, (self.now_ns() - frame.received_ns) / 1e9)

    def now_ns(self) -> int:
        """The wall's time as records have it."""
        return int(self._clock.now().timestamp() * 1e9)

    def peek(self, position: int) -> int:
        """When the record was received that comes behind this number."""
        reader = Reader(self._journal, after=position)
        try:
            frames = reader.read(1)
        finally:
            reader.close()
        return frames[0].received_ns if frames else self.now_ns()

    def _read(self, most: int) -> list[Frame]:
        reader = self._reader
        if reader is None:
            raise RuntimeError("a batch was asked for before the reader was begun")
        frames = reader.read(most)
        if frames:
            self._read_at = self._clock.mono_ns()
        self._holes += reader.holes
        reader.holes.clear()
        return frames

    async def _nap(self, batching: Batching) -> None:
        """Until there is something new, or something to do."""
        if self._told:
            await self._news.wait()
            self._news.clear()
            return
        is_busy = self._clock.mono_ns() - self._read_at < SECOND
        await asyncio.sleep(min(STEP, max(QUICK, batching.seconds)) if is_busy else STEP)
