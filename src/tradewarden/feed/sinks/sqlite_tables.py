"""The tables of the SQLite store, version by version, and the statements that fill them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache
from typing import Final

from tradewarden.feed.record import FIELDS, Row
from tradewarden.feed.studies.minutes import Bar, Plain

APPLICATION: Final = 0x54574B31  # in the file's header, so that no other program's file is taken for ours

_QUOTE: Final = ", ".join(f"{name} INTEGER" for name in FIELDS)

# One entry a version: what turns the file of the version before into this one. Prices are whole numbers; a price is
# `raw / divisor`. What did not come is NULL in quotes, and zero with its bit of `has` off in ticks.
UPGRADES: tuple[str, ...] = (
    f"""
    PRAGMA application_id = {APPLICATION};
    CREATE TABLE cursor (id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL) STRICT;
    INSERT INTO cursor VALUES (1, 0);
    CREATE TABLE instruments (
        instrument INTEGER PRIMARY KEY, exchange TEXT NOT NULL, symbol TEXT NOT NULL, segment TEXT NOT NULL
    ) STRICT;
    CREATE TABLE quotes (
        instrument INTEGER PRIMARY KEY, seq INTEGER NOT NULL, received_ns INTEGER NOT NULL, divisor INTEGER NOT NULL,
        marks INTEGER NOT NULL, {_QUOTE}, depth BLOB
    ) STRICT;
    CREATE TABLE bars (
        instrument INTEGER NOT NULL, minute INTEGER NOT NULL, divisor INTEGER NOT NULL,
        open INTEGER NOT NULL, high INTEGER NOT NULL, low INTEGER NOT NULL, close INTEGER NOT NULL,
        volume INTEGER NOT NULL, ticks INTEGER NOT NULL, oi INTEGER NOT NULL,
        first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, PRIMARY KEY (instrument, minute)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE ticks (
        seq INTEGER PRIMARY KEY, received_ns INTEGER NOT NULL, kind INTEGER NOT NULL, scale INTEGER NOT NULL,
        marks INTEGER NOT NULL, has INTEGER NOT NULL, depth_layout INTEGER NOT NULL, instrument INTEGER NOT NULL,
        {_QUOTE}, depth BLOB
    ) STRICT;
    CREATE VIEW latest AS
        SELECT exchange, symbol, datetime(received_ns / 1000000000, 'unixepoch', '+330 minutes') AS received_ist,
               last_price * 1.0 / divisor AS last_price, volume, oi, open * 1.0 / divisor AS open,
               high * 1.0 / divisor AS high, low * 1.0 / divisor AS low, close * 1.0 / divisor AS close, marks,
               instrument, seq
        FROM quotes LEFT JOIN instruments USING (instrument);
    CREATE VIEW candles AS
        SELECT exchange, symbol, datetime(minute, 'unixepoch', '+330 minutes') AS minute_ist,
               open * 1.0 / divisor AS open, high * 1.0 / divisor AS high, low * 1.0 / divisor AS low,
               close * 1.0 / divisor AS close, volume, ticks, oi, instrument, minute
        FROM bars LEFT JOIN instruments USING (instrument);
    """,  # noqa: S608 - our own names
)

_QUOTE_COLUMNS: Final = ("instrument", "seq", "received_ns", "divisor", "marks", *FIELDS, "depth")
UPSERT_QUOTE: Final = (
    f"INSERT INTO quotes ({', '.join(_QUOTE_COLUMNS)}) VALUES ({', '.join('?' * len(_QUOTE_COLUMNS))}) "  # noqa: S608 - our own names
    f"ON CONFLICT (instrument) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _QUOTE_COLUMNS[1:])}"
)
UPSERT_BAR: Final = (
    "INSERT INTO bars VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (instrument, minute) DO UPDATE SET "
    "high = max(high, excluded.high), low = min(low, excluded.low), close = excluded.close, "
    "volume = volume + excluded.volume, ticks = ticks + excluded.ticks, oi = excluded.oi, last_seq = excluded.last_seq"
)
UPSERT_INSTRUMENT: Final = (
    "INSERT INTO instruments VALUES (?, ?, ?, ?) ON CONFLICT (instrument) DO UPDATE SET "
    "exchange = excluded.exchange, symbol = excluded.symbol, segment = excluded.segment"
)
INSERT_TICK: Final = f"INSERT INTO ticks VALUES ({', '.join('?' * len(Row._fields))})"  # noqa: S608 - as above

# Neither reads a table from end to end: bars are found by instrument, ticks at the beginning of theirs.
DELETE_BARS: Final = "DELETE FROM bars WHERE instrument IN (SELECT instrument FROM quotes) AND minute < ?"
DELETE_TICKS: Final = "DELETE FROM ticks WHERE seq < (SELECT min(seq) + ? FROM ticks) AND received_ns < ?"

_BITS: Final = tuple(1 << place for place in range(len(FIELDS)))
_FIRST: Final = Row._fields.index(FIELDS[0])
_LAYOUT: Final = Row._fields.index("depth_layout")
_DIVISORS: Final = tuple(10**scale for scale in range(19))


def quote_of(record: Plain) -> Plain:
    """A record as a line of `quotes`; what did not come is NULL."""
    seq, received_ns, _, scale, marks, has, layout, instrument = record[:_FIRST]
    values = (value if has & bit else None for bit, value in zip(_BITS, record[_FIRST:-1], strict=True))
    return (instrument, seq, received_ns, _DIVISORS[scale], marks, *values, record[-1] if layout else None)


def bar_of(instrument: int, minute: int, bar: Bar) -> tuple[int, ...]:
    """A bar as a line of `bars`."""
    prices = (bar.open, bar.high, bar.low, bar.close)
    divisor = _DIVISORS[bar.scale]
    return (instrument, minute, divisor, *prices, bar.volume, bar.ticks, bar.oi, bar.first_seq, bar.last_seq)


def tick_of(record: Plain) -> Plain:
    """A record as a line of `ticks`; 120 bytes of nothing are not kept."""
    return record if record[_LAYOUT] else (*record[:-1], None)


def columns(db: sqlite3.Connection) -> dict[str, list[str]]:
    """Every table with its columns."""
    found = db.execute(
        "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c "
        "WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, c.cid"
    )
    tables: dict[str, list[str]] = {}
    for table, column in found:
        tables.setdefault(table, []).append(column)
    return tables


@cache
def expected(upgrades: Sequence[str]) -> dict[str, list[str]]:
    """The tables as these upgrades make them."""
    db = sqlite3.connect(":memory:")
    try:
        for statements in upgrades:
            db.executescript(statements)
        return columns(db)
    finally:
        db.close()
