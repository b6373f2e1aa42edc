"""A record as one line of text, as InfluxDB, VictoriaMetrics and QuestDB take it; pure, whoever the server is.

    ticks,instrument=408065 seq=7i,received_ns=...i,marks=0i,last_price=152345e-2,volume=900i 1795405500...

The instrument's number is the only tag: a name may change, and a tick that is written again after a kill must find
itself. A price is written as `raw` times a power of ten, so the server reads the exact decimal and we compute none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from struct import Struct
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from tradewarden.feed.names import Name
from tradewarden.feed.record import FIELDS, PRICES, RECORD, DepthLayout, Frame, Kind

MILLISECOND: Final = 1_000_000
MEASUREMENTS: Final[Mapping[int, str]] = MappingProxyType(
    {Kind.TICK: "ticks", Kind.DEPTH: "depths", Kind.TRADE: "trades", Kind.ORDER: "orders", Kind.ODDS: "odds"}
)
LEVELS: Final = 5
_HEAD: Final = 5  # places of a record before its instrument: kind, scale, marks, has, depth layout
_INSTRUMENT, _VALUES = _HEAD, _HEAD + 1  # and where the fields begin
_DEPTH: Final = _VALUES + len(FIELDS)
_SPECIAL: Final = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\n": r"\ ", "\r": r"\ ", "\\": "/"})

Values = tuple[Any, ...]


class _Shape(NamedTuple):
    """How records that are alike are written."""

    text: bytes
    pick: Callable[[Values], Values]  # the fields that came
    book: Callable[[bytes], Values] | None  # the levels that are told


class Lines:
    """Writes records as lines, with so many levels of the depth.

    A point's time is the millisecond of receipt and, below it, the record's own number: two records of one instrument
    in one millisecond never share it, and the same record always gets the same one.
    """

    def __init__(self, levels: int = 1) -> None:
        self._levels = levels
        self._shapes: dict[Values, _Shape] = {}

    def of(self, frames: Iterable[Frame]) -> list[bytes]:
        """One line a record."""
        shapes, lines = self._shapes, list[bytes]()
        for frame in frames:
            received, moment = b"%d" % frame.received_ns, b"%d" % (frame.received_ns // MILLISECOND)
            for seq, told in enumerate(RECORD.iter_unpack(frame.records), frame.first_seq):
                head = told[:_HEAD]
                text, pick, book = shapes.get(head) or self._shape(head)
                levels = book(told[_DEPTH]) if book is not None else ()
                lines.append(text % (told[_INSTRUMENT], seq, received, *pick(told), *levels, moment, seq % MILLISECOND))
        return lines

    def _shape(self, head: Values) -> _Shape:
        kind, scale, marks, has, layout = head
        levels = self._levels if layout == DepthLayout.KITE else 0
        text = _text(kind, scale, marks, has, levels)
        shape = self._shapes[head] = _Shape(text, _pick(has), _book(levels) if levels else None)
        return shape


def instrument_line(number: int, name: Name, at_ns: int) -> str:
    """What an instrument is called, so that a chart can be asked for by symbol."""
    exchange, symbol, segment = (_tag(word) for word in (name.exchange, name.symbol, name.segment or name.exchange))
    return (
        f"instruments,exchange={exchange},instrument={number:d},segment={segment},symbol={symbol}"
        f" scale={name.scale:d}i {at_ns:d}"
    )


def _tag(word: str) -> str:
    """A backslash has no escape in this protocol, so it becomes a slash; a line's end becomes a space."""
    return word.translate(_SPECIAL)


def _text(kind: int, scale: int, marks: int, has: int, levels: int) -> bytes:
    measurement = MEASUREMENTS.get(kind) or f"kind_{kind}"
    fields = [_field(name, scale) for bit, name in enumerate(FIELDS) if has >> bit & 1]
    fields += [
        f",{side}_quantity_{level}=%di,{side}_price_{level}=%de-{scale},{side}_orders_{level}=%di"
        for side in ("bid", "ask")
        for level in range(1, levels + 1)
    ]
    return f"{measurement},instrument=%d seq=%di,received_ns=%bi,marks={marks:d}i{''.join(fields)} %b%06d".encode()


def _field(name: str, scale: int) -> str:
    return f",{name}=%de-{scale}" if name in PRICES else f",{name}=%di"


def _pick(has: int) -> Callable[[Values], Values]:
    places = [_VALUES + bit for bit in range(len(FIELDS)) if has >> bit & 1]
    if len(places) > 1:
        return itemgetter(*places)
    return itemgetter(slice(places[0], places[0] + 1) if places else slice(0))


def _book(levels: int) -> Callable[[bytes], Values]:
    """The best of each side; a level of Kite has 12 bytes."""
    side = "IiHxx" * levels + f"{12 * (LEVELS - levels)}x"
    return Struct(f">{side}{side}").unpack
