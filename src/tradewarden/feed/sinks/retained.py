"""What a store keeps for how long, what it has, and what goes: the same four questions to every store that forgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

DAY_NS: Final = 86_400_000_000_000

# Where each store answers; the class takes the store's sink (not opened), or the state directory.
RETAINED: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "mysql": ("tradewarden.feed.sinks.mysql_retained", "MysqlRetained"),
        "influx": ("tradewarden.feed.sinks.influx_retained", "InfluxRetained"),
    }
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One promise: what is kept, for how many days, and who lets it go when they are over."""

    name: str
    days: int | None  # None is for ever
    holds: tuple[str, ...]
    by: str  # "store": the server does it by itself; "desk": a cleanup does it


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


def day_begin(now_ns: int, days: int) -> int:
    """The UTC midnight before which everything may go when so many whole days are kept."""
    return now_ns - now_ns % DAY_NS - days * DAY_NS
