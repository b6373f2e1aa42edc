"""Fills the gaps in the memory that all keepers share, so that what each makes for itself lies together.

Without it a keeper's first objects go to gaps all over that memory, and each page one of them is written to is a page
of its own: 50 to 70 KB a keeper (measured). Python hands out memory of one size from pools, the half-full ones first.
"""

from __future__ import annotations

_SIZES = range(32, 257, 16)  # bytes of an object; larger ones are few, and filling their pools costs more than it saves
_EMPTY = 33  # bytes of an empty `bytes`
_POOL, _FIRST = 1 << 14, 48  # bytes of a pool, and where in it the first object lies
_IN_A_ROW = 3  # objects that lie as in a pool that nobody has used
_MOST = 1 << 16  # bytes of one size, should Python lay out its pools otherwise


def fill() -> list[object]:
    """Whatever holds the gaps; to be kept as long as they shall be held."""
    held: list[object] = []
    for size in _SIZES:
        _fill(size, held)
    return held


def _fill(size: int, held: list[object]) -> None:
    """Up to the beginning of a pool that is empty but for the first object."""
    row = 0
    for number in range(_MOST // size):
        one: object = bytes(size - _EMPTY) if size > _EMPTY else float(number)
        held.append(one)
        row = row + 1 if id(one) % _POOL == _FIRST + row * size else 0
        if row == _IN_A_ROW:
            del held[-2:]
            return
