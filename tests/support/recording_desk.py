"""A desk's recording half in a process of its own, for trials that kill it: what comes is journaled, then acknowledged.

    python recording_desk.py STATE_DIR

It listens on STATE_DIR/source.sock for frames (length, count, records) and answers each with one byte once it stands
in the journal. SQLite is carried inside, as in the daemon; the other stores have processes of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from functools import partial
from pathlib import Path
from struct import Struct

from tradewarden.feed import cursor
from tradewarden.feed.journal import Journal
from tradewarden.feed.names import FILE, Names
from tradewarden.feed.sinks.registry import sink_of
from tradewarden.orchestrator.clock import SystemClock
from tradewarden.orchestrator.sinks import SinkRunner

HEAD = Struct("<IH")
SOCKET = "source.sock"
SYNC_EVERY = 0.05
BEAT = 0.5


async def record(state: Path) -> None:
    """Record until killed."""
    directory = state / "journal"
    known = cursor.everyone(directory).values()
    journal = Journal(directory, after=max((seq for seq in known if seq), default=0), segment_bytes=8 << 20)
    names = Names(state / FILE)
    runner = SinkRunner(
        "sqlite",
        partial(sink_of, "sqlite", {"ticks": True, "path": None}, names=names, state_dir=state),
        directory,
        SystemClock(),
        latest=lambda: journal.next_seq - 1,
        wake=journal.subscribe,
    )

    async def source(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                length, count = HEAD.unpack(await reader.readexactly(HEAD.size))
                records = await reader.readexactly(length)
                assert journal.append(records, count, time.time_ns()) is not None, journal.failed
                writer.write(b"+")
                await writer.drain()
        writer.close()

    (state / SOCKET).unlink(missing_ok=True)
    server = await asyncio.start_unix_server(source, state / SOCKET)
    async with server, asyncio.TaskGroup() as group:
        group.create_task(runner.run(), name="sqlite")
        while True:
            await asyncio.sleep(SYNC_EVERY)
            runner.look()
            if journal.dirty:
                await asyncio.to_thread(journal.sync)


if __name__ == "__main__":
    asyncio.run(record(Path(sys.argv[1])))
