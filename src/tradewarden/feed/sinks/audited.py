"""What a store must tell so that it can be compared with the journal; one small module a store answers it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol

from tradewarden.feed.record import FIELDS, Frame, Row, rows
from tradewarden.machines.audit import Fingerprint

# Where each store answers; the class takes the store's plain settings as keywords, and `state_dir`.
AUDITED: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "sqlite": ("tradewarden.feed.sinks.sqlite_audited", "SqliteAudited"),
        "parquet": ("tradewarden.feed.sinks.parquet_audited", "ParquetAudited"),
        "redis": ("tradewarden.feed.sinks.redis_audited", "RedisAudited"),
        "nats": ("tradewarden.feed.sinks.nats_audited", "NatsAudited"),
        "mysql": ("tradewarden.feed.sinks.mysql_audited", "MysqlAudited"),
        "influx": ("tradewarden.feed.sinks.influx_audited", "InfluxAudited"),
        "zmq": ("tradewarden.feed.sinks.zmq_audited", "ZmqAudited"),
    }
)


class Audited(Protocol):
    """A store that is read back; it opens a connection of its own, so that it never waits for the writer.

    Raises the two errors of sinks.
    """

    portion: int  # records that are asked for at once
    note: str | None  # what this store cannot tell, for people
    newest_only: bool  # it keeps the newest of each instrument and nothing else
    in_time: bool  # whether a record should be there ten seconds after its receipt

    async def open(self) -> None:
        """Connect, only to read."""
        ...

    async def position(self) -> int:
        """The number up to which the store should have everything."""
        ...

    async def kept_from(self) -> int:
        """The oldest number that it still keeps; 0 when it lets go of nothing."""
        ...

    async def held(self, frames: Sequence[Frame]) -> list[tuple[int, Fingerprint]]:
        """What it has under the numbers of these frames, in any order; what is there twice comes twice."""
        ...

    async def close(self) -> None:
        """Let go; never raises."""
        ...


_VOLUME: Final = 1 << FIELDS.index("volume")


def fingerprint(row: Row) -> Fingerprint:
    """What of a record is compared."""
    return Fingerprint(row.instrument, row.received_ns, row.last_price, row.volume if row.has & _VOLUME else None)


def fingerprints(frames: Sequence[Frame]) -> Iterator[tuple[int, Fingerprint]]:
    """The same for all records of these frames, with their numbers."""
    return ((row.seq, fingerprint(row)) for row in rows(frames))
