"""Bars of so many ticks each, kept in memory as the ticks come."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from tradewarden.feed.record import Frame
from tradewarden.feed.studies.trades import looks

EACH = 100  # ticks of a bar
KEPT = 500  # finished bars of an instrument


@dataclass(frozen=True, slots=True)
class Bar:
    """So many ticks in a row: where they began and ended, how far they went, and what was traded during them."""

    instrument: int
    began_ns: int
    ended_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: int
    ticks: int


@dataclass(slots=True)
class _Growing:
    """A bar whose ticks still come; raw prices."""

    scale: int
    began_ns: int
    ended_ns: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    ticks: int

    def finished(self, instrument: int) -> Bar:
        divisor = 10**self.scale
        return Bar(
            instrument,
            self.began_ns,
            self.ended_ns,
            self.open / divisor,
            self.high / divisor,
            self.low / divisor,
            self.close / divisor,
            self.volume,
            self.ticks,
        )


class TickBars:
    """The last bars of each instrument, the growing one included."""

    def __init__(self, each: int = EACH, kept: int = KEPT) -> None:
        self._each, self._kept = each, kept
        self._growing: dict[int, _Growing] = {}
        self._finished: dict[int, deque[Bar]] = {}
        self._traded: dict[int, int] = {}  # the day's volume at the last tick

    def take(self, frames: Iterable[Frame]) -> list[Bar]:
        """Count these ticks; the bars that they finished."""
        done: list[Bar] = []
        growing = self._growing
        for frame in frames:
            received = frame.received_ns
            for instrument, scale, price, volume in looks(frame):
                traded = self._since(instrument, volume)
                bar = growing.get(instrument)
                if bar is None:
                    bar = growing[instrument] = _Growing(scale, received, received, price, price, price, price, 0, 0)
                elif price > bar.high:
                    bar.high = price
                elif price < bar.low:
                    bar.low = price
                bar.close, bar.ended_ns = price, received
                bar.volume += traded
                bar.ticks += 1
                if bar.ticks == self._each:
                    done.append(self._finish(instrument))
        return done

    def of(self, instrument: int) -> list[Bar]:
        """The bars of this instrument, oldest first; the last one may still grow."""
        growing = self._growing.get(instrument)
        last = [] if growing is None else [growing.finished(instrument)]
        return [*self._finished.get(instrument, ()), *last]

    def _since(self, instrument: int, volume: int | None) -> int:
        """What was traded since the last tick; a volume that falls is a new day's."""
        if volume is None:
            return 0
        before = self._traded.get(instrument, volume)
        self._traded[instrument] = volume
        return max(0, volume - before)

    def _finish(self, instrument: int) -> Bar:
        bar = self._growing.pop(instrument).finished(instrument)
        self._finished.setdefault(instrument, deque(maxlen=self._kept)).append(bar)
        return bar
