"""A record as one line of text, as InfluxDB, VictoriaMetrics and QuestDB take it; pure, whoever the server is.

    ticks,instrument=408065 seq=7i,received_ns=...i,marks=0i,last_price=152345e-2,volume=900i 1795405500...

The instrument's number is the only tag: a name may change, and a tick that is written again after a kill must find
itself. A price is written as `raw` times a power of ten, so the server reads the exact decimal and we compute none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from struct import Struct
from types import MappingProxyType
from typing import Final

from tradewarden.feed.names import Name
from tradewarden.feed.record import FIELDS, PRICES, DepthLayout, Kind, Row

MILLISECOND: Final = 1_000_000
MEASUREMENTS: Final[Mapping[int, str]] = MappingProxyType(
    {Kind.TICK: "ticks", Kind.DEPTH: "depths", Kind.TRADE: "trades", Kind.ORDER: "orders", Kind.ODDS: "odds"}
)
LEVELS: Final = 5
_KITE: Final = Struct(">" + "IiHxx" * 10).unpack
_SPECIAL: Final = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\n": r"\ ", "\r": r"\ ", "\\": "/"})

Shape = tuple[int, int, int, int]  # kind, scale, has, depth layout


def stamp(received_ns: int, seq: int) -> int:
    """The point's time: the millisecond of receipt, and below it the record's own number.

    Two records of one instrument in one millisecond never share it, and the same record always gets the same one.
    """
    return received_ns - received_ns % MILLISECOND + seq % MILLISECOND


class Lines:
    """Writes records as lines, with so many levels of the depth."""

    def __init__(self, levels: int = 1) -> None:
        self._levels = levels
        self._formats: dict[Shape, str] = {}

    def of(self, some: Iterable[Row]) -> list[str]:
        """One line a record."""
        formats, levels = self._formats, self._levels
        lines = []
        for row in some:
            shape = (row.kind, row.scale, row.has, row.depth_layout)
            if shape not in formats:
                formats[shape] = _format(shape, levels)
            told = (row.instrument, row.seq, row.received_ns, row.marks, *row[8:23])
            if levels and row.depth_layout == DepthLayout.KITE:
                book = _KITE(row.depth)
                told += book[: 3 * levels] + book[15 : 15 + 3 * levels]
            lines.append(formats[shape] % (*told, stamp(row.received_ns, row.seq)))
        return lines


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


def _format(shape: Shape, levels: int) -> str:
    kind, scale, has, layout = shape
    measurement = MEASUREMENTS.get(kind) or f"kind_{kind}"
    fields = [_field(name, scale) if has >> bit & 1 else "%.0s" for bit, name in enumerate(FIELDS)]
    if levels and layout == DepthLayout.KITE:
        fields += [
            f",{side}_quantity_{level}=%di,{side}_price_{level}=%de-{scale},{side}_orders_{level}=%di"
            for side in ("bid", "ask")
            for level in range(1, levels + 1)
        ]
    return f"{measurement},instrument=%d seq=%di,received_ns=%di,marks=%di{''.join(fields)} %d"


def _field(name: str, scale: int) -> str:
    return f",{name}=%de-{scale}" if name in PRICES else f",{name}=%di"
