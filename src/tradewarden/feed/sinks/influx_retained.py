"""InfluxDB's retention policies, as the desk asks about them; the server itself drops a shard half an hour late."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from tradewarden.feed.names import Names
from tradewarden.feed.record import NANOSECONDS
from tradewarden.feed.sinks.influx import InfluxSink
from tradewarden.feed.sinks.influx_database import InfluxDatabase
from tradewarden.feed.sinks.influx_policies import quoted
from tradewarden.feed.sinks.retained import DAY_NS, Kept, Removed, Rule

NEVER: Final = 1 << 40  # days


class InfluxRetained:
    """The policies of one database; the other servers have none, and forget by their own settings."""

    name = "influx"

    def __init__(self, sink: InfluxSink) -> None:
        self._sink = sink

    @classmethod
    def of(cls, values: Mapping[str, Any], *, names: Names, state_dir: Path) -> Self:
        """From the settings' plain values."""
        del state_dir
        return cls(InfluxSink(**values, names=names))

    async def rules(self) -> list[Rule]:
        """Our policies as we want them; those of others in the same database as they are."""
        async with self._connected() as database:
            if database is None:
                return [Rule("server", None, ("everything",), "store")]
            ours = [Rule(policy.name, policy.days or None, policy.holds, "store") for policy in database.policies]
            found = await database.ask(f"SHOW RETENTION POLICIES ON {quoted(database.name)}")
            others = [
                Rule(name, _days(duration), (), "store")
                for name, duration, *_ in found[0]["values"]
                if name not in {rule.name for rule in ours}
            ]
            return ours + others

    async def create(self) -> list[str]:
        """Make the policies, or change them to what the settings say."""
        async with self._connected():
            return await self._sink.database.ensure()

    async def stats(self) -> list[Kept]:
        """Bytes of each policy, and from when to when its shards are."""
        async with self._connected() as database:
            tables = await self._sink.database.tables()
            if database is None:
                return [Kept(table.name, table.rows, table.bytes) for table in tables]
            shards = await _shards(database)
        spans = {table.name: [shard for shard in shards if shard["retention_policy"] == table.name] for table in tables}
        return [
            Kept(
                table.name,
                table.rows,
                table.bytes,
                min((shard["start_time"] for shard in spans[table.name]), default=None),
                max((shard["end_time"] for shard in spans[table.name]), default=None),
            )
            for table in tables
        ]

    async def cleanup(self, now_ns: int) -> list[Removed]:
        """Drop the shards that are past their time without waiting for the server to look."""
        async with self._connected() as database:
            if database is None:
                return []
            days = {policy.name: policy.days for policy in database.policies if policy.days}
            dropped = [
                shard
                for shard in await _shards(database)
                if shard["end_time"] + days.get(shard["retention_policy"], NEVER) * DAY_NS <= now_ns
            ]
            for shard in dropped:
                await database.ask(f"DROP SHARD {shard['id']:d}")
        return [Removed(f"{shard['retention_policy']} shard {shard['id']}") for shard in dropped]

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[InfluxDatabase | None]:
        await self._sink.http.open()
        try:
            database = self._sink.database
            yield database if isinstance(database, InfluxDatabase) else None
        finally:
            await self._sink.http.close()


async def _shards(database: InfluxDatabase) -> list[dict[str, Any]]:
    """The shards of this database, their times in nanoseconds."""
    series = await database.ask("SHOW SHARDS")
    rows = [dict(zip(one["columns"], row, strict=True)) for one in series for row in one.get("values", ())]
    return [
        row | {name: _nanoseconds(row[name]) for name in ("start_time", "end_time")}
        for row in rows
        if row["database"] == database.name
    ]


def _nanoseconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp()) * NANOSECONDS


def _days(duration: str) -> int | None:
    hours = int(duration.partition("h")[0]) if "h" in duration else 0
    return -(-hours // 24) or None
