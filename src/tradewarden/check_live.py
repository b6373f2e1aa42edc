"""What `tradewarden check --live` finds on this machine: servers, ports, docker, disks, keepers. Nothing is changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from tradewarden.check_command import Finding, fault, good
from tradewarden.check_ports import Ports, about_own_ports, about_ports, about_readiness, about_server
from tradewarden.check_room import about_directories, about_disks
from tradewarden.check_servers import servers
from tradewarden.machines.service import Kind
from tradewarden.orchestrator.checks.docker import DockerCheck
from tradewarden.orchestrator.checks.listeners import listeners
from tradewarden.orchestrator.keepers import Keepers, KeepersError

if TYPE_CHECKING:
    from tradewarden.settings import Settings


async def about_machine(settings: Settings) -> AsyncIterator[Finding]:
    """Every finding, in an order that stays; servers are asked together, each with a deadline of its own."""
    services = tuple(service for service in settings.programs if service.enabled)
    ports = Ports(await asyncio.to_thread(listeners), services, settings.run_dir)
    answers = await asyncio.gather(
        *(about_server(setting, check, ports) for setting, check in servers(settings)),
        *(about_readiness(service, ports) for service in services),
    )
    for finding in (*answers, *about_own_ports(settings, ports.taken), *about_ports(ports)):
        if finding is not None:
            yield finding
    groups = [f"services.{service.name}" for service in services if service.kind is Kind.CONTAINERS]
    if groups:
        verdict = await DockerCheck().ask()
        yield (good if verdict.good else fault)(f"{', '.join(groups)}: {verdict.text}")
    async for finding in about_disks(settings):
        yield finding
    for finding in about_directories(settings):
        yield finding
    if services:
        yield await _keepers(settings)


async def _keepers(settings: Settings) -> Finding:
    keepers = Keepers(settings.run_dir, settings.log_dir, now=partial(datetime.now, UTC), start_zygote=False)
    try:
        answers = await keepers.reachable()
    except KeepersError as trouble:
        return fault(str(trouble))
    kept = [service.name for service in settings.programs if keepers.held(service.name)]
    running = f" It keeps {', '.join(kept)}." if kept else ""
    if answers:
        return good(f"Keepers can be had in {settings.run_dir}.{running}")
    return good(f"Nobody starts keepers in {settings.run_dir} yet: the daemon does, or tradewarden-keepers.{running}")
