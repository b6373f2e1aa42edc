"""Another desk's reader in a process of its own: `bus_reader.py redis|zmq URL TICKS` tells how old each tick was.

The records' moment of receipt is the monotonic clock, which the processes of a machine share. A line says that it
listens, a second one the ages in milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator

from tradewarden.feed import bus
from tradewarden.feed.brokers.bus import Source, source_of


def ages(messages: list[bytes]) -> Iterator[float]:
    """Of every tick, once it is one again."""
    for message in messages:
        for frame in bus.frames(message):
            ticks = bus.received(frame)
            age = (time.monotonic_ns() - frame.received_ns) / 1e6
            yield from (age for _ in ticks)


async def read(source: Source, count: int) -> list[float]:
    await source.open(None)
    print(json.dumps("listening"), flush=True)
    found: list[float] = []
    async with asyncio.timeout(60):
        while len(found) < count:
            found += ages(await source.read())
    await source.close()
    return found


def main() -> None:
    kind, url, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    source = source_of(kind, url=url, broker="kite", username=None, password=None)
    print(json.dumps(asyncio.run(read(source, count))), flush=True)


if __name__ == "__main__":
    main()
