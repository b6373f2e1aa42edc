import struct
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ticks import frames
from tradewarden.feed.names import Names
from tradewarden.feed.record import FIELDS, PRICES, RECORD, DepthLayout, Frame, Row, pack, rows
from tradewarden.feed.sinks.parquet_table import LEVELS, PRICE_COLUMNS, column_of, last_seq, table, write
from tradewarden.feed.tick import FullTick, LtpTick

NAMED = """{"instruments": [[256001, "NSE", "INFY", "", "EQ", null, 0.0, 0.0]]}"""


@pytest.fixture
def names(tmp_path: Path) -> Names:
    (tmp_path / "instruments.json").write_text(NAMED)
    return Names(tmp_path / "instruments.json")


def as_told(row: Row, names: Names) -> dict[str, Any]:
    """One record as its row in the file should be, without a word of the code that writes it."""
    name = names.of(row.instrument)
    told: dict[str, Any] = {
        "seq": row.seq,
        "received": row.received_ns,
        "instrument": row.instrument,
        "exchange": name.exchange or None,
        "symbol": name.symbol if name.exchange else None,
        "kind": row.kind,
        "marks": row.marks,
        "scale": row.scale,
    }
    renamed = {"exchange_ns": "exchange_time", "last_trade_ns": "last_trade_time"}
    for number, field in enumerate(FIELDS):
        name_there = renamed.get(field, f"{field}_raw" if field in PRICES else field)
        told[name_there] = getattr(row, field) if row.has >> number & 1 else None
    levels = struct.unpack(">" + "IiHxx" * 10, row.depth) if row.depth_layout == DepthLayout.KITE else [None] * 30
    for number, level in enumerate(LEVELS):
        told[f"{level}_quantity"], told[f"{level}_price_raw"], told[f"{level}_orders"] = levels[3 * number :][:3]
    told["depth_block"] = row.depth if row.depth_layout not in (DepthLayout.NONE, DepthLayout.KITE) else None
    return told


def as_kept(path: Path) -> list[dict[str, Any]]:
    kept = pq.read_table(path)
    for at, field in enumerate(kept.schema):
        if pa.types.is_timestamp(field.type):
            kept = kept.set_column(at, field.name, kept.column(at).cast(pa.int64()))
    found: list[dict[str, Any]] = kept.to_pylist()
    return found


def test_every_field_of_every_kind_of_tick_comes_back_as_it_was(tmp_path: Path, names: Names) -> None:
    some = frames(3000, first_seq=70)
    write(table(some, names), tmp_path / "x.parquet")
    told = [as_told(row, names) for row in rows(some)]
    assert as_kept(tmp_path / "x.parquet") == sorted(told, key=lambda row: (row["instrument"], row["seq"]))
    assert {row["symbol"] for row in told} == {None, "INFY"}
    assert last_seq(tmp_path / "x.parquet") == 3069


def test_a_field_that_did_not_come_is_null_and_a_zero_that_came_is_zero(tmp_path: Path, names: Names) -> None:
    records = pack(LtpTick(256001, 150_000)) + pack(FullTick(256001, 150_000))
    write(table([Frame(1, 2, 5, records)], names), tmp_path / "x.parquet")
    poor, rich = as_kept(tmp_path / "x.parquet")
    assert (poor["volume"], poor["exchange_time"], poor["bid1_price_raw"]) == (None, None, None)
    assert (rich["volume"], rich["exchange_time"], rich["bid1_price_raw"]) == (0, 0, 0)


def test_the_extremes_of_every_field_survive(tmp_path: Path, names: Names) -> None:
    lowest, highest = [-(2**63)] * 15, [2**63 - 1] * 15
    wide = (
        b"\xff\xff\xff\xff\x80\x00\x00\x00\xff\xff\x00\x00" * 10
    )  # the largest quantity, the lowest price, the most orders
    ends = [RECORD.pack(1, 8, 255, 0x7FFF, 1, 2**62, *values, wide) for values in (lowest, highest)]
    some = [Frame(1, 2, 2**62, b"".join(ends))]
    write(table(some, names), tmp_path / "x.parquet")
    assert as_kept(tmp_path / "x.parquet") == [as_told(row, names) for row in rows(some)]
    assert as_kept(tmp_path / "x.parquet")[0]["bid1_quantity"] == 2**32 - 1


def test_kinds_and_depth_blocks_that_nobody_knows_yet_are_kept_as_they_came(tmp_path: Path, names: Names) -> None:
    block = bytes(range(120))
    records = RECORD.pack(9, 2, 3, 4, 77, 256001, *range(15), block) + pack(FullTick(256001, 1))
    some = [Frame(1, 2, 5, records)]
    write(table(some, names), tmp_path / "x.parquet")
    strange, known = as_kept(tmp_path / "x.parquet")
    assert (strange["kind"], strange["marks"], strange["depth_block"]) == (9, 3, block)
    assert (known["depth_block"], known["bid1_price_raw"], strange["bid1_price_raw"]) == (None, 0, None)


def test_numbers_are_delta_packed_and_everything_is_compressed(tmp_path: Path, names: Names) -> None:
    write(table(frames(500), names), tmp_path / "x.parquet")
    group = pq.read_metadata(tmp_path / "x.parquet").row_group(0)
    columns = {group.column(at).path_in_schema: group.column(at) for at in range(group.num_columns)}
    assert {column.compression for column in columns.values()} == {"ZSTD"}
    packed = {name for name, column in columns.items() if "DELTA_BINARY_PACKED" in column.encodings}
    assert packed == columns.keys() - {"exchange", "symbol", "depth_block"}
    assert [each.column_index for each in group.sorting_columns] == [2, 0]
    assert columns["instrument"].statistics.min < columns["instrument"].statistics.max


def test_the_price_columns_are_those_that_the_scale_belongs_to() -> None:
    assert PRICE_COLUMNS[:6] == tuple(
        f"{name}_raw" for name in ("last_price", "average_price", "open", "high", "low", "close")
    )
    assert len(PRICE_COLUMNS) == 16
    assert column_of("volume") == "volume"


def test_a_disk_that_keeps_less_than_it_was_given_is_found_out(
    tmp_path: Path, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.parquet"
    write(table(frames(10), names), other)
    monkeypatch.setattr(pq, "write_table", lambda _rows, path, **_: Path(path).write_bytes(other.read_bytes()))
    with pytest.raises(OSError, match="20 rows and has 10"):
        write(table(frames(20), names), tmp_path / "x.parquet")
