"""A record in plain words: each field that came by its name, prices in the exchange's unit, times in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from struct import Struct
from typing import Any, Final

from tradewarden.feed.names import Names
from tradewarden.feed.record import FIELDS, PRICES, DepthLayout, Kind, Mark, Row

_LEVELS: Final = Struct(">" + "IiHxx" * 10).unpack
_TIMES: Final = {"exchange_ns": "exchange_at", "last_trade_ns": "last_trade_at"}
_PLACES: Final = tuple((1 << bit, name, Row._fields.index(name)) for bit, name in enumerate(FIELDS))


def told(row: Row, names: Names | None = None) -> dict[str, Any]:
    """One record as a JSON object: its number and both its times, then the fields that came."""
    plain: dict[str, Any] = {"seq": row.seq, "kind": kind_of(row), "instrument": row.instrument}
    if names is not None:
        plain["symbol"] = names.of(row.instrument).key
    plain["received_at"] = moment(row.received_ns)
    unit = 10**row.scale
    for bit, name, place in _PLACES:
        if row.has & bit:
            value = int(row[place])
            if name in PRICES:
                plain[name] = value / unit
            elif name in _TIMES:
                plain[_TIMES[name]] = moment(value) if value else None
            else:
                plain[name] = value
    if row.depth_layout == DepthLayout.KITE:
        plain["depth"] = depth(row)
    if row.marks:
        plain["marks"] = [str(mark.name).lower() for mark in Mark if row.marks & mark]
    return plain


def kind_of(row: Row) -> str:
    """What the record is: tick, depth, trade, order, odds; a number for a kind that is not known yet."""
    return Kind(row.kind).name.lower() if row.kind in Kind.__members__.values() else str(row.kind)


def depth(row: Row) -> dict[str, list[tuple[int, float, int]]]:
    """The five best of each side, best first: quantity, price, orders."""
    numbers, unit = _LEVELS(row.depth), 10**row.scale
    levels = [(numbers[at], numbers[at + 1] / unit, numbers[at + 2]) for at in range(0, 30, 3)]
    return {"buy": levels[:5], "sell": levels[5:]}


def moment(nanoseconds: int) -> str:
    """A time to the microsecond."""
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).isoformat(timespec="microseconds")
