"""How fast a count grows, by the last few seconds."""

from __future__ import annotations

from collections import deque
from typing import Final

from tradewarden.machines.backoff import SECOND

SPAN: Final = 5 * SECOND


class Window:
    """Counts with the moment of each, in nanoseconds of a clock that never jumps."""

    def __init__(self) -> None:
        self._counts: deque[tuple[int, int]] = deque()

    def add(self, now: int, count: int) -> float | None:
        """The count now; how many a second since the oldest of the last five seconds. A lower count begins anew."""
        counts = self._counts
        if counts and count < counts[-1][1]:
            counts.clear()
        counts.append((now, count))
        while len(counts) > 2 and now - counts[1][0] >= SPAN:  # noqa: PLR2004 - a rate needs two
            counts.popleft()
        (began, first), (ended, last) = counts[0], counts[-1]
        return None if ended <= began else (last - first) * SECOND / (ended - began)
