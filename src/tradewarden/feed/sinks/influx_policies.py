"""What InfluxDB keeps for how long, and the statements that say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DAY_NS: Final = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class Policy:
    """One retention policy; no days means for ever."""

    name: str
    days: int
    shard_days: int
    holds: tuple[str, ...]
    is_default: bool = False


def policies(*, high_frequency_days: int, default_days: int, long_term_days: int) -> tuple[Policy, ...]:
    """The three of a desk: every tick for a week, seconds for a month, minutes for a year."""
    return (
        Policy("default", default_days, 1, ("bars_1s",), is_default=True),
        Policy("high_frequency", high_frequency_days, 1, ("ticks", "depths", "trades", "orders", "odds")),
        Policy("long_term", long_term_days, 7, ("bars_1m", "instruments", "cursor")),
    )


def quoted(name: str) -> str:
    """A name as InfluxQL wants it."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def statement(verb: str, policy: Policy, database: str) -> str:
    """CREATE or ALTER it."""
    duration = f"{policy.days:d}d" if policy.days else "INF"
    return (
        f"{verb} RETENTION POLICY {quoted(policy.name)} ON {quoted(database)} DURATION {duration} REPLICATION 1"
        f" SHARD DURATION {policy.shard_days:d}d" + (" DEFAULT" if policy.is_default else "")
    )


def fits(policy: Policy, duration: str, shard: str, *, is_default: bool) -> bool:
    """Whether a policy that is there is the one that we want; the server writes a day as 24h0m0s."""
    same = duration == (f"{policy.days * 24}h0m0s" if policy.days else "0s")
    return same and shard == f"{policy.shard_days * 24}h0m0s" and (is_default or not policy.is_default)
