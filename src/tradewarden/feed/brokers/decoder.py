"""Kite's binary frames, read: a pure function from bytes to ticks that no bytes can bring down.

The layouts are those of kiteconnect's ticker and of Kite's documentation. Every length is checked against the frame
before it is believed, an unknown packet costs only itself, and what precedes a bad part is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from struct import Struct

import orjson

from tradewarden.feed.tick import FullTick, IndexFullTick, IndexTick, LtpTick, QuoteTick, Tick

CDS, BCD, NCO = 3, 6, 12  # segments (the low byte of a token) whose prices have more than two decimals
DIVISORS = tuple({CDS: 10_000_000, BCD: 10_000, NCO: 10_000}.get(segment, 100) for segment in range(256))
HEARTBEAT = 1  # byte: all there is of a frame that only says "still here"
SHORTEST = 4  # bytes: a count and one length

# The documentation calls every number an int32, the official client reads them all as unsigned. Prices can be below
# zero (crude oil was, on 2020-04-20), so they are signed here; quantities and times cannot.
_LTP = Struct(">Ii").unpack_from
_INDEX = Struct(">Iiiiii4x").unpack_from
_INDEX_FULL = Struct(">Iiiiii4xI").unpack_from
_QUOTE = Struct(">IiIiIIIiiii").unpack_from
_FULL = Struct(">IiIiIIIiiiiIIIII120s").unpack_from
_FULLS = Struct(">HIiIiIIIiiiiIIIII120s")  # the same with the length before it
_FULL_BYTES = 184
_MANY = 4  # packets from which on reading all at once is faster
_new = object.__new__  # past the constructor for people: this runs for every packet


class Fault(StrEnum):
    """What can be wrong with a frame."""

    SHORT = "short"
    COUNT = "count"
    TRUNCATED = "truncated"
    UNKNOWN_LENGTH = "unknown_length"
    TRAILING = "trailing"


@dataclass(frozen=True, slots=True)
class BadPart:
    """One part of a frame that could not be read: what is wrong, where, and the number that was wrong."""

    fault: Fault
    at: int
    number: int

    def __str__(self) -> str:
        match self.fault:
            case Fault.SHORT:
                return f"a frame of {self.number} bytes is neither a heartbeat (1 byte) nor a frame (4 or more)"
            case Fault.COUNT:
                return f"the frame ends at byte {self.at}, {self.number} packets before the count it begins with"
            case Fault.TRUNCATED:
                return f"the packet at byte {self.at} says {self.number} bytes, which is past the end of the frame"
            case Fault.UNKNOWN_LENGTH:
                return f"the packet at byte {self.at} has {self.number} bytes; Kite's have 8, 28, 32, 44 or 184"
            case Fault.TRAILING:
                return f"{self.number} bytes follow the last packet, from byte {self.at} on"


def decode(frame: bytes) -> tuple[list[Tick], list[BadPart]]:
    """The ticks of one frame, and what of it could not be read; a heartbeat has neither."""
    size = len(frame)
    if size < SHORTEST:
        return [], [] if size == HEARTBEAT else [BadPart(Fault.SHORT, 0, size)]
    ticks: list[Tick] = []
    bad: list[BadPart] = []
    reader = _READERS.get
    count = (frame[0] << 8) | frame[1]
    if count >= _MANY and size == 2 + count * _FULLS.size and (full := _only_full(frame)) is not None:
        return full, bad
    at = 2
    for nth in range(count):
        start = at + 2
        if start > size:
            bad.append(BadPart(Fault.COUNT, size, count - nth))
            return ticks, bad
        length = (frame[at] << 8) | frame[at + 1]
        at = start + length
        if at > size:
            bad.append(BadPart(Fault.TRUNCATED, start, length))
            return ticks, bad
        read = reader(length)
        if read is None:
            bad.append(BadPart(Fault.UNKNOWN_LENGTH, start, length))
        else:
            ticks.append(read(frame, start))
    if at < size:
        bad.append(BadPart(Fault.TRAILING, at, size - at))
    return ticks, bad


def _only_full(frame: bytes) -> list[Tick] | None:
    """The ticks of a frame that holds full packets and nothing else, a quarter faster; None when there is another."""
    ticks: list[Tick] = []
    for fields in _FULLS.iter_unpack(memoryview(frame)[2:]):
        tick = _new(FullTick)
        (
            length,
            tick.token,
            tick.last_price_raw,
            tick.last_quantity,
            tick.average_price_raw,
            tick.volume,
            tick.buy_quantity,
            tick.sell_quantity,
            tick.open_raw,
            tick.high_raw,
            tick.low_raw,
            tick.close_raw,
            tick.last_trade_ts,
            tick.oi,
            tick.oi_high,
            tick.oi_low,
            tick.exchange_ts,
            tick.depth_block,
        ) = fields
        if length != _FULL_BYTES:
            return None
        tick.divisor = DIVISORS[tick.token & 0xFF]
        ticks.append(tick)
    return ticks


def frame_to_kite_json(frame: bytes) -> tuple[list[bytes], list[str]]:
    """One JSON object a tick with the official client's field names, and a sentence for each part that is bad."""
    ticks, bad = decode(frame)
    return [orjson.dumps(tick.to_kite_dict()) for tick in ticks], [str(part) for part in bad]


def _ltp(frame: bytes, at: int) -> Tick:
    tick = _new(LtpTick)
    tick.token, tick.last_price_raw = _LTP(frame, at)
    tick.divisor = DIVISORS[tick.token & 0xFF]
    return tick


def _index(frame: bytes, at: int) -> Tick:
    tick = _new(IndexTick)
    tick.token, tick.last_price_raw, tick.high_raw, tick.low_raw, tick.open_raw, tick.close_raw = _INDEX(frame, at)
    tick.divisor = DIVISORS[tick.token & 0xFF]
    return tick


def _index_full(frame: bytes, at: int) -> Tick:
    tick = _new(IndexFullTick)
    (
        tick.token,
        tick.last_price_raw,
        tick.high_raw,
        tick.low_raw,
        tick.open_raw,
        tick.close_raw,
        tick.exchange_ts,
    ) = _INDEX_FULL(frame, at)
    tick.divisor = DIVISORS[tick.token & 0xFF]
    return tick


def _quote(frame: bytes, at: int) -> Tick:
    tick = _new(QuoteTick)
    (
        tick.token,
        tick.last_price_raw,
        tick.last_quantity,
        tick.average_price_raw,
        tick.volume,
        tick.buy_quantity,
        tick.sell_quantity,
        tick.open_raw,
        tick.high_raw,
        tick.low_raw,
        tick.close_raw,
    ) = _QUOTE(frame, at)
    tick.divisor = DIVISORS[tick.token & 0xFF]
    return tick


def _full(frame: bytes, at: int) -> Tick:
    tick = _new(FullTick)
    (
        tick.token,
        tick.last_price_raw,
        tick.last_quantity,
        tick.average_price_raw,
        tick.volume,
        tick.buy_quantity,
        tick.sell_quantity,
        tick.open_raw,
        tick.high_raw,
        tick.low_raw,
        tick.close_raw,
        tick.last_trade_ts,
        tick.oi,
        tick.oi_high,
        tick.oi_low,
        tick.exchange_ts,
        tick.depth_block,
    ) = _FULL(frame, at)
    tick.divisor = DIVISORS[tick.token & 0xFF]
    return tick


_READERS: dict[int, Callable[[bytes, int], Tick]] = {
    8: _ltp,
    28: _index,
    32: _index_full,
    44: _quote,
    _FULL_BYTES: _full,
}
