"""What a store keeps for how long, what it has, and what goes: the same four questions to every store that forgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Protocol, cast

from tradewarden.feed.names import Names
from tradewarden.feed.sinks.sink import SinkMisfitError

DAY_NS: Final = 86_400_000_000_000

# Where each store answers; the class is made by `of`, from the plain values of its settings.
RETAINED: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "mysql": ("tradewarden.feed.sinks.mysql_retained", "MysqlRetained"),
        "influx": ("tradewarden.feed.sinks.influx_retained", "InfluxRetained"),
        "redis": ("tradewarden.feed.sinks.redis_retained", "RedisRetained"),
        "sqlite": ("tradewarden.feed.sinks.sqlite_retained", "SqliteRetained"),
        "parquet": ("tradewarden.feed.sinks.parquet_retained", "ParquetRetained"),
        "journal": ("tradewarden.feed.sinks.journal_retained", "JournalRetained"),
    }
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One promise: what is kept, for how many days or how many ticks, and who lets it go when they are over."""

    name: str
    days: int | None  # None is for ever
    holds: tuple[str, ...]
    by: str  # "store": the server does it by itself; "desk": a cleanup does it
    ticks: int | None = None  # where they are counted, not their days


@dataclass(frozen=True, slots=True)
class Kept:
    """What is there under one rule, as the store tells it; None where it does not."""

    name: str
    rows: int | None = None
    bytes: int | None = None
    oldest_ns: int | None = None
    newest_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Removed:
    """What a cleanup let go."""

    name: str
    rows: int | None = None
    bytes: int | None = None


class Retained(Protocol):
    """A store that forgets.

    Each question makes its own connection, so that it never waits for the writer, nor the writer for it; each raises
    the two errors of sinks.
    """

    name: str

    async def rules(self) -> list[Rule]:
        """What is to be kept for how long."""
        ...

    async def create(self) -> list[str]:
        """Make these rules hold in the store; the names of those that did not before."""
        ...

    async def stats(self) -> list[Kept]:
        """What is there."""
        ...

    async def cleanup(self, now_ns: int) -> list[Removed]:
        """Let go of what is older than its rule allows."""
        ...


def retained_of(store: str, values: Mapping[str, Any], *, names: Names, state_dir: Path) -> Retained:
    """Who answers for this store; its library is loaded only now. Raises SinkMisfitError when that is missing."""
    module, kind = RETAINED[store]
    try:
        made = getattr(import_module(module), kind).of(values, names=names, state_dir=state_dir)
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("tradewarden"):
            raise
        raise SinkMisfitError(
            f"{store} needs the package {missing.name}: pip install 'tradewarden[{store}]'."
        ) from None
    return cast("Retained", made)


def day_begin(now_ns: int, days: int) -> int:
    """The UTC midnight before which everything may go when so many whole days are kept."""
    return now_ns - now_ns % DAY_NS - days * DAY_NS
