"""Another desk's bus as a stream: what that desk received, with its numbers and its times, for a desk without a broker.

Which bus it is, its source knows; when to dial is decided by the feed's machine, as with a broker's stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any, Final, Protocol

import structlog

from tradewarden.feed import bus
from tradewarden.feed.events import FeedEvents
from tradewarden.feed.record import Frame
from tradewarden.feed.sinks.sink import SinkMisfitError, SinkUnavailableError
from tradewarden.feed.tick import Mode
from tradewarden.machines.statechart import FaultError

GOODBYE: Final = 2.0  # seconds that hanging up may take

log = structlog.get_logger(__name__)


class Source(Protocol):
    """One way to read a bus; one connection at a time."""

    async def open(self, position: int | None) -> int | None:
        """Connect, to go on behind a number, or with what comes from now on; none, when the bus was begun anew.

        Raises the two errors of a store.
        """
        ...

    async def read(self) -> list[bytes]:
        """The next messages; none is a sign of life. Raises the two errors of a store."""
        ...

    async def close(self) -> None:
        """Hang up; never raises."""
        ...


def source_of(kind: str, *, url: str, broker: str, username: str | None, password: str | None) -> Source:
    """The bus at this address: redis or zmq. Raises SinkMisfitError without its library."""
    try:
        if kind == "redis":
            from tradewarden.feed.brokers.redis import RedisSource  # noqa: PLC0415 - an extra, loaded where it is used

            return RedisSource(url, broker=broker, username=username, password=password)
        from tradewarden.feed.brokers.zmq import ZmqSource  # noqa: PLC0415 - as above

        return ZmqSource(url, broker=broker)
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("tradewarden"):
            raise
        raise SinkMisfitError(f"this needs the package {missing.name}: pip install 'tradewarden[{kind}]'.") from None


class _Line:
    """What belongs to connection number `gen`."""

    def __init__(self, gen: int) -> None:
        self.gen = gen
        self.task: asyncio.Task[Any] | None = None
        self.silenced = False  # nobody wants to hear of it any more

    def drop(self) -> None:
        self.silenced = True
        if self.task is not None:
            self.task.cancel()


class BusStream:
    """A bus that is dialled when told and read until it breaks off. It goes on where it was, while this process lives.

    The first desk chooses the instruments; of these, the ones that are wanted here are handed on, all if none is named.
    """

    def __init__(self, source: Source, *, subscriptions: Mapping[int, Mode], events: FeedEvents) -> None:
        self._source, self._events = source, events
        self._wanted = dict(subscriptions)
        self._line: _Line | None = None
        self._complained: int | None = None
        self._position: int | None = None  # the other desk's number of the last tick that came
        self.missed = 0  # ticks that the bus had let go of before they were read

    def run(self, gen: int, token: str) -> Coroutine[Any, Any, None]:  # noqa: ARG002 - a bus asks for none
        """Dial and read until the connection ends; the events tell the rest."""
        self.close()
        self._line = _Line(gen)
        return self._run(self._line)

    def resubscribe(self) -> None:
        """There is nothing to ask: the desk that feeds the bus does."""

    def ask_again(self, tokens: Collection[int]) -> None:
        """As above: that desk asks again for what is silent."""

    def redial(self, place: int) -> None:
        """As above: its connections are its own."""

    def connections(self) -> tuple[Mapping[int, Mode], ...]:
        """What is wanted; there is one connection."""
        return (self._wanted,)

    def set_subscriptions(self, wanted: Mapping[int, Mode]) -> None:
        """Hand on exactly these from now on; all, when there are none."""
        self._wanted = dict(wanted)

    def close(self) -> None:
        """End the connection, or the attempt, now; nothing more is told of it."""
        line, self._line = self._line, None
        if line is not None:
            line.drop()

    async def aclose(self) -> None:
        """Close for good."""
        self.close()
        await self._source.close()

    async def _run(self, line: _Line) -> None:
        if line.silenced:
            return
        line.task = asyncio.current_task()
        try:
            reason, detail = await self._live(line)
        finally:
            if line is self._line or self._line is None:
                await self._source.close()
        if not line.silenced:
            line.silenced = True
            self._events.lost(line.gen, reason, detail)

    async def _live(self, line: _Line) -> tuple[str, str]:
        """Read until it ends; why it did, in a word of the machine's and a sentence."""
        try:
            self._position = await self._source.open(self._position)
            self._tell(line, self._events.opened)
            while True:
                messages = await self._source.read()
                self._tell(line, self._events.frame)
                for message in messages:
                    self._message(line, message)
        except SinkUnavailableError as trouble:
            return "network", str(trouble)
        except SinkMisfitError as trouble:  # tried again all the same: the other side may be put right
            return "server", str(trouble)

    def _message(self, line: _Line, message: bytes) -> None:
        try:
            frames = bus.frames(message)
        except bus.BusError as fault:
            log.warning("feed.bus_message", gen=line.gen, why=str(fault))
            self._tell(line, self._events.bad_frame, "message")
            return
        for frame in bus.after(frames, self._position) if self._position is not None else frames:
            self._frame(line, frame)

    def _frame(self, line: _Line, frame: Frame) -> None:
        gap = 0 if self._position is None else frame.first_seq - self._position - 1
        if gap > 0:
            self.missed += gap
            log.warning("feed.bus_missed", gen=line.gen, ticks=gap, before=frame.first_seq)
            self._tell(line, self._events.bad_frame, "missed")
        self._position = frame.last_seq
        ticks = bus.received(frame)
        for kind in sorted(ticks.odd):  # of another broker, or of a version to come
            self._tell(line, self._events.bad_frame, kind)
        if self._wanted:
            ticks[:] = [tick for tick in ticks if tick.token in self._wanted]
        if ticks:
            self._tell(line, self._events.ticks, ticks)

    def _tell(self, line: _Line, event: Callable[..., None], *facts: Any) -> None:
        """One event to the listener, whose bug must not cost the desk its stream. Raises FaultError."""
        if line.silenced:
            return
        try:
            event(line.gen, *facts)
        except FaultError:
            raise
        except Exception:
            if self._complained != line.gen:
                self._complained = line.gen
                log.exception("feed.callback_failed", gen=line.gen, callback=getattr(event, "__name__", "?"))
            if event != self._events.bad_frame:
                self._tell(line, self._events.bad_frame, "callback")
