"""A tick: the last word of the exchange about one instrument, as the broker's packet said it.

Prices stay the whole numbers of the wire beside the divisor that turns them into rupees; times stay seconds since 1970;
the depth stays the block of bytes it came in. Nothing is converted before somebody asks, since most of a tick is never
looked at and the journal wants the block as it is.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from struct import Struct
from typing import Any, ClassVar, NamedTuple

INDICES = 9  # the segment whose instruments nobody can buy; the low byte of an instrument token is its segment
UNSIGNED = 0xFFFFFFFF

DEPTH_BYTES = 120
_DEPTH = Struct(">" + "IiHxx" * 10).unpack
_DEPTH_UNSIGNED = Struct(">" + "IIHxx" * 10).unpack  # KiteTicker reads every number as unsigned


class Mode(StrEnum):
    """How much of an instrument to stream: its last price, its quote, or all with the depth."""

    LTP = "ltp"
    QUOTE = "quote"
    FULL = "full"


Level = tuple[int, float, int]  # quantity, price, orders; a plain tuple, since named ones cost twice the time


class Depth(NamedTuple):
    """The five best prices of each side, best first, each as (quantity, price, orders)."""

    buy: tuple[Level, ...]
    sell: tuple[Level, ...]


class Tick:
    """What every tick has; a field that its kind does not carry is None."""

    __slots__ = ("divisor", "last_price_raw", "token")

    mode: ClassVar[Mode] = Mode.LTP

    token: int
    divisor: int
    last_price_raw: int
    last_quantity: int | None = None
    average_price_raw: int | None = None
    volume: int | None = None
    buy_quantity: int | None = None
    sell_quantity: int | None = None
    open_raw: int | None = None
    high_raw: int | None = None
    low_raw: int | None = None
    close_raw: int | None = None
    last_trade_ts: int | None = None  # seconds since 1970; 0 while nothing has been traded
    oi: int | None = None
    oi_high: int | None = None
    oi_low: int | None = None
    exchange_ts: int | None = None  # seconds since 1970
    depth_block: bytes | None = None  # ten levels as the packet had them, bids first

    def __init__(self, token: int, last_price_raw: int, divisor: int = 100, **rest: int | bytes) -> None:
        self.token, self.last_price_raw, self.divisor = token, last_price_raw, divisor
        for name in self._own_fields():
            setattr(self, name, rest.pop(name, bytes(DEPTH_BYTES) if name == "depth_block" else 0))
        if rest:
            raise TypeError(f"{type(self).__name__} has no {', '.join(rest)}; it has {', '.join(self._own_fields())}")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.token} {self.last_price}>"

    @classmethod
    def _own_fields(cls) -> list[str]:
        return [name for kind in cls.__mro__ if kind not in {Tick, object} for name in kind.__dict__["__slots__"]]

    @property
    def last_price(self) -> float:
        """The price of the last trade, in rupees."""
        return self.last_price_raw / self.divisor

    @property
    def average_price(self) -> float | None:
        """The day's volume-weighted price."""
        return self._price(self.average_price_raw)

    @property
    def open(self) -> float | None:
        """The day's first price."""
        return self._price(self.open_raw)

    @property
    def high(self) -> float | None:
        """The day's highest price."""
        return self._price(self.high_raw)

    @property
    def low(self) -> float | None:
        """The day's lowest price."""
        return self._price(self.low_raw)

    @property
    def close(self) -> float | None:
        """The last close before today."""
        return self._price(self.close_raw)

    @property
    def change(self) -> float | None:
        """The last price against the last close, in percent; 0 when there was no close."""
        close = self.close
        if not close:
            return None if close is None else 0
        return (self.last_price - close) * 100 / close

    @property
    def tradable(self) -> bool:
        """Whether it can be bought at all; an index cannot."""
        return self.token & 0xFF != INDICES

    @property
    def depth(self) -> Depth | None:
        """The order book's best five of each side, None when this kind of tick has none."""
        block = self.depth_block
        if block is None:
            return None
        d = float(self.divisor)
        # One unpack and plain names: ten levels of every tick have to cost a fifth of the official client's.
        (
            q0, p0, n0, q1, p1, n1, q2, p2, n2, q3, p3, n3, q4, p4, n4,
            q5, p5, n5, q6, p6, n6, q7, p7, n7, q8, p8, n8, q9, p9, n9,
        ) = _DEPTH(block)  # fmt: skip
        return Depth(
            ((q0, p0 / d, n0), (q1, p1 / d, n1), (q2, p2 / d, n2), (q3, p3 / d, n3), (q4, p4 / d, n4)),
            ((q5, p5 / d, n5), (q6, p6 / d, n6), (q7, p7 / d, n7), (q8, p8 / d, n8), (q9, p9 / d, n9)),
        )

    def to_kite_dict(self) -> dict[str, Any]:
        """The tick as kiteconnect's KiteTicker hands it out, field by field, its local times included."""
        return {
            "tradable": self.tradable,
            "mode": self.mode.value,
            "instrument_token": self.token,
            "last_price": (self.last_price_raw & UNSIGNED) / self.divisor,
        }

    def _price(self, raw: int | None) -> float | None:
        return None if raw is None else raw / self.divisor


class LtpTick(Tick):
    """The last price and nothing else."""

    __slots__ = ()


class IndexTick(Tick):
    """An index in quote mode."""

    __slots__ = ("close_raw", "high_raw", "low_raw", "open_raw")

    mode = Mode.QUOTE

    open_raw: int
    high_raw: int
    low_raw: int
    close_raw: int

    def to_kite_dict(self) -> dict[str, Any]:
        """As KiteTicker tells an index."""
        ohlc, change = _ohlc(self)
        return super().to_kite_dict() | {"ohlc": ohlc, "change": change}


class IndexFullTick(IndexTick):
    """An index in full mode, which adds the exchange's time."""

    __slots__ = ("exchange_ts",)

    mode = Mode.FULL

    exchange_ts: int

    def to_kite_dict(self) -> dict[str, Any]:
        """As KiteTicker tells an index in full mode."""
        told = super().to_kite_dict()
        told["exchange_timestamp"] = _local(self.exchange_ts)
        return told


class QuoteTick(Tick):
    """An instrument in quote mode: trades, totals and the day's prices."""

    __slots__ = (
        "average_price_raw",
        "buy_quantity",
        "close_raw",
        "high_raw",
        "last_quantity",
        "low_raw",
        "open_raw",
        "sell_quantity",
        "volume",
    )

    mode = Mode.QUOTE

    last_quantity: int
    average_price_raw: int
    volume: int
    buy_quantity: int
    sell_quantity: int
    open_raw: int
    high_raw: int
    low_raw: int
    close_raw: int

    def to_kite_dict(self) -> dict[str, Any]:
        """As KiteTicker tells a quote."""
        ohlc, change = _ohlc(self)
        return {
            "tradable": self.tradable,
            "mode": self.mode.value,
            "instrument_token": self.token,
            "last_price": (self.last_price_raw & UNSIGNED) / self.divisor,
            "last_traded_quantity": self.last_quantity,
            "average_traded_price": (self.average_price_raw & UNSIGNED) / self.divisor,
            "volume_traded": self.volume,
            "total_buy_quantity": self.buy_quantity,
            "total_sell_quantity": self.sell_quantity,
            "ohlc": ohlc,
            "change": change,
        }


class FullTick(QuoteTick):
    """An instrument in full mode: the quote, open interest, times and depth."""

    __slots__ = ("depth_block", "exchange_ts", "last_trade_ts", "oi", "oi_high", "oi_low")

    mode = Mode.FULL

    last_trade_ts: int
    oi: int
    oi_high: int
    oi_low: int
    exchange_ts: int
    depth_block: bytes

    def to_kite_dict(self) -> dict[str, Any]:
        """As KiteTicker tells an instrument in full mode."""
        d = float(self.divisor)
        ohlc, change = _ohlc(self)
        (
            q0, p0, n0, q1, p1, n1, q2, p2, n2, q3, p3, n3, q4, p4, n4,
            q5, p5, n5, q6, p6, n6, q7, p7, n7, q8, p8, n8, q9, p9, n9,
        ) = _DEPTH_UNSIGNED(self.depth_block)  # fmt: skip
        return {
            "tradable": self.tradable,
            "mode": "full",
            "instrument_token": self.token,
            "last_price": (self.last_price_raw & UNSIGNED) / d,
            "last_traded_quantity": self.last_quantity,
            "average_traded_price": (self.average_price_raw & UNSIGNED) / d,
            "volume_traded": self.volume,
            "total_buy_quantity": self.buy_quantity,
            "total_sell_quantity": self.sell_quantity,
            "ohlc": ohlc,
            "change": change,
            "last_trade_time": _local(self.last_trade_ts),
            "oi": self.oi,
            "oi_day_high": self.oi_high,
            "oi_day_low": self.oi_low,
            "exchange_timestamp": _local(self.exchange_ts),
            "depth": {
                "buy": [
                    {"quantity": q0, "price": p0 / d, "orders": n0},
                    {"quantity": q1, "price": p1 / d, "orders": n1},
                    {"quantity": q2, "price": p2 / d, "orders": n2},
                    {"quantity": q3, "price": p3 / d, "orders": n3},
                    {"quantity": q4, "price": p4 / d, "orders": n4},
                ],
                "sell": [
                    {"quantity": q5, "price": p5 / d, "orders": n5},
                    {"quantity": q6, "price": p6 / d, "orders": n6},
                    {"quantity": q7, "price": p7 / d, "orders": n7},
                    {"quantity": q8, "price": p8 / d, "orders": n8},
                    {"quantity": q9, "price": p9 / d, "orders": n9},
                ],
            },
        }


def _ohlc(tick: IndexTick | QuoteTick) -> tuple[dict[str, float], float]:
    """The day's prices and the change as KiteTicker reckons them: it reads every price as unsigned."""
    d = float(tick.divisor)
    last = (tick.last_price_raw & UNSIGNED) / d
    close = (tick.close_raw & UNSIGNED) / d
    ohlc = {
        "open": (tick.open_raw & UNSIGNED) / d,
        "high": (tick.high_raw & UNSIGNED) / d,
        "low": (tick.low_raw & UNSIGNED) / d,
        "close": close,
    }
    return ohlc, (last - close) * 100 / close if close else 0


def _local(seconds: int) -> datetime | None:
    """The host's local time without a zone, as the official client makes it; None for a time the host cannot say."""
    try:
        return datetime.fromtimestamp(seconds)  # noqa: DTZ006 - the official client's shape; our own times are epochs
    except (OverflowError, OSError, ValueError):
        return None
