"""A record: a tick as the journal keeps it, 256 bytes whatever came, so that readers count instead of parse.

Little-endian. Prices and quantities are signed 64-bit whole numbers; a price is `raw / 10**scale`. `has` tells which of
the fields came, one bit each in the order of FIELDS; a field that did not come is zero and its bit is off. Times are
nanoseconds since 1970. The depth is the broker's own block. The format byte by byte: docs/journal.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from struct import Struct
from typing import Final, NamedTuple

from tradewarden.feed.tick import DEPTH_BYTES, FullTick, IndexFullTick, IndexTick, QuoteTick, Tick

RECORD: Final = Struct(f"<BBBxHHQ15q{DEPTH_BYTES}s")
SIZE: Final = RECORD.size
NANOSECONDS: Final = 1_000_000_000


class Kind(IntEnum):
    """What a record tells. A reader skips a kind that it does not know."""

    TICK = 1
    DEPTH = 2
    TRADE = 3
    ORDER = 4
    ODDS = 5


class Mark(IntFlag):
    """What is doubtful about a record; it is kept as it came, and every store gets the mark with it."""

    PRICE = 1  # impossible: zero or less where that cannot be, or far outside the day's prices
    TIME = 2  # impossible: before this day or in the future


class DepthLayout(IntEnum):
    """How the depth block is to be read."""

    NONE = 0
    KITE = 1  # ten levels of 12 bytes, big-endian: quantity u32, price i32, orders u16, two bytes of nothing


FIELDS: Final = (
    "exchange_ns",
    "last_trade_ns",
    "last_price",
    "last_quantity",
    "average_price",
    "volume",
    "buy_quantity",
    "sell_quantity",
    "open",
    "high",
    "low",
    "close",
    "oi",
    "oi_high",
    "oi_low",
)
PRICES: Final = frozenset({"last_price", "average_price", "open", "high", "low", "close"})


def _has(*names: str) -> int:
    return sum(1 << FIELDS.index(name) for name in names)


HAS_LTP: Final = _has("last_price")
HAS_INDEX: Final = HAS_LTP | _has("open", "high", "low", "close")
HAS_INDEX_FULL: Final = HAS_INDEX | _has("exchange_ns")
HAS_QUOTE: Final = HAS_INDEX | _has("last_quantity", "average_price", "volume", "buy_quantity", "sell_quantity")
HAS_FULL: Final = HAS_QUOTE | _has("exchange_ns", "last_trade_ns", "oi", "oi_high", "oi_low")


class Row(NamedTuple):
    """One record unpacked, with its number and moment of receipt; a zero may mean "did not come": see `has`."""

    seq: int
    received_ns: int
    kind: int
    scale: int
    marks: int
    has: int
    depth_layout: int
    instrument: int
    exchange_ns: int
    last_trade_ns: int
    last_price: int
    last_quantity: int
    average_price: int
    volume: int
    buy_quantity: int
    sell_quantity: int
    open: int
    high: int
    low: int
    close: int
    oi: int
    oi_high: int
    oi_low: int
    depth: bytes


@dataclass(frozen=True, slots=True)
class Frame:
    """Records that were received together: the unit in which the journal is written and read."""

    first_seq: int
    count: int
    received_ns: int
    records: bytes

    @property
    def last_seq(self) -> int:
        """The number of its last record."""
        return self.first_seq + self.count - 1

    def part(self, start: int, stop: int) -> Frame:
        """Some of its records, with their numbers and their time."""
        records = self.records[start * SIZE : stop * SIZE]
        return Frame(self.first_seq + start, stop - start, self.received_ns, records)


def rows(frames: Iterable[Frame]) -> Iterator[Row]:
    """Every record of these frames, in order."""
    make = Row._make
    for frame in frames:
        received = frame.received_ns
        for seq, fields in enumerate(RECORD.iter_unpack(frame.records), frame.first_seq):
            yield make((seq, received, *fields))


_INSTRUMENTS: Final = Struct(f"<8xQ{SIZE - 16}x")


def instruments(frames: Iterable[Frame]) -> set[int]:
    """Whose records these are."""
    return {number for frame in frames for (number,) in _INSTRUMENTS.iter_unpack(frame.records)}


_SCALES: Final = {10**exponent: exponent for exponent in range(9)}
_NO_DEPTH: Final = bytes(DEPTH_BYTES)
_pack = RECORD.pack


def pack(tick: Tick, marks: int = 0) -> bytes:
    """One tick as a record."""
    scale = _SCALES[tick.divisor]
    match tick:
        case FullTick():
            return _pack(
                Kind.TICK, scale, marks, HAS_FULL, DepthLayout.KITE, tick.token,
                tick.exchange_ts * NANOSECONDS, tick.last_trade_ts * NANOSECONDS, tick.last_price_raw,
                tick.last_quantity, tick.average_price_raw, tick.volume, tick.buy_quantity, tick.sell_quantity,
                tick.open_raw, tick.high_raw, tick.low_raw, tick.close_raw, tick.oi, tick.oi_high, tick.oi_low,
                tick.depth_block,
            )  # fmt: skip
        case QuoteTick():
            return _pack(
                Kind.TICK, scale, marks, HAS_QUOTE, DepthLayout.NONE, tick.token, 0, 0, tick.last_price_raw,
                tick.last_quantity, tick.average_price_raw, tick.volume, tick.buy_quantity, tick.sell_quantity,
                tick.open_raw, tick.high_raw, tick.low_raw, tick.close_raw, 0, 0, 0, _NO_DEPTH,
            )  # fmt: skip
        case IndexTick():
            full = isinstance(tick, IndexFullTick)
            return _pack(
                Kind.TICK, scale, marks, HAS_INDEX_FULL if full else HAS_INDEX, DepthLayout.NONE, tick.token,
                (tick.exchange_ts or 0) * NANOSECONDS, 0, tick.last_price_raw, 0, 0, 0, 0, 0,
                tick.open_raw, tick.high_raw, tick.low_raw, tick.close_raw, 0, 0, 0, _NO_DEPTH,
            )  # fmt: skip
        case _:
            return _pack(
                Kind.TICK, scale, marks, HAS_LTP, DepthLayout.NONE, tick.token, 0, 0, tick.last_price_raw,
                0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, _NO_DEPTH,
            )  # fmt: skip
