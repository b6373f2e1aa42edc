"""The tables in MariaDB or MySQL: their columns, their version, and how a database of an older version becomes ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from tradewarden.feed.record import FIELDS

VERSION: Final = 1
LEVELS: Final = 5

_TEXT: Final = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL"
_NUMBER: Final = "bigint unsigned NOT NULL"
_RECORD: Final = {
    "seq": _NUMBER,
    "received_ns": "bigint NOT NULL",
    "kind": "tinyint unsigned NOT NULL",
    "scale": "tinyint unsigned NOT NULL",
    "marks": "tinyint unsigned NOT NULL",
    "depth_layout": "smallint unsigned NOT NULL",
    "instrument": _NUMBER,
    **dict.fromkeys(FIELDS, "bigint NULL"),
}
DEPTH_COLUMNS: Final = tuple(
    f"{side}_{what}_{level}"
    for side in ("bid", "ask")
    for level in range(1, LEVELS + 1)
    for what in ("quantity", "price", "orders")
)
_GREEKS: Final = ("underlying_price", "implied_volatility", "delta", "gamma", "theta", "vega", "rho")


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its columns by name, each with its type, and its primary key."""

    columns: Mapping[str, str]
    key: tuple[str, ...]


TABLES: Final[Mapping[str, Table]] = MappingProxyType(
    {
        "ticks": Table(_RECORD | {"depth": "varbinary(120) NULL"}, ("instrument", "seq")),
        "quotes": Table(_RECORD, ("instrument",)),
        "depth": Table(
            {
                "instrument": _NUMBER,
                "seq": _NUMBER,
                "received_ns": "bigint NOT NULL",
                "scale": "tinyint unsigned NOT NULL",
                "marks": "tinyint unsigned NOT NULL",
                **dict.fromkeys(DEPTH_COLUMNS, "bigint NOT NULL"),
            },
            ("instrument",),
        ),
        "instruments": Table(
            {
                "instrument": _NUMBER,
                "exchange": f"varchar(32) {_TEXT}",
                "symbol": f"varchar(128) {_TEXT}",
                "segment": f"varchar(32) {_TEXT}",
                "scale": "tinyint unsigned NOT NULL",
            },
            ("instrument",),
        ),
        "options_greeks": Table(
            {"instrument": _NUMBER, "at_ns": "bigint NOT NULL", **dict.fromkeys(_GREEKS, "double NULL")},
            ("instrument", "at_ns"),
        ),
        "days": Table({"day": "date NOT NULL", "first_seq": _NUMBER, "last_seq": _NUMBER}, ("day",)),
        "pos": Table({"sink": f"varchar(64) {_TEXT}", "seq": _NUMBER}, ("sink",)),
        "schema_version": Table({"version": "int unsigned NOT NULL"}, ("version",)),
    }
)
# From the version before to this one. The server commits each statement by itself, so each must bear being repeated.
STEPS: Final[Mapping[int, Sequence[str]]] = MappingProxyType({})


def create(table: str, name: str) -> str:
    """The statement that makes this table under this (quoted) name."""
    shape = TABLES[table]
    columns = ", ".join(f"`{column}` {kind}" for column, kind in shape.columns.items())
    key = ", ".join(f"`{column}`" for column in shape.key)
    return f"CREATE TABLE IF NOT EXISTS {name} ({columns}, PRIMARY KEY ({key})) ENGINE=InnoDB ROW_FORMAT=DYNAMIC"


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the server describes it."""

    name: str
    kind: str
    nullable: bool
    has_default: bool
    in_key: bool


def faults(table: str, engine: str, found: Iterable[Column]) -> list[str]:
    """What makes a table that is there unfit for us; more columns than ours are fine when they may stay empty."""
    shape, there = TABLES[table], {column.name: column for column in found}
    problems = [] if engine == "InnoDB" else [f"its engine is {engine}, not InnoDB, so nothing could be taken back"]
    for name, kind in shape.columns.items():
        wanted = _plain(kind)
        if name not in there:
            problems.append(f"column {name} ({wanted}) is missing")
        elif _plain(there[name].kind) != wanted:
            problems.append(f"column {name} is {_plain(there[name].kind)}, not {wanted}")
    key = {column.name for column in there.values() if column.in_key}
    if key != set(shape.key):
        problems.append(f"its primary key is ({', '.join(sorted(key))}), not ({', '.join(sorted(shape.key))})")
    problems += [
        f"column {column.name} is not ours and must not be empty"
        for column in there.values()
        if column.name not in shape.columns and not column.nullable and not column.has_default
    ]
    return problems


def _plain(kind: str) -> str:
    """A type without what the server's versions spell differently: `bigint(20) unsigned` is `bigint unsigned`."""
    kind = re.sub(r"(int)\(\d+\)", r"\1", kind.lower())
    return re.sub(r" (character set|not null|null).*", "", kind)
