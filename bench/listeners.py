"""Clients of the event stream in a process of their own.

listeners.py PORT COUNT: says a line when every client has its first document; at the end of standard input it says
which change (by its id) reached how many clients when, and how many streams the server has ended.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

_REQUEST = b"GET /api/system/health/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n"


class Listener(asyncio.Protocol):
    """One stream: notes the moment at which each document is whole."""

    def __init__(self, arrivals: dict[int, list[float]], first: asyncio.Semaphore) -> None:
        self.ended: float | None = None
        self._arrivals = arrivals
        self._first = first
        self._waiting = True
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        if isinstance(transport, asyncio.Transport):
            transport.write(_REQUEST)

    def data_received(self, data: bytes) -> None:
        """Take note first, read then."""
        now = time.monotonic()
        *whole, self._rest = (self._rest + data).split(b"\n\n")
        for frame in whole:
            at = frame.find(b"id: ")
            if at >= 0 and b"event: health" in frame:
                self._arrivals.setdefault(int(frame[at + 4 : frame.index(b"\n", at)]), []).append(now)
                if self._waiting:
                    self._waiting = False
                    self._first.release()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's word
        """The server ended the stream."""
        self.ended = time.monotonic()


async def _listen(port: int, count: int) -> None:
    loop = asyncio.get_running_loop()
    end = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(end), sys.stdin)
    arrivals: dict[int, list[float]] = {}
    first = asyncio.Semaphore(0)
    listeners = [Listener(arrivals, first) for _ in range(count)]
    for listener in listeners:
        await loop.create_connection(lambda listener=listener: listener, "127.0.0.1", port)
    for _ in listeners:
        await first.acquire()
    print(json.dumps({"listening": count}), flush=True)
    await end.readline()
    await asyncio.sleep(0.2)
    ended = [listener.ended for listener in listeners if listener.ended is not None]
    print(json.dumps({"arrivals": arrivals, "ended": ended}), flush=True)


if __name__ == "__main__":
    asyncio.run(_listen(int(sys.argv[1]), int(sys.argv[2])))
