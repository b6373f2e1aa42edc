"""Quotes as the bytes of Kite's ticker: big-endian, many a frame; and frames broken on purpose."""

from __future__ import annotations

import struct
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tradewarden.simulator.prices import Quote

HEARTBEAT: Final = b"\x00"
PACKETS_A_FRAME: Final = 1_000

_LTP: Final = struct.Struct(">2I")
_INDEX: Final = struct.Struct(">7I")
_INDEX_FULL: Final = struct.Struct(">8I")
_QUOTE: Final = struct.Struct(">11I")
_FULL: Final = struct.Struct(">16I" + "IIHxx" * 10)


class Mode(StrEnum):
    """How much of a quote a client asked for."""

    LTP = "ltp"
    QUOTE = "quote"
    FULL = "full"


def packet(quote: Quote, mode: Mode) -> bytes:
    """One instrument's packet, without its length."""
    if mode is Mode.LTP:
        return _LTP.pack(quote.token, quote.last)
    return _index(quote, mode) if quote.instrument.index else _traded(quote, mode)


def _index(quote: Quote, mode: Mode) -> bytes:
    # High, low, open, close here, but open, high, low, close below: that is how Kite does it.
    head = (quote.token, quote.last, quote.high, quote.low, quote.open, quote.close, max(quote.last - quote.close, 0))
    return _INDEX_FULL.pack(*head, quote.exchange_ts) if mode is Mode.FULL else _INDEX.pack(*head)


def _traded(quote: Quote, mode: Mode) -> bytes:
    head = (
        quote.token,
        quote.last,
        quote.last_quantity,
        quote.average,
        quote.volume,
        quote.buy_quantity,
        quote.sell_quantity,
        quote.open,
        quote.high,
        quote.low,
        quote.close,
    )
    if mode is Mode.QUOTE:
        return _QUOTE.pack(*head)
    tail = (quote.traded_ts, quote.oi, quote.oi_high, quote.oi_low, quote.exchange_ts)
    return _FULL.pack(*head, *tail, *(number for level in quote.depth() for number in level))


def frames(packets: Sequence[bytes]) -> Iterator[bytes]:
    """The packets in as few frames as Kite's count allows to be sensible."""
    for start in range(0, len(packets), PACKETS_A_FRAME):
        chunk = packets[start : start + PACKETS_A_FRAME]
        parts = [len(chunk).to_bytes(2, "big")]
        for body in chunk:
            parts += (len(body).to_bytes(2, "big"), body)
        yield b"".join(parts)


_GOOD: Final = _LTP.pack(738561, 154_600)
_PACKET: Final = len(_GOOD).to_bytes(2, "big") + _GOOD

MALFORMED: Final[dict[str, bytes | str]] = {
    "trunc": b"\x00\x02" + _PACKET + _PACKET[:5],  # the second packet is cut off
    "count": b"\x00\x09" + _PACKET,  # nine are promised, one comes
    "unknown_length": b"\x00\x02" + b"\x00\x11" + bytes(17) + _PACKET,  # 17 bytes are no known packet
    "zero_length": b"\x00\x02" + b"\x00\x00" + _PACKET,
    "three_bytes": b"\x00\x01\x00",
    "empty": b"",
    "noise": bytes(range(255, 175, -1)),
    "text_garbage": '{"type": "order", "data"',
    "text_list": "[1, 2, 3]",
}
"""What `malformed_frame` can send: bytes as a binary message, text as a text message."""
