"""How long to wait before the next try."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

SECOND = 1_000_000_000

_DEEPEST = 32  # 2 ** 32 s is beyond every cap; it keeps the arithmetic small


@dataclass(frozen=True, slots=True)
class Backoff:
    """Full jitter over a doubling wait: a crowd of desks never knocks at the same moment, and none ever gives up.

    Times are nanoseconds. The count of tries belongs to the machine that tries; only proof resets it.
    """

    base: int = SECOND // 2
    cap: int = 30 * SECOND
    floor: int = SECOND // 10

    def delay(self, tries: int, uniform: Callable[[], float]) -> int:
        """The wait after so many tries without proof; `uniform` gives chance in [0, 1)."""
        ceiling = min(self.cap, self.base << min(tries, _DEEPEST))
        return max(self.floor, int(uniform() * ceiling))
