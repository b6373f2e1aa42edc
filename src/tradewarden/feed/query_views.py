"""What a person can ask for by name: the views and macros of the query process, as SQL. Described in docs/query.md."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tradewarden.feed.record import FIELDS, PRICES, Kind, Mark

ZONE: Final = "Asia/Kolkata"
LEVELS: Final = tuple(f"{side}{level}" for side in ("bid", "ask") for level in range(1, 6))
PRICE_NAMES: Final = (*(name for name in FIELDS if name in PRICES), *(f"{level}_price" for level in LEVELS))

# A power for each row costs more than reading the price; these are the scales that brokers use.
_DIVISOR: Final = "(CASE scale WHEN 2 THEN 1e2 WHEN 7 THEN 1e7 WHEN 4 THEN 1e4 ELSE 10.0::DOUBLE ** scale END)"
_SOUND: Final = f"kind = {Kind.TICK:d} AND last_price_raw IS NOT NULL AND marks & {Mark.PRICE:d} = 0"


def statements(files: Iterable[Path], *, unsealed: str | None) -> list[str]:
    """Everything that must be run before a question: `files` and the table `unsealed` become `ticks` and the rest."""
    return [
        f"CREATE VIEW sealed AS {_sources(files, unsealed)}",
        f"CREATE VIEW ticks AS {_TICKS}",
        f"CREATE VIEW bars AS {_BARS}",
        f"CREATE MACRO tick_bars(which, day, each := 100) AS TABLE {_TICK_BARS}",
        f"CREATE MACRO volume_profile(which, day) AS TABLE {_VOLUME_PROFILE}",
    ]


def _sources(files: Iterable[Path], unsealed: str | None) -> str:
    quoted = ", ".join(text(str(path)) for path in files)
    sealed = f"SELECT * FROM read_parquet([{quoted}], hive_partitioning = true, hive_types = {_PARTITIONS})"
    fresh = f"""SELECT *, timezone('{ZONE}', received::TIMESTAMPTZ)::DATE AS date,
        hour(timezone('{ZONE}', received::TIMESTAMPTZ))::UTINYINT AS hour FROM {unsealed}"""
    return " UNION ALL BY NAME ".join([sealed] * bool(quoted) + [fresh] * (unsealed is not None))


def text(value: str) -> str:
    """A text as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"


_PARTITIONS: Final = "{'date': DATE, 'hour': UTINYINT}"

_TICKS: Final = f"""
    SELECT seq, received::TIMESTAMPTZ AS received, date, hour, instrument, exchange, symbol, kind, marks, scale,
        {", ".join(f"{name}_raw / {_DIVISOR} AS {name}" for name in PRICE_NAMES)},
        exchange_time::TIMESTAMPTZ AS exchange_time, last_trade_time::TIMESTAMPTZ AS last_trade_time,
        COLUMNS(* EXCLUDE (seq, received, date, hour, instrument, exchange, symbol, kind, marks, scale, exchange_time,
            last_trade_time))
    FROM sealed"""

_BARS: Final = f"""
    SELECT date, minute, instrument, exchange, symbol, open, high, low, close,
        day_volume - coalesce(lag(day_volume) OVER (PARTITION BY date, instrument ORDER BY minute), first_volume)
            AS volume, ticks
    FROM (
        SELECT date, date_trunc('minute', received) AS minute, instrument,
            any_value(exchange) AS exchange, any_value(symbol) AS symbol,
            arg_min(last_price, seq) AS open, max(last_price) AS high,
            min(last_price) AS low, arg_max(last_price, seq) AS close,
            max(volume) AS day_volume, min(volume) AS first_volume, count(*) AS ticks
        FROM ticks WHERE {_SOUND} GROUP BY date, instrument, minute
    )"""

# OVER () counts rows as they are read, which is in the order of their numbers for one instrument: files are read in the
# order of theirs, and each is sorted. Asking for that order would sort a million rows, and take twice as long.
_TICK_BARS: Final = f"""
    SELECT (nth - 1) // each AS bar, min(received) AS begins, max(received) AS ends,
        arg_min(last_price, seq) AS open, max(last_price) AS high,
        min(last_price) AS low, arg_max(last_price, seq) AS close,
        max(volume) - min(volume) AS volume, count(*) AS ticks
    FROM (
        SELECT seq, received, last_price, volume, row_number() OVER () AS nth
        FROM ticks WHERE instrument = which AND date = day AND {_SOUND}
    ) GROUP BY bar ORDER BY bar"""

_VOLUME_PROFILE: Final = f"""
    SELECT last_price AS price, sum(traded)::BIGINT AS volume, count(*) AS trades
    FROM (
        SELECT last_price, volume - lag(volume) OVER () AS traded
        FROM ticks WHERE instrument = which AND date = day AND {_SOUND}
    ) WHERE traded > 0 GROUP BY price ORDER BY price"""
