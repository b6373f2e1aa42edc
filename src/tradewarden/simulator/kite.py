"""A Kite that exists only on this machine: login page, REST and binary ticker on 127.0.0.1, with faults on demand."""

from __future__ import annotations

import asyncio
import os
from itertools import cycle
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlencode

from aiohttp import web
from aiohttp.typedefs import Handler

from tradewarden.simulator.broker import IST, Answer, Broker, Silence
from tradewarden.simulator.packets import MALFORMED
from tradewarden.simulator.people import People
from tradewarden.simulator.prices import Board
from tradewarden.simulator.replay import Recording
from tradewarden.simulator.rest import Rest, respond
from tradewarden.simulator.stream import Stream, reset
from tradewarden.simulator.world import World, WorldError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime, time
    from pathlib import Path
    from types import TracebackType

    from tradewarden.simulator.packets import Mode

HOST: Final = "127.0.0.1"
API_KEY: Final = "simulatedkey"
API_SECRET: Final = "simulatedsecret"  # noqa: S105 - everybody may know it: it opens nothing
USER_ID: Final = "AB1234"
REDIRECT_URL: Final = "http://127.0.0.1:8700/auth/callback"
ACTIONS: Final = ("drop_socket", "expire_token", "malformed_frame")


class PortError(OSError):
    """The simulator's port cannot be opened; `strerror` says why and what to do."""


class KiteSimulator:
    """The simulated broker as a server: enter it to open its port, leave it and nothing of it remains."""

    def __init__(
        self,
        port: int = 0,
        *,
        now: Callable[[], datetime],
        redirect_url: str = REDIRECT_URL,
        api_key: str = API_KEY,
        api_secret: str = API_SECRET,
        user_id: str = USER_ID,
        world: World | None = None,
        seed: int | None = None,
        recording: Recording | None = None,
        replayed: str | None = None,
        tick_seconds: float = 0.5,
        heartbeat_seconds: float = 1.0,
        limit: int = 3_000,
        hours: tuple[time, time] | None = None,
    ) -> None:
        self.redirect_url = redirect_url
        self.replayed = replayed or ("a recorded day" if recording else None)
        self.broker = Broker(api_key=api_key, api_secret=api_secret, user_id=user_id, world=world, seed=seed)
        self.board = Board(now().astimezone(IST).date(), seed=seed, recording=recording)
        self._port = port
        self._now = now
        self._tick_seconds = tick_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._limit = limit
        self._hours = hours
        self._streams: set[Stream] = set()
        self._swallowed: set[asyncio.Transport] = set()
        self._malformed = cycle(MALFORMED)
        self._people = People(self)
        self._runner: web.AppRunner | None = None
        self._tasks: list[asyncio.Task[None]] = []

    # Where it is, how it behaves

    @property
    def port(self) -> int:
        """The port it listens on; known once it is open."""
        return self._port

    @property
    def url(self) -> str:
        """The root for KiteConnect."""
        return f"http://{HOST}:{self._port}"

    @property
    def ws_url(self) -> str:
        """The root for KiteTicker."""
        return f"ws://{HOST}:{self._port}"

    @property
    def login_url(self) -> str:
        """The login page, to which a desk adds v, api_key and redirect_params."""
        return f"{self.url}/connect/login"

    @property
    def world(self) -> World:
        """How it behaves; change it at any time."""
        return self.broker.world

    def login_page(self, redirect_params: str = "") -> str:
        """The whole link that a person would open to log in."""
        query = {"v": "3", "api_key": self.broker.api_key, "redirect_params": redirect_params}
        return f"{self.login_url}?{urlencode(query)}"

    def now(self) -> datetime:
        """The simulated time, on the exchange's wall."""
        return self._now().astimezone(IST)

    def state(self) -> dict[str, object]:
        """What GET /state tells."""
        return self.broker.state()

    def mint(self, user_id: str | None = None) -> str:
        """A fresh access token, as a login would bring it."""
        return self.broker.mint(user_id)

    def do(self, action: str, kind: str | None = None) -> dict[str, object]:
        """One fault, now: drop_socket, expire_token or malformed_frame (of a kind, else each kind in turn)."""
        streams = list(self._streams)
        done: dict[str, object] = {"do": action, "sockets": len(streams)}
        match action:
            case "drop_socket":
                for stream in streams:
                    stream.drop()
            case "expire_token":
                done["expired"] = self.broker.expire() is not None
            case "malformed_frame":
                done["kind"] = kind = self._kind(kind)
                for stream in streams:
                    stream.send(MALFORMED[kind])
            case _:
                raise WorldError(f"do cannot be {action!r}; allowed: {', '.join(ACTIONS)}")
        return done

    def _kind(self, kind: str | None) -> str:
        if kind is None:
            return next(self._malformed)
        if kind not in MALFORMED:
            raise WorldError(f"kind cannot be {kind!r}; allowed: {', '.join(MALFORMED)}")
        return kind

    # Its life

    async def __aenter__(self) -> Self:
        """Open the port and start the prices."""
        app = web.Application(middlewares=[_kites_errors])
        app.add_routes([web.get("/", self._root), *self._people.routes()])
        app.add_routes(Rest(self.broker, self.board, self.now).routes())
        # A client that leaves ends its handler, also one that waits in the blackhole. The access log would hold tokens.
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, HOST, self._port)
            await site.start()
        except OSError as error:
            await runner.cleanup()
            reason = os.strerror(error.errno) if error.errno else error.strerror
            sentence = f"the simulator cannot listen on {HOST}:{self._port}: {reason}; choose another port"
            raise PortError(error.errno, sentence) from error
        self._runner = runner
        self._port = int(runner.addresses[0][1])
        self._tasks = [
            asyncio.create_task(_every(self._tick_seconds, self._tick), name="simulator: prices"),
            asyncio.create_task(_every(self._heartbeat_seconds, self._beat), name="simulator: heartbeats"),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cut every line, close the port, end every task."""
        for task in self._tasks:
            task.cancel()
        for stream in list(self._streams):
            stream.drop()
        for transport in list(self._swallowed):
            reset(transport)
        if self._runner is not None:
            await self._runner.cleanup()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        for fault in ended:
            if isinstance(fault, Exception):
                raise fault  # a bug in the prices must not end quietly

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until told to stop; a bug in the prices ends it too."""
        stopped = asyncio.create_task(stop.wait(), name="simulator: waits to be stopped")
        try:
            await asyncio.wait([stopped, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()

    # Sockets

    async def _root(self, request: web.Request) -> web.StreamResponse:
        # KiteTicker dials its root, so the ticker and the page share one path.
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._dial(request)
        return await self._people.page(request)

    async def _dial(self, request: web.Request) -> web.StreamResponse:
        transport = request.transport
        access_token = request.query.get("access_token")
        reply = self.broker.handshake(request.query.get("api_key"), access_token)
        if transport is None:
            return web.Response()  # it left already
        match reply:
            case Answer(status=101) if access_token:
                return await self._serve(request, transport, access_token)
            case Silence.SWALLOW:
                return await self._swallow(transport)
            case _:
                return respond(request, reply)

    async def _serve(self, request: web.Request, transport: asyncio.Transport, access_token: str) -> web.StreamResponse:
        line = web.WebSocketResponse(autoping=False, autoclose=False, compress=False)
        self.broker.opened(access_token)
        try:
            await line.prepare(request)
            stream = Stream(line, transport, world=self.world, board=self.board, now=self.now, limit=self._limit)
            self._streams.add(stream)
            try:
                await stream.run()
            finally:
                self._streams.discard(stream)
        finally:
            self.broker.closed(access_token)
        return line

    async def _swallow(self, transport: asyncio.Transport) -> web.StreamResponse:
        self._swallowed.add(transport)
        try:
            await asyncio.Event().wait()  # never answered; the client's leaving or our closing cancels it
        finally:
            self._swallowed.discard(transport)
        return web.Response()

    # The two rhythms

    def _beat(self) -> None:
        if self.world.heartbeats and self.world.socket != "blackhole":
            for stream in self._streams:
                stream.beat()

    def _tick(self) -> None:
        when = self.now()
        if self.world.ticks == "none" or self.world.socket == "blackhole" or not self._trading(when):
            return
        takers: dict[int, list[tuple[Stream, Mode]]] = {}
        for stream in self._streams:
            for token, mode in stream.modes.items():
                takers.setdefault(token, []).append((stream, mode))
        for silent in self.world.silent_tokens & takers.keys():
            del takers[silent]
        for token, wanted in takers.items():
            for quote in self.board.advance(token, when):
                for stream, mode in wanted:
                    stream.add(quote, mode)
        for stream in self._streams:
            stream.flush()

    def _trading(self, when: datetime) -> bool:
        return self._hours is None or self._hours[0] <= when.time() < self._hours[1]


async def serve(
    port: int,
    *,
    now: Callable[[], datetime],
    stop: asyncio.Event,
    redirect_url: str = REDIRECT_URL,
    api_key: str = API_KEY,
    api_secret: str = API_SECRET,
    user_id: str = USER_ID,
    replay: Path | None = None,
    replay_day: date | None = None,
    opened: Callable[[KiteSimulator], None] = lambda _simulator: None,
) -> None:
    """The simulated broker as a command: serves until `stop`.

    A ReplayError says what is wrong with the recording, a PortError why the port could not be opened.
    """
    simulator = KiteSimulator(
        port,
        now=now,
        redirect_url=redirect_url,
        api_key=api_key,
        api_secret=api_secret,
        user_id=user_id,
        recording=None if replay is None else Recording.from_csv(replay, day=replay_day),
        replayed=None if replay is None else replay.name,
    )
    async with simulator:
        opened(simulator)
        await simulator.run(stop)


async def _every(seconds: float, act: Callable[[], None]) -> None:
    """Do it at a steady pace; a late round is not made up for."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        due = max(due + seconds, loop.time())
        await asyncio.sleep(due - loop.time())
        act()


@web.middleware
async def _kites_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Unknown paths and methods in Kite's envelope, too."""
    try:
        return await handler(request)
    except web.HTTPClientError as error:
        return respond(request, Answer(error.status, error_type="GeneralException", message=f"{error.reason}."))
