"""Who can tell how fast a stream, table or measurement grows. A new kind is a module here and a line in this table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final, Protocol

KINDS: Final = MappingProxyType(
    {
        "redis": ("flow_redis", "RedisFlow"),
        "mysql": ("flow_mysql", "MysqlFlow"),
        "influx": ("flow_influx", "InfluxFlow"),
    }
)


class FlowError(Exception):
    """Why a source cannot be measured."""


class Reader(Protocol):
    """One source at one server."""

    async def read(self, now: int) -> float | None:
        """What comes a second; nothing after the first look. Raises FlowError; the deadline is the caller's."""
        ...

    async def close(self) -> None:
        """Hang up; never raises."""
        ...


def reader_of(source: str, servers: Mapping[str, Mapping[str, Any]]) -> Reader:
    """The reader of `kind:name`; `servers` are the settings of the stores. Raises FlowError."""
    kind, _, name = source.partition(":")
    if kind not in KINDS or kind not in servers:
        raise FlowError(f"this desk knows no {kind} server")
    module, made = KINDS[kind]
    try:
        found = import_module(f"tradewarden.orchestrator.checks.{module}")
    except ModuleNotFoundError as missing:
        raise FlowError(f"pip install 'tradewarden[{kind}]' brings {missing.name}") from None
    make: Callable[[str, Mapping[str, Any]], Reader] = getattr(found, made)
    return make(name, servers[kind])
