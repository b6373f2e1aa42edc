"""A client of the health answer in a process of its own.

visitor.py PORT PATH paced RATE SECONDS   each request in its time, waiting for a free connection included
visitor.py PORT PATH count NUMBER         as many as it is told, on eight connections, one after the other
Says one line: the latencies in seconds, and the status and size of the answers.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time

CONNECTIONS = 8
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)")


class Visitor:
    """One kept-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> None:
        self._reader, self._writer = reader, writer
        self._request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n\r\n".encode()
        self.status, self.size = 0, 0

    async def get(self) -> None:
        """One request and its whole answer."""
        self._writer.write(self._request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if length is None:
            raise RuntimeError("the answer has no length")
        self.size = len(await self._reader.readexactly(int(length[1])))
        self.status = int(head[9:12])


async def _paced(visitors: list[Visitor], rate: float, seconds: float) -> list[float]:
    free: asyncio.Queue[Visitor] = asyncio.Queue()
    for visitor in visitors:
        free.put_nowait(visitor)
    taken: list[float] = []

    async def one() -> None:
        begun = time.monotonic()  # not when it was due: our own loop wakes up to a millisecond late
        visitor = await free.get()
        await visitor.get()
        taken.append(time.monotonic() - begun)
        free.put_nowait(visitor)

    start = time.monotonic() + 0.1
    async with asyncio.TaskGroup() as group:
        for nth in range(int(rate * seconds)):
            await asyncio.sleep(start + nth / rate - time.monotonic())
            group.create_task(one())
    return taken


async def _counted(visitors: list[Visitor], number: int) -> list[float]:
    taken: list[float] = []

    async def several(visitor: Visitor) -> None:
        for _ in range(number // len(visitors)):
            begun = time.monotonic()
            await visitor.get()
            taken.append(time.monotonic() - begun)

    await asyncio.gather(*map(several, visitors))
    return taken


async def _visit(port: int, path: str, how: str, *numbers: float) -> None:
    visitors = [Visitor(*await asyncio.open_connection("127.0.0.1", port), path) for _ in range(CONNECTIONS)]
    async with asyncio.timeout(120):
        await asyncio.gather(*(visitor.get() for visitor in visitors))
        taken = await (_paced(visitors, *numbers) if how == "paced" else _counted(visitors, int(numbers[0])))
    print(json.dumps({"taken": taken, "status": visitors[0].status, "size": visitors[0].size}), flush=True)


if __name__ == "__main__":
    asyncio.run(_visit(int(sys.argv[1]), sys.argv[2], sys.argv[3], *map(float, sys.argv[4:])))
