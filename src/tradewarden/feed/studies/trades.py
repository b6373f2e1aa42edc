"""What the studies look at in a record: price and volume, and nothing else of it is unpacked."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final

from tradewarden.feed.record import FIELDS, SIZE, Frame, Kind, Mark

_HEAD: Final = 16  # bytes before the first field
_AT: Final = {name: _HEAD + 8 * number for number, name in enumerate(FIELDS)}
_PRICE, _VOLUME = _AT["last_price"], _AT["volume"]
# kind, scale, marks, has, instrument, last price, volume; everything between them is skipped
_LOOK: Final = Struct(f"<BBBxHxxQ{_PRICE - _HEAD}xq{_VOLUME - _PRICE - 8}xq{SIZE - _VOLUME - 8}x")
_HAS_PRICE: Final = 1 << FIELDS.index("last_price")
_HAS_VOLUME: Final = 1 << FIELDS.index("volume")

Look = tuple[int, int, int, int | None]  # instrument, scale, last price raw, the day's volume where it came


def looks(frame: Frame) -> Iterator[Look]:
    """Each tick of a frame that has a price which can be one."""
    for kind, scale, marks, has, instrument, price, volume in _LOOK.iter_unpack(frame.records):
        if kind == Kind.TICK and has & _HAS_PRICE and not marks & Mark.PRICE:
            yield instrument, scale, price, volume if has & _HAS_VOLUME else None
