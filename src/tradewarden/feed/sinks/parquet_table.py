"""Records as columns, and a file of them. Only the sealing and the query process import this: it needs pyarrow.

One column a field, whole numbers as they came: a price is `<name>_raw / 10**scale`, a field that did not come is null.
The depth is thirty columns, `bid1_price_raw`, `bid1_quantity`, `bid1_orders` ... `ask5_orders`: sorted by instrument
and delta-packed, each costs about a byte a tick, and a reader needs no knowledge of the broker's block. A block of
another layout is kept as it is in `depth_block`. What each way costs: docs/sinks/parquet.md.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from sys import byteorder
from typing import Any, Final, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tradewarden.feed.names import Names
from tradewarden.feed.record import FIELDS, PRICES, SIZE, DepthLayout, Frame
from tradewarden.feed.tick import DEPTH_BYTES

TIMES: Final = {"exchange_ns": "exchange_time", "last_trade_ns": "last_trade_time"}
LEVELS: Final = tuple(f"{side}{level}" for side in ("bid", "ask") for level in range(1, 6))
TEXTS: Final = ("exchange", "symbol")
ROW_GROUP: Final = 32_768  # rows: a question about one instrument reads only the groups that have it
RAW: Final = "_raw"

_DEPTH_AT: Final = SIZE - DEPTH_BYTES
_TIME: Final = pa.timestamp("ns", tz="UTC")
_OURS: Final = frozenset({int(DepthLayout.NONE), int(DepthLayout.KITE)})
_SWAPPED: Final = byteorder == "little"  # the broker's block is big-endian

Column = tuple[str, Any]  # its name and its cells


def column_of(field: str) -> str:
    """What a field of the record is called in the files."""
    return TIMES.get(field) or (field + RAW if field in PRICES else field)


PRICE_COLUMNS: Final = (*(column_of(name) for name in FIELDS if name in PRICES), *(f"{x}_price{RAW}" for x in LEVELS))


def table(frames: Sequence[Frame], names: Names) -> Any:
    """These records as an Arrow table, sorted by instrument, then by number."""
    records = b"".join(frame.records for frame in frames)
    rows = len(records) // SIZE
    cells = _Cells(records, rows)
    instrument, (seq, received) = cells.longs(8), _receipt(frames, rows)
    keys = pa.table({"instrument": instrument, "seq": seq})
    order = pc.sort_indices(keys, [("instrument", "ascending"), ("seq", "ascending")])
    unsorted: Iterator[Column] = chain(
        [("seq", seq), ("received", received), ("instrument", instrument)],
        _texts(instrument, names),
        [("kind", cells.small(0)), ("marks", cells.small(2)), ("scale", cells.small(1))],
        _fields(cells),
        _depth(cells, records),
    )
    # Sorted one by one: so only one column is there twice.
    return pa.table({name: column.take(order) for name, column in unsorted})


def write(rows: Any, path: Path) -> None:
    """A finished file; it is read back as far as its own account of its rows goes, since what follows relies on it."""
    packed = [field.name for field in rows.schema if field.name not in TEXTS and pa.types.is_primitive(field.type)]
    order = [pq.SortingColumn(rows.schema.get_field_index(name)) for name in ("instrument", "seq")]
    pq.write_table(
        rows,
        path,
        compression="zstd",
        compression_level=3,
        use_dictionary=list(TEXTS),
        column_encoding=dict.fromkeys(packed, "DELTA_BINARY_PACKED"),
        row_group_size=ROW_GROUP,
        sorting_columns=order,
    )
    if (found := pq.read_metadata(path).num_rows) != rows.num_rows:
        raise OSError(f"{path.name} was written with {rows.num_rows} rows and has {found}")


def last_seq(path: Path) -> int:
    """The highest number in a finished file, from its footer."""
    footer = pq.read_metadata(path)
    at = footer.schema.to_arrow_schema().get_field_index("seq")
    groups = range(footer.num_row_groups)
    return max((int(footer.row_group(group).column(at).statistics.max) for group in groups), default=0)


class _Cells:
    """Columns cut out of packed records, without a step of Python for each of them."""

    def __init__(self, records: bytes, rows: int) -> None:
        self._records = memoryview(records)
        self.rows = rows

    def longs(self, at: int) -> Any:
        """The signed 64-bit numbers at this place of each record."""
        return self._column(pa.int64(), self._cut("q", at))

    def small(self, at: int) -> Any:
        """The bytes there, as numbers that can be reckoned with."""
        return self._column(pa.uint8(), self._cut("B", at)).cast(pa.int16())

    def shorts(self, at: int) -> Any:
        """The unsigned 16-bit numbers there."""
        return self._column(pa.uint16(), self._cut("H", at))

    def foreign(self, code: Literal["H", "I", "i"], at: int) -> Any:
        """Big-endian numbers there: H, I or i."""
        cells = array(code)
        cells.frombytes(self._cut(code, at))
        if _SWAPPED:
            cells.byteswap()
        arrow = {"H": pa.uint16(), "I": pa.uint32(), "i": pa.int32()}[code]
        return self._column(arrow, cells).cast(pa.int64() if code == "I" else pa.int32())

    def _cut(self, code: Literal["B", "H", "I", "i", "q"], at: int) -> bytes:
        words = self._records.cast(code)
        return words[at // words.itemsize :: SIZE // words.itemsize].tobytes()

    def _column(self, kind: Any, cells: bytes | array[int]) -> Any:
        return pa.Array.from_buffers(kind, self.rows, [None, pa.py_buffer(cells)])


def _receipt(frames: Sequence[Frame], rows: int) -> tuple[Any, Any]:
    """The numbers, and when they were received."""
    seqs, received = array("q"), array("q")
    for frame in frames:
        seqs.extend(range(frame.first_seq, frame.last_seq + 1))
        received.extend([frame.received_ns] * frame.count)
    return (
        pa.Array.from_buffers(pa.int64(), rows, [None, pa.py_buffer(seqs)]),
        pa.Array.from_buffers(_TIME, rows, [None, pa.py_buffer(received)]),
    )


def _texts(instrument: Any, names: Names) -> Iterator[Column]:
    """Exchange and symbol; null for an instrument that no dump knows."""
    known = pc.unique(instrument)
    found = [names.of(number) for number in known.to_pylist()]
    place = pc.index_in(instrument, value_set=known)
    exchanges = pa.array([name.exchange or None for name in found], pa.string())
    symbols = pa.array([name.symbol if name.exchange else None for name in found], pa.string())
    yield "exchange", exchanges.take(place)
    yield "symbol", symbols.take(place)


def _fields(cells: _Cells) -> Iterator[Column]:
    has = cells.shorts(4)
    always, ever = _all_bits(has)
    for number, name in enumerate(FIELDS):
        values, bit = cells.longs(16 + 8 * number), 1 << number
        if name in TIMES:
            values = values.cast(_TIME)
        if not always & bit:
            came = pc.not_equal(pc.bit_wise_and(has, pa.scalar(bit, pa.uint16())), pa.scalar(0, pa.uint16()))
            values = pc.if_else(came, values, None) if ever & bit else pa.nulls(cells.rows, values.type)
        yield column_of(name), values


def _all_bits(has: Any) -> tuple[int, int]:
    """Which fields came with every record, and which with any."""
    always, ever = 0xFFFF, 0
    for each in pc.unique(has).to_pylist():
        always, ever = always & each, ever | each
    return always, ever


def _depth(cells: _Cells, records: bytes) -> Iterator[Column]:
    layout = cells.shorts(6)
    known = pc.equal(layout, pa.scalar(DepthLayout.KITE, pa.uint16()))
    for number, level in enumerate(LEVELS):
        at = _DEPTH_AT + 12 * number
        yield f"{level}_price{RAW}", pc.if_else(known, cells.foreign("i", at + 4), None)
        yield f"{level}_quantity", pc.if_else(known, cells.foreign("I", at), None)
        yield f"{level}_orders", pc.if_else(known, cells.foreign("H", at + 8), None)
    yield "depth_block", _blocks(layout, records)


def _blocks(layout: Any, records: bytes) -> Any:
    """The blocks that only their broker's reader understands."""
    if not set(pc.unique(layout).to_pylist()) - _OURS:
        return pa.nulls(len(layout), pa.binary())
    blocks = (
        None if each in _OURS else records[SIZE * row + _DEPTH_AT : SIZE * (row + 1)]
        for row, each in enumerate(layout.to_pylist())
    )
    return pa.array(blocks, pa.binary())
