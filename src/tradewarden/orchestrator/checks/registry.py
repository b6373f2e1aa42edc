"""Which ways there are to know that a service is ready. A new one is a module here beside and a line in this table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, cast

from tradewarden.machines.service import Ready, Service
from tradewarden.orchestrator.checks.check import PATIENCE, Check, ServerCheck, Subject

if TYPE_CHECKING:
    from tradewarden.orchestrator.checks.flow import Flows


@dataclass(frozen=True, slots=True)
class Kind:
    """Where a check's class is; it is imported when it is wanted, and not before."""

    module: str
    name: str

    def of(self, subject: Subject) -> Check:
        """The check of this service. Raises ValueError with what is allowed."""
        kind: Any = getattr(import_module(f"tradewarden.orchestrator.checks.{self.module}"), self.name)
        return cast("Check", kind.of(subject))


KINDS: Final = MappingProxyType(
    {
        "process": Kind("process", "ProcessCheck"),
        "port": Kind("port", "PortCheck"),
        "http": Kind("http", "HttpCheck"),
        "log_line": Kind("log_line", "LogLineCheck"),
        "file": Kind("file", "FileCheck"),
        "redis": Kind("redis", "RedisCheck"),
        "mysql": Kind("mysql", "MysqlCheck"),
        "influx": Kind("influx", "InfluxCheck"),
        "rate": Kind("rate", "RateCheck"),
        "exit": Kind("exit", "ExitCheck"),
    }
)
SERVERS: Final = frozenset({"port", "http", "redis", "mysql", "influx"})  # that can be asked before anything is started


def check_of(
    service: Service,
    *,
    log: Path,
    started_at: Callable[[], datetime | None],
    exit_code: Callable[[], int | None] = lambda: None,
    flows: Flows | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    patience: float = PATIENCE,
) -> Check:
    """What tells that this service is ready; `log` is its NAME.log.

    Raises ValueError with what is allowed: `problem` says so before anything is started.
    """
    kind = KINDS.get(service.ready.kind)
    if kind is None:
        raise ValueError(f"{service.ready.kind!r} is no way to be ready; allowed are {', '.join(KINDS)}")
    return kind.of(
        Subject(
            service=service,
            log=log,
            started_at=started_at,
            exit_code=exit_code,
            flows=flows,
            now=now,
            patience=patience,
        )
    )


def server_of(ready: Ready) -> ServerCheck | None:
    """What asks the server that tells of readiness; nothing where no server does. Raises ValueError as `check_of`."""
    if ready.kind not in SERVERS:
        return None
    return cast("ServerCheck", check_of(_anybody(ready), log=Path(), started_at=lambda: None))


def problem(ready: Ready) -> str | None:
    """What is wrong with this way to be ready: what is allowed instead; nothing when it is good."""
    try:
        check_of(_anybody(ready), log=Path(), started_at=lambda: None)
    except ValueError as wrong:
        return str(wrong)
    return None


def _anybody(ready: Ready) -> Service:
    return Service(name="it", command=("it",), ready=ready)
