"""The desk's programs by themselves: who starts and keeps them, before the rest of the daemon is even loaded."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from tradewarden.machines.service import Place, Reference, Service
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.desk import DeskDriver
from tradewarden.orchestrator.facts import Untold
from tradewarden.orchestrator.keepers import Keepers
from tradewarden.orchestrator.outside import Outside
from tradewarden.orchestrator.reading import read_services
from tradewarden.orchestrator.service import Host
from tradewarden.orchestrator.wishes import FILE, Wishes

if TYPE_CHECKING:  # the daemon gets values, see settings_apart: what reads them costs 11 MB
    from tradewarden.orchestrator.driver import Spawn
    from tradewarden.orchestrator.launch import Launch
    from tradewarden.settings import Settings


def programs_of(settings: Settings, clock: Clock, spawn: Spawn, launch: Launch | None = None) -> DeskDriver:
    """Whoever starts, keeps and stops the desk's programs; market, tokens and flows are shown to it later."""
    keepers = Keepers(settings.run_dir, settings.log_dir, now=clock.now, start_zygote=starts_zygote(), ahead=launch)
    accounts = settings.every_account.values()
    host = Host(
        keepers=keepers,
        clock=clock,
        spawn=spawn,
        state=settings.state_dir,
        log_dir=settings.log_dir,
        flows=None,
        comes=frozenset(file for each in accounts for file in (*each.token_files, *each.export_files)),
        learned=_hide,
        phase_seconds=settings.desk.phase_seconds,
    )
    return DeskDriver(
        (*settings.programs, *settings.scheduled),
        host,
        Untold(clock),
        Wishes(settings.state_dir / FILE),
        partial(read_services, settings.file),
        begins=settings.desk.start,
        outside=Outside(settings.file).changed,
    )


def _hide(secret: str) -> None:
    from tradewarden.redaction import hide  # noqa: PLC0415 - its patterns take 3 ms, and few programs have a secret

    hide(secret)


def starts_zygote() -> bool:
    """Whether the daemon may: under systemd its own children end with it, so there the keepers have their own unit."""
    return "NOTIFY_SOCKET" not in os.environ


def wait_for_nothing(settings: Settings) -> bool:
    """Whether no program needs to know anything of market, tokens or flows, nor a file that the daemon still writes."""
    exports = any(account.export_files for account in settings.every_account.values())
    return not exports and not any(map(_waits, settings.programs))


def _waits(service: Service) -> bool:
    files = (value for value in service.environment.values() if isinstance(value, Reference))
    return (
        bool(service.conditions)
        or service.ready.kind == "rate"
        or any(reference.place is Place.FILE for reference in files)
    )
