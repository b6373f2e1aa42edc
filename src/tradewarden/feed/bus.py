"""What travels on a bus (Redis, NATS, ZeroMQ): the journal's own frames, one behind the other, each with its crc.

So a message says by itself which numbers it holds and when they were received, and a reader on another machine needs
nothing but docs/journal.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from zlib import crc32

from tradewarden.feed.record import (
    HAS_FULL,
    HAS_INDEX,
    HAS_INDEX_FULL,
    HAS_LTP,
    HAS_QUOTE,
    NANOSECONDS,
    RECORD,
    SIZE,
    DepthLayout,
    Frame,
    Kind,
    Row,
)
from tradewarden.feed.segment import FRAME_COVERED, FRAME_HEADER, FRAME_MAGIC, VERSION, frame_header
from tradewarden.feed.tick import FullTick, IndexFullTick, IndexTick, LtpTick, QuoteTick, Tick

_DIVISORS: Final = tuple(10**scale for scale in range(9))
_new: Final = object.__new__
MESSAGE: Final = 500  # records of one message, about: 128 kB, where a further record costs what it weighs


class BusError(Exception):
    """A message that does not hold frames of ours; the text says what is wrong with it."""


class Received(list[Tick]):
    """Ticks that another desk received: its numbers for them, and its moment of receipt, go with them."""

    __slots__ = ("first_seq", "odd", "received_ns")

    def __init__(self, ticks: Iterable[Tick], first_seq: int, received_ns: int) -> None:
        super().__init__(ticks)
        self.first_seq, self.received_ns = first_seq, received_ns
        self.odd: set[str] = set()  # what of the records no tick can hold: scale, depth


def message(frames: Iterable[Frame]) -> bytes:
    """These frames as one message."""
    parts: list[bytes] = []
    for frame in frames:
        parts += (frame_header(frame.records, frame.count, frame.first_seq, frame.received_ns), frame.records)
    return b"".join(parts)


def frames(data: bytes) -> list[Frame]:
    """The frames of a message. Raises BusError when it is not whole, or was written by a version to come."""
    found: list[Frame] = []
    at, size = 0, len(data)
    while at < size:
        start = at + FRAME_HEADER.size
        if start > size or data[at : at + len(FRAME_MAGIC)] != FRAME_MAGIC:
            raise BusError(f"what stands at byte {at} of {size} is no frame")
        _, check, length, version, record, first_seq, received_ns, count = FRAME_HEADER.unpack_from(data, at)
        if version != VERSION or record != SIZE:
            raise BusError(
                f"frames of version {version} with records of {record} bytes; {VERSION} and {SIZE} are known"
            )
        end = start + length
        if end > size or length != count * SIZE:
            raise BusError(f"the frame at byte {at} of {size} is cut off")
        records = data[start:end]
        if crc32(records, crc32(data[at + FRAME_COVERED : start])) != check:
            raise BusError(f"the frame at byte {at} is damaged: its crc does not fit")
        found.append(Frame(first_seq, count, received_ns, records))
        at = end
    return found


def parcels(some: Sequence[Frame], most: int = MESSAGE) -> Iterator[list[Frame]]:
    """Frames in groups of at most so many records, in order; a frame that is longer is divided."""
    group: list[Frame] = []
    count = 0
    for frame in (piece for whole in some for piece in _pieces(whole, most)):
        if group and count + frame.count > most:
            yield group
            group, count = [], 0
        group.append(frame)
        count += frame.count
    if group:
        yield group


def _pieces(frame: Frame, most: int) -> Iterator[Frame]:
    if frame.count <= most:
        yield frame
        return
    for start in range(0, frame.count, most):
        yield frame.part(start, min(start + most, frame.count))


def after(some: Iterable[Frame], position: int) -> list[Frame]:
    """What of these frames is behind a number; the frame that has it is cut."""
    kept: list[Frame] = []
    for frame in some:
        known = max(0, position + 1 - frame.first_seq)
        if known < frame.count:
            kept.append(frame.part(known, frame.count) if known else frame)
    return kept


def received(frame: Frame) -> Received:
    """A frame's ticks as the broker's stream handed them out; records of other kinds are left out."""
    ticks = Received((), frame.first_seq, frame.received_ns)
    take, full, usual = ticks.append, _full, (HAS_FULL, DepthLayout.KITE)
    for seq, fields in enumerate(RECORD.iter_unpack(frame.records), frame.first_seq):
        if fields[3:5] == usual and fields[0] == Kind.TICK and fields[1] < len(_DIVISORS):
            take(full(fields))
            continue
        row = Row(seq, frame.received_ns, *fields)
        if row.kind == Kind.TICK:
            ticks.odd |= _odd(row)
        if (tick := tick_of(row)) is not None:
            take(tick)
    return ticks


def _odd(row: Row) -> set[str]:
    """What of this record no tick of ours can hold."""
    odd = set[str]()
    if row.scale >= len(_DIVISORS):
        odd.add("scale")
    if row.depth_layout != (DepthLayout.KITE if row.has == HAS_FULL else DepthLayout.NONE):
        odd.add("depth")
    return odd


def _full(fields: tuple[Any, ...]) -> FullTick:
    """A tick with depth, past the constructor for people: nearly every record is one."""
    tick = _new(FullTick)
    (
        _, scale, _, _, _, tick.token, exchange_ns, last_trade_ns, tick.last_price_raw, tick.last_quantity,
        tick.average_price_raw, tick.volume, tick.buy_quantity, tick.sell_quantity, tick.open_raw, tick.high_raw,
        tick.low_raw, tick.close_raw, tick.oi, tick.oi_high, tick.oi_low, tick.depth_block,
    ) = fields  # fmt: skip
    tick.divisor = _DIVISORS[scale]
    tick.exchange_ts, tick.last_trade_ts = exchange_ns // NANOSECONDS, last_trade_ns // NANOSECONDS
    return tick


def tick_of(row: Row) -> Tick | None:
    """The tick that was packed into this record; none for a record of another kind, or with more decimals than ours."""
    if row.kind != Kind.TICK or not row.has & HAS_LTP or row.scale >= len(_DIVISORS):
        return None
    make = _KINDS.get(row.has, LtpTick)
    if make is FullTick and row.depth_layout != DepthLayout.KITE:
        make = QuoteTick  # an order book that we cannot read must not be handed on as one of Kite
    return make(row.instrument, row.last_price, _DIVISORS[row.scale], **_rest(row, make))


_KINDS: Final[dict[int, type[Tick]]] = {
    HAS_FULL: FullTick,
    HAS_QUOTE: QuoteTick,
    HAS_INDEX_FULL: IndexFullTick,
    HAS_INDEX: IndexTick,
}


def _rest(row: Row, kind: type[Tick]) -> dict[str, Any]:
    """What this kind of tick has besides its price, seconds where the record has nanoseconds."""
    rest: dict[str, Any] = {}
    if issubclass(kind, IndexTick | QuoteTick):
        rest |= {"open_raw": row.open, "high_raw": row.high, "low_raw": row.low, "close_raw": row.close}
    if issubclass(kind, QuoteTick):
        rest |= {"last_quantity": row.last_quantity, "average_price_raw": row.average_price, "volume": row.volume}
        rest |= {"buy_quantity": row.buy_quantity, "sell_quantity": row.sell_quantity}
    if issubclass(kind, FullTick):
        rest |= {"last_trade_ts": row.last_trade_ns // NANOSECONDS, "depth_block": row.depth}
        rest |= {"oi": row.oi, "oi_high": row.oi_high, "oi_low": row.oi_low}
    if issubclass(kind, FullTick | IndexFullTick):
        rest["exchange_ts"] = row.exchange_ns // NANOSECONDS
    return rest
