"""The last word about each instrument, in memory: a dictionary that is written for every tick and read for nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from operator import or_

from tradewarden.feed.doubt import MARKS, Doubt
from tradewarden.feed.record import RECORD, Row, pack
from tradewarden.feed.tick import Tick


class Quotes:
    """The latest tick of each instrument, kept as it came; it becomes a record when somebody asks."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._latest: dict[int, tuple[Tick, int, int]] = {}  # the tick, its receipt and its marks

    def __len__(self) -> int:
        return len(self._latest)

    def take(self, ticks: Sequence[Tick], doubtful: Mapping[int, Sequence[Doubt]]) -> None:
        """These came just now, the doubtful ones by their place: the hot path."""
        now = self._now_ns()
        self._latest.update([(tick.token, (tick, now, 0)) for tick in ticks])
        for place, doubts in doubtful.items():
            tick = ticks[place]
            if self._latest[tick.token][0] is tick:
                self._latest[tick.token] = (tick, now, reduce(or_, (MARKS[doubt] for doubt in doubts), 0))

    def rows(self, instruments: Sequence[int] | None = None) -> Iterator[Row]:
        """The latest record of these instruments, or of all, in the order of their first tick; its number is 0."""
        for instrument in self._latest if instruments is None else instruments:
            found = self._latest.get(instrument)
            if found is not None:
                tick, received_ns, marks = found
                yield Row._make((0, received_ns, *RECORD.unpack(pack(tick, marks))))
