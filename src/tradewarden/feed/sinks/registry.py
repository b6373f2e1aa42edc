"""Which stores there are. A new one is a module here beside, a line in this table and a table of settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, cast

from tradewarden.feed.names import Names
from tradewarden.feed.sinks.sink import Sink, SinkMisfitError


@dataclass(frozen=True, slots=True)
class Store:
    """Where a sink's class is, what it is called and the extra that brings its library."""

    module: str
    kind: str
    extra: str | None = None
    from_now: bool = False  # it passes on and keeps nothing: what was before is of no use to its subscribers
    file: str | None = None  # what it keeps in the state directory unless its settings name a `path`


# Parquet is not here: it is sealed from whole segments, see orchestrator/seal.py, and keeps no connection.
STORES: Final = MappingProxyType(
    {
        "sqlite": Store("tradewarden.feed.sinks.sqlite", "SqliteSink", file="ticks.db"),
        "redis": Store("tradewarden.feed.sinks.redis", "RedisSink", "redis"),
        "mysql": Store("tradewarden.feed.sinks.mysql", "MysqlSink", "mysql"),
        "influx": Store("tradewarden.feed.sinks.influx", "InfluxSink"),
        "zmq": Store("tradewarden.feed.sinks.zmq", "ZmqSink", "zmq", from_now=True),
        "nats": Store("tradewarden.feed.sinks.nats", "NatsSink", "nats"),
    }
)


def sink_of(name: str, values: Mapping[str, Any], *, names: Names, state_dir: Path) -> Sink:
    """The sink of this name, made of its settings' plain values; nothing is connected yet.

    Raises SinkMisfitError when the library of an extra is missing, and for a name that no store has.
    """
    store = STORES.get(name)
    if store is None:
        raise SinkMisfitError(f"there is no sink {name!r}; known are {', '.join(STORES)}.")
    values = dict(values)
    if store.file is not None and values.get("path") is None:
        values["path"] = state_dir / store.file
    try:
        kind = getattr(import_module(store.module), store.kind)
    except ModuleNotFoundError as missing:
        if store.extra is None or (missing.name or "").startswith("tradewarden"):
            raise
        raise SinkMisfitError(
            f"sink {name} needs the package {missing.name}: pip install 'tradewarden[{store.extra}]', then restart."
        ) from None
    return cast("Sink", kind(**values, names=names))
