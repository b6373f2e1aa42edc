"""The names and JSON of the original Redis feed, for programs that were written for it: `dhan:quotes` and the like.

A tick goes to the channel and to the stream `<channel>:stream`, one message each, with exactly the fields that those
programs know: they refuse a field more. The entry's ID is `<milliseconds>-<number>`, so it still says when, as it did,
and a tick that is written again is refused by Redis itself; it is published only when its entry was new.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from struct import Struct
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import orjson

from tradewarden.feed.record import HAS_FULL, HAS_INDEX, HAS_LTP, NANOSECONDS, DepthLayout, Frame, Kind, Row, rows
from tradewarden.feed.redis_server import RedisServer
from tradewarden.feed.redis_wire import Command, RefusedError

KEEP: Final = 100_000  # entries of a stream, as the original keeps
AT_ONCE: Final = 2_000  # commands sent together
REFUSED: Final = "equal or smaller than the target stream top item"

# By the low byte of Kite's number; the values are the original's own: 0 index, 1 NSE, 2 its derivatives, 3 its
# currencies, 4 BSE, 5 MCX, 7 currencies of BSE, 8 derivatives of BSE.
SEGMENTS: Final[Mapping[int, int]] = MappingProxyType({1: 1, 2: 2, 3: 3, 4: 4, 5: 8, 6: 7, 7: 5, 8: 5, 9: 0, 12: 5})
DERIVATIVES: Final = frozenset({2, 3, 5, 7, 8})  # of the values above

_DEPTH: Final = Struct(">" + "IiHxx" * 10).unpack


class Post(NamedTuple):
    """One message: the channel, its JSON, and the fields of its entry in the channel's stream."""

    channel: str
    text: bytes
    fields: tuple[bytes | str, ...]
    row: Row


class Originals:
    """Writes what the original wrote, on the connection of the sink that keeps the frames."""

    def __init__(self, broker: str, server: RedisServer) -> None:
        self._server = server
        self._channels = {name: f"{broker}:{name}" for name in ("ticks", "quotes", "fno_quotes", "depth")}
        self._latest: dict[str, int] = {}  # of each stream, the milliseconds of its last entry

    @property
    def streams(self) -> list[str]:
        """All streams that are written."""
        return [f"{channel}:stream" for channel in self._channels.values()]

    async def open(self) -> None:
        """See where each stream stands; an ID is never below the last one, whatever the clock does."""
        answers = await self._server.ask_all([("XINFO", "STREAM", stream) for stream in self.streams])
        for stream, answer in zip(self.streams, answers, strict=True):
            self._latest[stream] = self._milliseconds(answer)

    async def write(self, frames: Sequence[Frame]) -> None:
        """Add every tick to its streams, then publish those that were new."""
        posts = [post for row in rows(frames) for post in self._posts(row)]
        for start in range(0, len(posts), AT_ONCE):
            some = posts[start : start + AT_ONCE]
            answers = await self._server.ask_all([self._entry(post) for post in some])
            fresh = [post for post, answer in zip(some, answers, strict=True) if self._is_new(answer)]
            if fresh:
                await self._server.ask_all([("PUBLISH", post.channel, post.text) for post in fresh])

    def _posts(self, row: Row) -> Iterator[Post]:
        """What a tick becomes: one with depth is a quote and a depth message, as the original's readers expect."""
        if row.kind != Kind.TICK or not row.has & HAS_LTP:
            return
        if row.has & HAS_INDEX != HAS_INDEX:  # an index has no quantities: it is a quote with zeros, as it was
            told = _told(row)
            yield Post(self._channels["ticks"], orjson.dumps(told), _flat(told), row)
            return
        quote = _quote(row)
        text, fields = orjson.dumps(quote | {"prev_close": None}), _flat(quote)
        yield Post(self._channels["quotes"], text, fields, row)
        if quote["exchange_segment"] in DERIVATIVES:
            yield Post(self._channels["fno_quotes"], text, fields, row)
        if row.has == HAS_FULL and row.depth_layout == DepthLayout.KITE:
            depth = orjson.dumps(_depth(row, quote))
            yield Post(self._channels["depth"], depth, ("data", depth), row)

    def _entry(self, post: Post) -> Command:
        stream = f"{post.channel}:stream"
        latest = self._latest[stream] = max(self._latest[stream], post.row.received_ns // 1_000_000)
        number = f"{latest}-{post.row.seq}"
        return "XADD", stream, "MAXLEN", "~", KEEP, number, *post.fields

    def _is_new(self, answer: Any) -> bool:
        if not isinstance(answer, RefusedError):
            return True
        if REFUSED in str(answer):
            return False
        raise self._server.trouble(answer, "XADD")

    def _milliseconds(self, answer: Any) -> int:
        if isinstance(answer, RefusedError):
            if "no such key" in str(answer):
                return 0
            raise self._server.trouble(answer, "XINFO")
        info = dict(zip(answer[::2], answer[1::2], strict=True))
        return int(info[b"last-generated-id"].partition(b"-")[0])


def _told(row: Row) -> dict[str, Any]:
    """The fields that every message has, in the original's order; a price is a float of the exchange's unit."""
    when = row.last_trade_ns or row.exchange_ns or row.received_ns
    return {
        "security_id": row.instrument >> 8,  # the exchange's own number, which the original's tables know
        "exchange_segment": SEGMENTS.get(row.instrument & 0xFF, row.instrument & 0xFF),
        "ltp": row.last_price / 10**row.scale,
        "ltt": when // NANOSECONDS,
        "received_at": row.received_ns / NANOSECONDS,
    }


def _quote(row: Row) -> dict[str, Any]:
    told, unit = _told(row), 10**row.scale
    return {
        "security_id": told["security_id"],
        "exchange_segment": told["exchange_segment"],
        "ltp": told["ltp"],
        "ltq": row.last_quantity,
        "ltt": told["ltt"],
        "atp": row.average_price / unit,
        "volume": row.volume,
        "total_sell_qty": row.sell_quantity,
        "total_buy_qty": row.buy_quantity,
        "day_open": row.open / unit,
        "day_close": row.close / unit,
        "day_high": row.high / unit,
        "day_low": row.low / unit,
        "open_interest": row.oi,
        "received_at": told["received_at"],
    }


def _depth(row: Row, quote: Mapping[str, Any]) -> dict[str, Any]:
    unit = 10**row.scale
    levels = _DEPTH(row.depth)
    quantities, prices = levels[::3], [price / unit for price in levels[1::3]]
    return {
        **quote,
        "oi_high": row.oi_high,
        "oi_low": row.oi_low,
        "bid_prices": prices[:5],
        "bid_qtys": quantities[:5],
        "ask_prices": prices[5:],
        "ask_qtys": quantities[5:],
    }


def _flat(told: Mapping[str, Any]) -> tuple[bytes | str, ...]:
    """Fields of an entry: names and values as text, as the original writes them."""
    return tuple(text for name, value in told.items() for text in (name, str(value)))
