"""The desk's programs as far as HTTP and the command line see them, moved by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pictures import Desk, all_well, at, serving
from tradewarden.http.desk import DeskDoor
from tradewarden.http.desk_port import News
from tradewarden.http.log_stream import LogStream
from tradewarden.http.logs import LogsDoor
from tradewarden.http.services import Services
from tradewarden.log import redact
from tradewarden.machines.report import Picture
from tradewarden.machines.service import (
    DeskReport,
    Difference,
    HostFigures,
    Kind,
    Order,
    Selection,
    ServiceReport,
    ServiceState,
    Tier,
)
from tradewarden.orchestrator.clock import SystemClock
from tradewarden.orchestrator.logs import Logs
from tradewarden.orchestrator.orders import RefusedError

URL = "http://127.0.0.1:8700"
HOST = HostFigures(cpu_percent=12.4, memory_used=3_100_000_000, memory_total=8_000_000_000, disk_free=90_000_000_000)
DOWN: dict[str, Any] = {"state": ServiceState.DOWN, "pid": None, "started_at": None, "reason": "stopped by admin"}
CRASHED: dict[str, Any] = {
    "state": ServiceState.BACKING_OFF,
    "reason": "ended with code 1",
    "pid": None,
    "started_at": None,
    "exit_code": 1,
    "restarts": 2,
    "next_start_at": at("10:02:14"),
    "errors_last_hour": 7,
}


def a_service(name: str = "feed", **changes: Any) -> ServiceReport:
    """A critical program that is up since 09:00; or what the changes say."""
    usual: dict[str, Any] = {
        "name": name,
        "description": f"the {name}",
        "kind": Kind.PROGRAM,
        "tier": Tier.CRITICAL,
        "phase": 1,
        "enabled": True,
        "auto_restart": True,
        "state": ServiceState.UP,
        "reason": None,
        "since": at("09:00:02"),
        "pid": 4000,
        "started_at": at("09:00:00"),
        "memory_bytes": 41_200_000,
        "cpu_percent": 1.52,
        "says": "50 quotes a batch, 20 batches/s",
        "figures": {"batches_per_second": 20.0},
        "reach": "http://127.0.0.1:8050",
    }
    return ServiceReport(**usual | changes)


def a_desk(*services: ServiceReport, **changes: Any) -> DeskReport:
    """A desk that runs these programs, each a phase of its own."""
    usual: dict[str, Any] = {"state": "running", "reason": None, "since": at("09:00:05"), "host": HOST}
    phases = tuple((service.name,) for service in services)
    return DeskReport(services=services, phases=phases, **usual | changes)


def three(**changes: Any) -> DeskReport:
    """A feed that is up, a writer that crashed, and a viewer that somebody stopped."""
    viewer = a_service("viewer", tier=Tier.OPTIONAL, phase=3, needs=("feed",), memory_bytes=None, **DOWN)
    writer = a_service("writer", tier=Tier.IMPORTANT, phase=2, needs=("feed",), says=None, **CRASHED)
    return a_desk(a_service(), writer, viewer, **{"state": "degraded"} | changes)


def with_programs(report: DeskReport, **changes: Any) -> Picture:
    """A desk where all is well, and its programs are these."""
    return all_well(desk=report, **changes)


class Programs:
    """What the daemon's driver of programs is to the HTTP side; it does what it is told at once."""

    def __init__(self, report: DeskReport) -> None:
        self.told = report
        self.asked: list[tuple[Any, ...]] = []
        self.refuses: str | None = None
        self.difference = Difference()
        self._news: list[News] = []

    def report(self) -> DeskReport:
        return self.told

    def plan(self) -> tuple[tuple[str, ...], ...]:
        return self.told.phases

    def start(self, which: Selection, *, by: str) -> Order:
        return self._do("start", which, by, ServiceState.UP, "it is up already")

    def stop(self, which: Selection, *, by: str) -> Order:
        return self._do("stop", which, by, ServiceState.DOWN, "it is down already")

    def restart(self, which: Selection, *, by: str) -> Order:
        self._note("restart", which, by)
        names = [name for name in self._names(which) if self._one(name).state is ServiceState.UP]
        left = {name: "it does not run" for name in self._names(which) if name not in names}
        return Order(verb="restart", accepted=tuple(names), left=left)

    def enable(self, names: Sequence[str], *, on: bool, by: str) -> Order:
        self._note("enable" if on else "disable", tuple(names), by)
        for name in names:
            self.change(name, enabled=on)
        return Order(verb="enable" if on else "disable", accepted=tuple(names))

    def auto_restart(self, names: Sequence[str], *, on: bool, by: str) -> Order:
        self._note("auto-restart", tuple(names), on, by)
        for name in names:
            self.change(name, auto_restart=on)
        return Order(verb="auto-restart", accepted=tuple(names))

    async def reload(self, *, dry: bool, by: str) -> Difference:
        self._note("reload", dry, by)
        return self.difference

    def down(self, *, by: str) -> Order:
        return self._do("down", Selection(everything=True), by, ServiceState.DOWN, "it is down already")

    def subscribe(self, callback: News) -> None:
        self._news.append(callback)

    def show(self, report: DeskReport) -> None:
        """The desk has changed."""
        self.told = report
        for callback in self._news:
            callback(report)

    def change(self, name: str, **changes: Any) -> None:
        """One program has changed."""
        changed = replace(self._one(name), **changes)
        services = tuple(changed if each.name == name else each for each in self.told.services)
        self.told = replace(self.told, services=services)
        for callback in self._news:
            callback(changed)

    def _do(self, verb: str, which: Selection, by: str, state: ServiceState, why: str) -> Order:
        self._note(verb, which, by)
        names = [name for name in self._names(which) if self._one(name).state is not state]
        left = {name: why for name in self._names(which) if name not in names}
        for name in names:
            self.change(name, state=state, reason=None if state is ServiceState.UP else f"stopped by {by}")
        return Order(verb=verb, accepted=tuple(names), left=left)

    def _note(self, *what: Any) -> None:
        self.asked.append(what)
        if self.refuses is not None:
            raise RefusedError(self.refuses)

    def _names(self, which: Selection) -> list[str]:
        services = self.told.services
        if which.names:
            return list(which.names)
        return [
            each.name
            for each in services
            if (not which.tiers or each.tier in which.tiers) and each.tier not in which.without
        ]

    def _one(self, name: str) -> ServiceReport:
        return next(each for each in self.told.services if each.name == name)


@asynccontextmanager
async def serving_programs(
    directory: Path, report: DeskReport | None = None, **settings: Any
) -> AsyncIterator[tuple[Desk, Programs]]:
    """The real HTTP side with these programs; their logs lie in `directory`/logs, its control socket beside them."""
    programs = settings.pop("programs", None) or Programs(report or three())
    logs, clock = Logs(directory / "logs", redact), settings.pop("clock", None) or SystemClock()
    parts = [
        Services(programs, clock),
        DeskDoor(programs),
        LogStream(logs, programs, clock),
        LogsDoor(logs, programs, clock),
    ]
    usual: dict[str, Any] = {"parts": parts, "programs": programs, "control_path": directory / "control"}
    async with serving(with_programs(programs.told), **usual | settings) as desk:
        yield desk, programs
