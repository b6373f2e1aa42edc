"""Says what the Parquet files have under some numbers; a process of its own, since only it loads pyarrow.

A request as JSON on the input: `ticks`, `first`, `last`; the answer on the output: 40 bytes a row, five little-endian
numbers: seq, instrument, received, last price, volume (-1 where none came).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from struct import Struct
from typing import Final

import pyarrow.compute as pc
import pyarrow.parquet as pq

from tradewarden.feed.sinks.parquet_files import days, files

ROW: Final = Struct("<5q")
NONE: Final = -1
_COLUMNS: Final = ("seq", "instrument", "received", "last_price_raw", "volume")


def main(request: dict[str, str | int]) -> bytes:
    """The rows of all files with these numbers, in any order."""
    first, last = int(request["first"]), int(request["last"])
    found = bytearray()
    for path in _between(Path(str(request["ticks"])), first, last):
        rows = pq.read_table(path, columns=list(_COLUMNS), filters=[("seq", ">=", first), ("seq", "<=", last)])
        columns = [pc.fill_null(rows[name].cast("int64"), NONE).to_pylist() for name in _COLUMNS]
        for told in zip(*columns, strict=True):
            found += ROW.pack(*told)
    return bytes(found)


def _between(ticks: Path, first: int, last: int) -> list[Path]:
    """The files that may have them: each is named by its first number."""
    paths = sorted((path for _, day in days(ticks) for path in files(day)), key=lambda path: path.stem)
    begun = [path for path in paths if int(path.stem) <= last]
    early = [path for path in begun if int(path.stem) <= first]
    return [*early[-1:], *(path for path in begun if int(path.stem) > first)]


if __name__ == "__main__":
    sys.stdout.buffer.write(main(json.loads(sys.stdin.buffer.read())))
