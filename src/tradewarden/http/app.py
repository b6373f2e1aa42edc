"""The HTTP side of the desk: which path leads to whom, on which sockets it listens, and how it ends."""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import orjson
from aiohttp import web

from tradewarden.http import openapi
from tradewarden.http.auth import Auth
from tradewarden.http.desk_port import Programs
from tradewarden.http.door import command_listener
from tradewarden.http.door import listeners as door
from tradewarden.http.gate import Gate, NoRecord, Record
from tradewarden.http.health import ROOT, Answers, Health
from tradewarden.http.jobs_port import Jobs
from tradewarden.http.live import Live
from tradewarden.http.metrics import Figures, Metrics, Requests
from tradewarden.http.pages import Pages
from tradewarden.http.ports import Login, Reports, Verifier
from tradewarden.http.problems import boundary, route_of
from tradewarden.http.run_news import RunNews
from tradewarden.http.service_news import ServiceNews
from tradewarden.http.visitors import Members, Visitors, cookie_of
from tradewarden.machines.report import Picture
from tradewarden.orchestrator.clock import Clock

IDLE = 10.0  # seconds without a request, from the first moment on: a silent client holds no descriptor for long
SHUTDOWN = 5.0  # seconds for open requests; streams are closed before, or they would take twice that
BODY = 16 * 1024  # bytes: nothing that is sent to us is larger

_NOTHING = Figures()
_NO_RECORD = NoRecord()


class Part(Protocol):
    """Something else of the desk that is shown over HTTP: one module, one line where the daemon is wired."""

    def routes(self, visitors: Visitors, /) -> list[web.RouteDef]:
        """Its paths; `visitors` tells who asks."""
        ...


@runtime_checkable
class Streaming(Protocol):
    """A part with answers that last: the door waits for nobody."""

    def close(self) -> None:
        """End them, and begin none."""
        ...


class Http:
    """Serves the health answer, the page and the login on loopback and on the control socket."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        reports: Reports,
        login: Login,
        verifier: Verifier,
        admin_token: str,
        public_url: str,
        clock: Clock,
        version: str,
        cors_origins: Sequence[str] = (),
        fail_code: int = 503,
        control_path: Path | None = None,
        listeners: Sequence[socket.socket] = (),
        commands: socket.socket | None = None,
        figures: Figures = _NOTHING,
        parts: Sequence[Part] = (),
        programs: Programs | None = None,
        jobs: Jobs | None = None,
        members: Members | None = None,
        record: Record = _NO_RECORD,
    ) -> None:
        self._host, self._port, self._listeners = host, port, listeners
        self._reports = reports
        self._control_path, self._commands = control_path, commands
        self._stopping = False
        self._runner: web.AppRunner | None = None
        self._requests = Requests()
        self._clock, self._public_url = clock, public_url
        visitors = Visitors(admin_token, members, cookie=cookie_of(public_url))
        self._gate = Gate(visitors, record, clock, public_url=public_url)
        answers = Answers(reports, clock, version)
        pages = Pages(lambda: _measured(answers.picture(), programs), version, visitors, jobs)
        self._health = Health(answers, visitors, cors_origins=cors_origins, fail_code=fail_code)
        news = None if programs is None else ServiceNews(programs, clock)
        runs = None if jobs is None else RunNews(jobs)
        self._live = Live(answers, visitors, clock, cors=self._health.cors, services=news, runs=runs)
        self._auth = Auth(login, verifier, pages, clock, is_stopping=self.is_stopping)
        self._metrics = Metrics(answers.picture, self._requests, self._live.count, version=version, figures=figures)
        self._pages = pages
        self._streaming = [part for part in parts if isinstance(part, Streaming)]
        self._more = [route for part in parts for route in part.routes(visitors)]
        reports.subscribe(self._live.publish)
        if members is not None:
            members.subscribe(self._live.look_again)

    @property
    def port(self) -> int:
        """The port it listens on; chosen by the system when 0 was asked for."""
        return self._port

    def is_stopping(self) -> bool:
        """The daemon is on its way out."""
        return self._stopping or self._reports.picture.stopping

    async def start(self) -> None:
        """Listen. Raises CannotListenError."""
        runner = web.AppRunner(
            self._app(),
            access_log=None,
            handle_signals=False,
            shutdown_timeout=SHUTDOWN,
            keepalive_timeout=IDLE,
            logger=_quiet(),
        )
        await runner.setup()
        try:
            for listener in self._listeners or door(self._host, self._port):
                await web.SockSite(runner, listener).start()
            self._port = runner.addresses[0][1]
            if self._control_path is not None:
                await web.SockSite(runner, self._commands or command_listener(self._control_path)).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner

    def close_streams(self) -> None:
        """The first step of the end: not ready any more, every event stream ends, no login begins."""
        self._stopping = True
        self._live.close()
        for part in self._streaming:
            part.close()

    async def stop(self) -> None:
        """Stop listening; requests that are being answered have a few seconds."""
        self.close_streams()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
            if self._control_path is not None:
                self._control_path.unlink(missing_ok=True)

    def _app(self) -> web.Application:
        app = web.Application(
            middlewares=[boundary(self._clock, self._count, self._pages.problem), self._gate.middleware()],
            client_max_size=BODY,
        )
        app.add_routes(
            [
                web.get("/livez", _livez),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics.get),
                *self._health.routes(),
                *self._health.compat_routes(),
                web.get(f"{ROOT}/events", self._live.events, allow_head=False),
                web.get(f"/compat{ROOT}/events", self._live.events, allow_head=False),
                *self._auth.routes(),
                *self._pages.routes(),
                *openapi.routes(self._public_url),
                *self._more,
            ]
        )
        self._gate.look_up(app)
        return app

    def _count(self, request: web.Request, status: int, nanoseconds: int) -> None:
        route = route_of(request)
        if not route.endswith("/events"):  # a stream lasts for hours: it would drown every other figure
            self._requests.count(route, status, nanoseconds / 1e9)

    async def _readyz(self, _request: web.Request) -> web.Response:
        headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
        if self.is_stopping():
            return web.Response(
                status=503, body=orjson.dumps({"status": "fail", "reason": "stopping"}), headers=headers
            )
        return web.Response(body=b'{"status":"pass"}', headers=headers)


def _measured(picture: Picture, programs: Programs | None) -> Picture:
    """With the programs' figures as they are now: a picture holds those that somebody last asked for."""
    return picture if programs is None or picture.desk is None else replace(picture, desk=programs.report())


async def _livez(_request: web.Request) -> web.Response:
    return web.Response(text="ok\n", headers={"Cache-Control": "no-store"})


def _quiet() -> logging.Logger:
    """Whoever sends garbage to the port must not be able to fill the log, or to write a secret into it."""
    logger = logging.getLogger("tradewarden.http.wire")
    logger.setLevel(logging.CRITICAL)
    return logger
