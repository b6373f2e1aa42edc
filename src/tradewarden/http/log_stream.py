"""The services' logs as they grow: server-sent events, a `line` each, for as long as somebody listens."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import orjson
from aiohttp import web

from tradewarden.http.allowance import Allowance
from tradewarden.http.body import asked
from tradewarden.http.desk_port import Programs
from tradewarden.http.jobs_port import Jobs
from tradewarden.http.live import STREAM_HEADERS
from tradewarden.http.logs import LogsQuery, line_document, services_of, wanted_of
from tradewarden.http.problems import ProblemError, rate_limited, stopping
from tradewarden.http.visitors import Visitors, address, holds, is_local
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.log_follower import Follower
from tradewarden.orchestrator.log_line import LogLine, Wanted
from tradewarden.orchestrator.logs import Logs

CLIENTS: Final = 20  # each reads the files on its own
CLIENTS_PER_ADDRESS: Final = 5
LOOK: Final = 0.2  # seconds between two looks at the files
PING: Final = 15.0  # seconds
_WRITE: Final = 10.0  # seconds for one frame to a client that does not read
_NS: Final = 1e9


class LogStream:
    """GET /api/logs/stream: the last lines, then each new one; a client that reads too slowly skips, and is told."""

    def __init__(self, logs: Logs, programs: Programs, clock: Clock, jobs: Jobs | None = None) -> None:
        self._logs, self._programs, self._clock, self._jobs = logs, programs, clock, jobs
        self._connects = Allowance(60, 60, clock)
        self._clients: list[str | None] = []  # the address of each; none for a program on this machine
        self._ended = asyncio.Event()

    def routes(self, _visitors: Visitors) -> list[web.RouteDef]:
        """Its one path."""

        async def get(request: web.Request) -> web.StreamResponse:
            names, query = services_of(request, self._programs, self._jobs), asked(request, LogsQuery)
            wanted, lines, share = wanted_of(query, self._clock.now()), query.lines or 0, self._admit(request)
            self._clients.append(share)
            try:
                return await self._tell(request, names, wanted, lines)
            finally:
                self._clients.remove(share)

        return [web.get("/api/logs/stream", get, allow_head=False)]

    def close(self) -> None:
        """End every stream, and take no new one."""
        self._ended.set()

    def _admit(self, request: web.Request) -> str | None:
        if self._ended.is_set():
            raise stopping()
        share = None if is_local(request) else address(request)
        if share is not None and (wait := self._connects.take(share)):
            raise rate_limited(wait)
        shares = Counter(self._clients)
        if shares.total() >= CLIENTS or (share is not None and shares[share] >= CLIENTS_PER_ADDRESS):
            raise ProblemError(503, "too-many-clients", headers={"Retry-After": "30"})
        return share

    async def _tell(self, request: web.Request, names: Sequence[str], wanted: Wanted, lines: int) -> web.StreamResponse:
        response = web.StreamResponse(headers=STREAM_HEADERS)
        follower = self._logs.follower(names)
        try:
            await response.prepare(request)
            before = await asyncio.to_thread(self._logs.tail, names, wanted, lines=lines, upto=follower.places())
            await _write(response, b"retry: 2000\n\n" + _frames("trouble", [{"text": t} for t in before.troubles]))
            await _write(response, _frames("line", map(line_document, before.lines)))
            await self._follow(request, response, follower, wanted)
        except (ConnectionError, TimeoutError):
            pass  # the client is gone or reads no more; it will come back if it wants to
        finally:
            follower.close()
        return response

    async def _follow(
        self, request: web.Request, response: web.StreamResponse, follower: Follower, wanted: Wanted
    ) -> None:
        pinged = self._clock.mono_ns()
        while not self._ended.is_set() and _is_open(request):
            found = await asyncio.to_thread(self._looked, follower, wanted)
            if not holds(request):
                return  # signed out, disabled or another role by now
            frames = _frames("skipped", _skipped(follower)) + _frames("line", map(line_document, found))
            if frames:
                await _write(response, frames)
            elif self._clock.mono_ns() - pinged >= PING * _NS:
                pinged = self._clock.mono_ns()
                await _write(response, b": ping\n\n")
            try:
                async with asyncio.timeout(LOOK):
                    await self._ended.wait()
            except TimeoutError:
                continue

    def _looked(self, follower: Follower, wanted: Wanted) -> list[LogLine]:
        return self._logs.wanted_of(follower.new(), wanted)


def _skipped(follower: Follower) -> list[dict[str, object]]:
    told = [{"service": name, "bytes": count} for name, count in follower.skipped.items()]
    follower.skipped.clear()
    return told


def _is_open(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()


async def _write(response: web.StreamResponse, chunk: bytes) -> None:
    if chunk:
        async with asyncio.timeout(_WRITE):
            await response.write(chunk)


def _frames(event: str, documents: Iterable[object]) -> bytes:
    head = b"event: %b\ndata: " % event.encode()
    return b"".join(head + orjson.dumps(document) + b"\n\n" for document in documents)
