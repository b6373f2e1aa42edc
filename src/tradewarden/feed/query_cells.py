"""Arrow's values as JSON can have them: times in IST with all their digits, whole numbers whole, no infinities."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa

from tradewarden.feed.sinks.parquet_files import IST

_A_SECOND: Final = {"s": 1, "ms": 1000, "us": 1_000_000, "ns": 1_000_000_000}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST: Final = 2**63


def plain(column: Any) -> list[Any]:
    """The cells of one column."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        tell = _moment(_A_SECOND[kind.unit], in_zone=kind.tz is not None)
        return [None if cell is None else tell(cell) for cell in column.cast(pa.int64()).to_pylist()]
    if pa.types.is_dictionary(kind):
        return plain(column.dictionary_decode())
    if pa.types.is_list(kind) and pa.types.is_timestamp(kind.value_type):
        flat, lengths = iter(plain(column.flatten())), column.value_lengths().to_pylist()
        return [None if length is None else [next(flat) for _ in range(length)] for length in lengths]
    return [_cell(cell) for cell in column.to_pylist()]


def _moment(a_second: int, *, in_zone: bool) -> Callable[[int], str]:
    digits = len(str(a_second)) - 1
    offset, suffix = (IST, "+05:30") if in_zone else (timedelta(), "")

    def tell(count: int) -> str:
        seconds, part = divmod(count, a_second)
        try:
            text = f"{_EPOCH + timedelta(seconds=seconds) + offset:%Y-%m-%dT%H:%M:%S}"
        except OverflowError:  # a broker's impossible time, kept as it came
            return f"{count / a_second:.0f} s since 1970"
        fraction = f".{part:0{digits}d}".rstrip("0") if part else ""
        return f"{text}{fraction}{suffix}"

    return tell


def _cell(cell: Any) -> Any:
    match cell:
        case Decimal() if cell != cell.to_integral_value():
            return float(cell)
        case Decimal() | int() if not isinstance(cell, bool):
            whole = int(cell)
            return whole if -_LARGEST <= whole < 2 * _LARGEST else str(whole)
        case dict():
            return {str(key): _cell(value) for key, value in cell.items()}
        case list():
            return [_cell(each) for each in cell]
        case bytes():
            return cell.hex()
        case _:
            return cell if cell is None or isinstance(cell, (bool, str, float)) else str(cell)
