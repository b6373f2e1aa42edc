"""Tells browsers and monitors of every change at once: server-sent events, one frame for all clients of a kind."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from types import MappingProxyType

from aiohttp import web

from tradewarden.http.allowance import Allowance
from tradewarden.http.health import Answer, Answers
from tradewarden.http.moments import iso
from tradewarden.http.problems import HEADERS, ProblemError, rate_limited, stopping
from tradewarden.http.run_news import RunNews
from tradewarden.http.service_news import ServiceNews
from tradewarden.http.visitors import Viewer, Visitors, address, holds, is_local, person_of
from tradewarden.machines.report import Picture
from tradewarden.orchestrator.clock import Clock

CLIENTS = 200
CLIENTS_PER_ADDRESS = 20
PING = 15.0  # seconds
LOOK = 5.0  # seconds after which a waiting client looks whether the heartbeat still beats
_WRITE = 10.0  # seconds for one frame to a client that does not read

STREAM_HEADERS = MappingProxyType(
    {
        **HEADERS,
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
        "Vary": "Cookie, Authorization",
    }
)


class _Client:
    """One open stream. It holds no queue: when it wakes it takes the newest frame, however many it slept through."""

    __slots__ = ("address", "hears_services", "jobs_of", "news", "person", "request", "runs", "viewer", "wake")

    def __init__(self, request: web.Request, viewer: Viewer, share: str | None) -> None:
        self.request = request
        self.viewer = viewer
        self.address = share  # none for programs on this machine, which count towards the total only
        self.person = person_of(request)
        self.hears_services = viewer is Viewer.KNOWN or is_local(request)
        self.jobs_of = self.person if viewer is Viewer.KNOWN else None  # what that person may see
        self.news = self.runs = 0  # the numbers of the last ones it was told
        self.wake = asyncio.Event()

    def is_open(self) -> bool:
        transport = self.request.transport
        return transport is not None and not transport.is_closing()

    async def write(self, response: web.StreamResponse, chunk: bytes) -> None:
        """Send a frame. Only a client that has not read the last one can keep us waiting, so only it has a deadline."""
        transport = self.request.transport
        if transport is None or transport.get_write_buffer_size():
            async with asyncio.timeout(_WRITE):
                await response.write(chunk)
        else:
            await response.write(chunk)


class Live:
    """The open streams and the newest frame for each kind of viewer."""

    def __init__(
        self,
        answers: Answers,
        visitors: Visitors,
        clock: Clock,
        *,
        cors: Callable[[web.Request], dict[str, str]] = lambda _: {},
        services: ServiceNews | None = None,
        runs: RunNews | None = None,
    ) -> None:
        self._answers = answers
        self._visitors = visitors
        self._clock = clock
        self._cors = cors
        self._connects = Allowance(60, 60, clock)
        self._clients: set[_Client] = set()
        self._frames: dict[Viewer, bytes] = {}
        self._version = 0
        self._closing = False
        self._timer: asyncio.TimerHandle | None = None
        self._services = services
        self._runs = runs
        for news in (services, runs):
            if news is not None:
                news.woken = self._wake

    def publish(self, _picture: Picture) -> None:
        """Something changed: wake every client; the frame is made once for each kind of viewer."""
        self._version += 1
        self._frames.clear()
        self._wake()

    def close(self) -> None:
        """End every stream, and take no new one."""
        self._closing = True
        self._wake()

    def look_again(self) -> None:
        """Somebody may no longer what they might before: each stream asks again whether its client may listen."""
        self._wake()

    def _wake(self) -> None:
        for client in self._clients:
            client.wake.set()

    def _look(self) -> None:
        """One timer for all clients, and none without: a deadline for each of them would double a frame's cost."""
        self._timer = asyncio.get_running_loop().call_later(LOOK, self._look) if self._clients else None
        if self._services is not None and any(client.hears_services for client in self._clients):
            self._services.look()
        self._wake()

    def count(self) -> int:
        """Clients that listen now."""
        return sum(client.is_open() for client in self._clients)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """GET …/events: the whole document at once, again with every change, and a sign of life in between."""
        client = self._admit(request)
        response = web.StreamResponse(headers={**STREAM_HEADERS, **self._cors(request)})
        self._clients.add(client)
        if self._timer is None:
            self._look()
        try:
            await response.prepare(request)
            await self._tell(client, response)
        except (ConnectionError, TimeoutError):
            pass  # the client is gone or reads no more; it will come back if it wants to
        finally:
            self._clients.discard(client)
        return response

    def _admit(self, request: web.Request) -> _Client:
        if self._closing:
            raise stopping()
        share = None if is_local(request) else address(request)
        if share is not None and (wait := self._connects.take(share)):
            raise rate_limited(wait)
        shares = Counter(client.address for client in self._clients if client.is_open())
        if shares.total() >= CLIENTS or (share is not None and shares[share] >= CLIENTS_PER_ADDRESS):
            raise ProblemError(503, "too-many-clients", headers={"Retry-After": "30"})
        return _Client(request, self._visitors.viewer(request), share)

    async def _tell(self, client: _Client, response: web.StreamResponse) -> None:
        seen, was_stale = self._version, self._answers.is_stale()
        first = b"retry: 2000\n\n" + self._now(client.viewer) + self._sign_of_life()
        await client.write(response, first + self._news_for(client, all_of_it=True))
        pinged = self._clock.mono_ns()
        while not self._closing:
            await client.wake.wait()  # at most until the next look
            client.wake.clear()
            if not holds(client.request):
                return  # signed out, disabled or another role by now: whoever still may comes back by itself
            if news := self._news_for(client):
                await client.write(response, news)
            stale = self._answers.is_stale()
            if seen != self._version or stale != was_stale:
                # A frame kept for all clients is that of a change; whatever else happened needs a fresh one.
                frame = self._now(client.viewer) if stale or stale != was_stale else self._frame(client.viewer)
                seen, was_stale = self._version, stale
                await client.write(response, frame)
            elif self._clock.mono_ns() - pinged >= PING * 1e9:
                pinged = self._clock.mono_ns()
                await client.write(response, b": ping\n\n" + self._sign_of_life())

    def _news_for(self, client: _Client, *, all_of_it: bool = False) -> bytes:
        """What the client does not know yet of the services and jobs; nothing for one that may not know."""
        told = b""
        if self._services is not None and client.hears_services:
            since, client.news = client.news, self._services.number
            told += self._services.snapshot() if all_of_it else self._services.since(since)
        if self._runs is not None and client.jobs_of is not None:
            since, client.runs = client.runs, self._runs.number
            told += self._runs.snapshot(client.jobs_of) if all_of_it else self._runs.since(since, client.jobs_of)
        return told

    def _frame(self, viewer: Viewer) -> bytes:
        frame = self._frames.get(viewer)
        if frame is None:
            frame = self._frames[viewer] = self._now(viewer)
        return frame

    def _now(self, viewer: Viewer) -> bytes:
        return _framed(self._answers.get("health", viewer))

    def _sign_of_life(self) -> bytes:
        # Comments are invisible to a browser's EventSource, and a page that hears nothing cannot tell calm from death.
        return b'event: clock\ndata: {"now":"%b"}\n\n' % iso(self._clock.now()).encode()


def _framed(answer: Answer) -> bytes:
    return b"id: %d\nevent: health\ndata: %b\n\n" % (answer.picture.seq, answer.body)
