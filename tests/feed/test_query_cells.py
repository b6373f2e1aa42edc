from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from tradewarden.feed.query_cells import plain

NS = pa.timestamp("ns", tz="UTC")


@pytest.mark.parametrize(
    ("kind", "cell", "told"),
    [
        (NS, 1_795_405_500_000_000_000, "2026-11-23T09:15:00+05:30"),
        (NS, 1_795_405_500_000_000_001, "2026-11-23T09:15:00.000000001+05:30"),
        (pa.timestamp("us", tz="Asia/Kolkata"), 1_795_405_500_250_000, "2026-11-23T09:15:00.25+05:30"),
        (pa.timestamp("s"), 0, "1970-01-01T00:00:00"),
        (NS, -1, "1970-01-01T05:29:59.999999999+05:30"),
        (pa.timestamp("s", tz="UTC"), 10**12, "1000000000000 s since 1970"),
        (pa.decimal128(38, 0), Decimal(12), 12),
        (pa.decimal128(38, 0), Decimal(2**70), str(2**70)),
        (pa.decimal128(10, 2), Decimal("1.25"), 1.25),
        (pa.binary(), b"\x01\xff", "01ff"),
        (pa.float64(), 1.5, 1.5),
        (pa.bool_(), True, True),
        (pa.string(), "INFY", "INFY"),
        (pa.list_(NS), [0, None], ["1970-01-01T05:30:00+05:30", None]),
        (pa.struct([("a", pa.decimal128(5, 2))]), {"a": Decimal("0.50")}, {"a": 0.5}),
        (pa.list_(pa.int64()), [1, 2], [1, 2]),
        (pa.dictionary(pa.int8(), pa.string()), "NSE", "NSE"),
        (pa.int64(), None, None),
        (NS, None, None),
    ],
)
def test_a_cell_is_told_as_a_person_reads_it(kind: Any, cell: Any, told: Any) -> None:
    assert plain(pa.array([cell], kind)) == [told]
    assert type(plain(pa.array([cell], kind))[0]) is type(told)
