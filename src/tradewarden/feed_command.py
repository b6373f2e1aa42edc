"""The ticks of a bus as JSON lines, one a tick, for people and for programs that read standard input."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from tradewarden.feed import bus
from tradewarden.feed.brokers.bus import Source, source_of
from tradewarden.feed.names import FILE, Names
from tradewarden.feed.plain import told
from tradewarden.feed.record import rows
from tradewarden.feed.sinks.sink import SinkMisfitError, SinkUnavailableError

if TYPE_CHECKING:
    from tradewarden.settings import Settings

GOODBYE: Final = 2.0  # seconds


def place_of(kind: str, url: str | None, settings: Settings) -> dict[str, Any]:
    """Where this bus is: at the address that was typed, else where the settings read it, else where they publish it."""
    if settings.feed.source == kind:
        named: Any = settings.feed
    else:
        named = settings.sinks.redis if kind == "redis" else settings.sinks.zmq
    secret = getattr(named, "password", None)
    return {
        "url": url or getattr(named, "url", None) or f"tcp://{named.host.replace('*', '127.0.0.1')}:{named.port}",
        "broker": named.broker,
        "username": getattr(named, "username", None),
        "password": None if secret is None else secret.get_secret_value(),
    }


async def feed(
    kind: str,
    place: Mapping[str, Any],
    *,
    count: int | None,
    state: Path,
    stop: asyncio.Event,
    say: Callable[[str], None],
    complain: Callable[[str], None],
) -> bool:
    """Print ticks from now on until so many came, or until told to stop; whether the bus was there all the time."""
    try:
        source = source_of(kind, **place)
    except (SinkMisfitError, ValueError) as trouble:
        complain(str(trouble))
        return False
    reading = asyncio.ensure_future(_read(source, count, Names(state / FILE), say, complain))
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({reading, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for task in (reading, stopped):
            task.cancel()
        await asyncio.wait({reading, stopped}, timeout=GOODBYE)
        if reading.done() and not reading.cancelled():
            reading.result()
    except (SinkUnavailableError, SinkMisfitError) as trouble:
        complain(str(trouble))
        return False
    finally:
        await source.close()
    return True


async def _read(
    source: Source, count: int | None, names: Names, say: Callable[[str], None], complain: Callable[[str], None]
) -> None:
    said = 0
    await source.open(None)
    while True:
        for message in await source.read():
            try:
                frames = bus.frames(message)
            except bus.BusError as fault:
                complain(f"{fault}.")
                continue
            for row in rows(frames):
                say(orjson.dumps(told(row, names)).decode())
                said += 1
                if said == count:
                    return
