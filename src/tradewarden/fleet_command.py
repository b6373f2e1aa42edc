"""One writer of a fleet: a store that is filled from a bus by many processes, on any machines."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tradewarden.feed.names import FILE, Names
from tradewarden.feed.sinks.registry import sink_of
from tradewarden.orchestrator.fleet import FleetWriter

STORES: Final = ("mysql",)  # which take ticks in any order: the others' bars and files want them as they came
CONNECTION: Final = ("url", "broker", "username", "password")  # what of [sinks.redis] says where the bus is


async def fleet(
    name: str,
    values: Mapping[str, Any],
    bus: Mapping[str, Any],
    *,
    group: str,
    consumer: str,
    state: Path,
    stop: asyncio.Event,
) -> None:
    """Take a share of the bus and write it to the store, until told to stop."""
    from tradewarden.feed.redis_group import RedisGroup  # noqa: PLC0415 - an extra, which others do not have

    names = Names(state / FILE)
    writer = FleetWriter(
        lambda: sink_of(name, values, names=names, state_dir=state),
        RedisGroup(**{key: bus[key] for key in CONNECTION}, group=group, consumer=consumer),
    )
    writing = asyncio.create_task(writer.run(), name=f"fleet.{name}")
    stopped = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait({stopped, writing}, return_when=asyncio.FIRST_COMPLETED)
    for task in (stopped, writing):
        task.cancel()
    await asyncio.wait({writing, stopped})
    if not writing.cancelled():
        writing.result()
