"""The desk's programs over HTTP: how each does, and the verbs for one of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from aiohttp import web

from tradewarden.http.body import Nothing, answer, taken
from tradewarden.http.desk_port import Programs
from tradewarden.http.member import Member
from tradewarden.http.moments import iso, iso_or_none
from tradewarden.http.verbs import needs_keepers, nobody, refusals, told
from tradewarden.http.visitors import Visitors, who
from tradewarden.machines.service import DeskReport, HostFigures, Order, Selection, ServiceReport, Tier
from tradewarden.orchestrator.clock import Clock

Deed = Callable[[str, str], Order]  # name, by whom
_NONE: Final = "no program is kept up here; jobs, if there are any, are at /api/schedules"


@dataclass(frozen=True, slots=True)
class AutoRestart:
    """Whether a program that ends is started again."""

    on: Annotated[bool, Member("true or false is expected")]


class Services:
    """GET /api/services and what may be asked of one of them, for an admin."""

    def __init__(self, programs: Programs, clock: Clock) -> None:
        self._programs, self._clock = programs, clock

    def routes(self, _visitors: Visitors) -> list[web.RouteDef]:
        """The list, one of it, and a path for each verb."""

        async def everyone(_request: web.Request) -> web.Response:
            return answer(document(self._programs.report(), self._clock.now()))

        async def one(request: web.Request) -> web.Response:
            name = self._named(request)
            found = next(each for each in self._programs.report().services if each.name == name)
            return answer(service_document(found, self._clock.now()))

        return [
            web.get("/api/services", everyone),
            web.get("/api/services/{name}", one),
            web.post("/api/services/{name}/start", self._verb(self._start)),
            web.post("/api/services/{name}/stop", self._verb(self._stop)),
            web.post("/api/services/{name}/restart", self._verb(self._restart)),
            web.post("/api/services/{name}/enable", self._verb(self._enable)),
            web.post("/api/services/{name}/disable", self._verb(self._disable)),
            web.post("/api/services/{name}/auto-restart", self._auto_restart),
        ]

    def _verb(self, deed: Deed) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def post(request: web.Request) -> web.Response:
            by, _ = who(request).by, await taken(request, Nothing)
            return self._done(lambda: deed(self._named(request), by))

        return post

    async def _auto_restart(self, request: web.Request) -> web.Response:
        by, sent = who(request).by, await taken(request, AutoRestart)
        return self._done(lambda: self._programs.auto_restart([self._named(request)], on=sent.on, by=by))

    def _done(self, deed: Callable[[], Order]) -> web.Response:
        with refusals(self._programs):
            return told(deed(), self._programs, named=True)

    def _named(self, request: web.Request) -> str:
        name: str = request.match_info["name"]
        if (problem := nobody([name], self._programs)) is not None:
            raise problem
        return name

    def _start(self, name: str, by: str) -> Order:
        needs_keepers(self._programs)
        return self._programs.start(Selection(names=(name,)), by=by)

    def _stop(self, name: str, by: str) -> Order:
        return self._programs.stop(Selection(names=(name,)), by=by)

    def _restart(self, name: str, by: str) -> Order:
        return self._programs.restart(Selection(names=(name,)), by=by)

    def _enable(self, name: str, by: str) -> Order:
        return self._programs.enable([name], on=True, by=by)

    def _disable(self, name: str, by: str) -> Order:
        return self._programs.enable([name], on=False, by=by)


def document(report: DeskReport, now: datetime) -> dict[str, Any]:
    """The whole answer: the desk, the machine it runs on, and each service."""
    return {
        "time": iso(now),
        "desk": {
            "state": report.state,
            "reason": report.reason or (None if report.services else _NONE),
            "since": iso(report.since),
            "phase": report.phase,
            "phases": report.phases,
            "keepersReachable": report.keepers_reachable,
        },
        "host": None if report.host is None else _host(report.host),
        "services": [service_document(service, now) for service in report.services],
    }


def _host(host: HostFigures) -> dict[str, Any]:
    return {
        "cpuPercent": round(host.cpu_percent, 1),
        "memoryUsed": host.memory_used,
        "memoryTotal": host.memory_total,
        "diskFree": host.disk_free,
    }


def service_document(service: ServiceReport, now: datetime) -> dict[str, Any]:
    """One service as programs read it."""
    started = service.started_at
    return {
        "name": service.name,
        "description": service.description,
        "kind": service.kind,
        "tier": service.tier,
        "phase": service.phase,
        "enabled": service.enabled,
        "autoRestart": service.auto_restart,
        "state": service.state,
        "status": status_of(service),
        "reason": service.reason,
        "since": iso(service.since),
        "needs": service.needs,
        "conditions": service.conditions,
        "pid": service.pid,
        "startedAt": iso_or_none(started),
        "uptimeSeconds": None if started is None else round(max(0.0, (now - started).total_seconds())),
        "restarts": service.restarts,
        "exitCode": service.exit_code,
        "nextStartAt": iso_or_none(service.next_start_at),
        "memoryBytes": service.memory_bytes,
        "cpuPercent": None if service.cpu_percent is None else round(service.cpu_percent, 1),
        "errorsLastHour": service.errors_last_hour,
        "says": service.says,
        "figures": dict(service.figures),
        "reach": service.reach,
    }


def status_of(service: ServiceReport) -> str:
    """Fail for a critical service that is down, warn for another one and for one that is impaired, else pass."""
    if not service.is_down:
        return "warn" if service.is_impaired else "pass"
    return "fail" if service.tier is Tier.CRITICAL else "warn"
