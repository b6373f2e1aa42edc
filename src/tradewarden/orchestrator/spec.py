"""What a keeper is told of a service: each word resolved, secrets too, which go no further than to the keeper."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Mapping
from pathlib import Path

from tradewarden.machines.service import Kind, Service
from tradewarden.orchestrator.keepers import Spec


def revision(service: Service) -> str:
    """A short mark of the definition: whether what runs is what the file says; of secrets only the names are in it."""
    environment = sorted((name, str(value)) for name, value in service.environment.items())
    told = (service.command, service.directory, environment, service.user, service.kind, service.output)
    return hashlib.blake2b(repr(told).encode(), digest_size=6).hexdigest()


def spec_of(
    service: Service,
    environment: Mapping[str, str],
    log: Path,
    *,
    until: float | None,
    lives: int = 0,
    fences: bool = False,
) -> Spec:
    """The service as its keeper gets it, with its environment resolved; `until` as Life, `lives` as Past has it."""
    told = service.restarts
    return Spec(
        name=service.name,
        argv=service.command,
        cwd=service.directory,
        env=environment,
        user=service.user,
        revision=revision(service),
        stop_signal=signal.Signals[f"SIG{service.stop_signal}"].value,
        stop_seconds=service.stop_seconds,
        log=str(log),
        log_bytes=service.output.bytes,
        log_files=service.output.files,
        compress=service.output.compress,
        restart=str(told.when),
        attempts=told.attempts,
        window=told.window,
        base=told.base,
        cap=told.cap,
        min_uptime=told.min_uptime,
        once=service.kind is Kind.STEP,
        until=until,
        lives=lives,
        fence_only=fences,
    )
