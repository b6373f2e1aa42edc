"""How often one address may do something: a bucket of tokens that fills again by itself."""

from __future__ import annotations

import math
from collections import OrderedDict

from tradewarden.orchestrator.clock import Clock

_REMEMBERED = 4096  # addresses; the one not seen for longest is forgotten first
_NS = 1_000_000_000


class Allowance:
    """`count` times in `seconds`, all at once if need be, for each address on its own."""

    def __init__(self, count: int, seconds: float, clock: Clock) -> None:
        self._count = count
        self._each = round(seconds * _NS / count)
        self._clock = clock
        self._full_at: OrderedDict[str, int] = OrderedDict()  # when the address will have its whole allowance again

    def take(self, address: str) -> int:
        """0 when it may, else the seconds to wait. Taking counts only when it may."""
        now = self._clock.mono_ns()
        full_at = max(now, self._full_at.pop(address, 0))
        wait = full_at + self._each - now - self._count * self._each
        self._full_at[address] = full_at if wait > 0 else full_at + self._each
        if len(self._full_at) > _REMEMBERED:
            self._full_at.popitem(last=False)
        return max(0, math.ceil(wait / _NS))
