"""How well a stream does: how many ticks a second, and how long each was under way."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from types import MappingProxyType

from tradewarden.machines.backoff import SECOND

WINDOW = 10 * SECOND  # over which ticks are counted
SHARES = (0.5, 0.99)  # of the sampled ticks
SAMPLES = 600  # ticks whose way is remembered: five minutes at two looks a second


class Quality:
    """Figures of one feed, from one look at each heartbeat; nothing is done for a single tick.

    The exchange stamps whole seconds, so a lag of less than one second says "no lag that could be measured".
    """

    def __init__(self) -> None:
        self._counts: deque[tuple[int, int]] = deque()
        self._lags: deque[float] = deque(maxlen=SAMPLES)
        self.lags: Mapping[float, float] = MappingProxyType({})  # the lag that this share did not exceed

    def look(self, *, now: int, ticks_total: int, lag: float | None) -> None:
        """Take one look: the ticks counted so far, and the seconds that the newest one was under way."""
        self._counts.append((now, ticks_total))
        while now - self._counts[0][0] > WINDOW:
            self._counts.popleft()
        if lag is not None:
            self._lags.append(lag)
            ordered = sorted(self._lags)
            self.lags = MappingProxyType({s: ordered[min(len(ordered) - 1, int(s * len(ordered)))] for s in SHARES})

    @property
    def ticks_per_second(self) -> float:
        """Over the last ten seconds."""
        if not self._counts:
            return 0.0
        (begun, before), (ended, after) = self._counts[0], self._counts[-1]
        return 0.0 if ended == begun else (after - before) * SECOND / (ended - begun)
