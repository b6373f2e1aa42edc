"""What `tradewarden check --live` finds on this machine: servers, ports, docker, disks, keepers. Nothing is changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from tradewarden.check_command import Finding, fault, good, warning
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
    keepers = Keepers(settings.run_dir, settings.log_dir, now=partial(datetime.now, UTC), start_zygote=False)
    if services:
        yield await _about_keepers(settings, keepers)
    for finding in _about_strays(settings, keepers):
        yield finding


async def _about_keepers(settings: Settings, keepers: Keepers) -> Finding:
    try:
        answers = await keepers.reachable()
    except KeepersError as trouble:
        return fault(str(trouble))
    kept = [service.name for service in settings.programs if keepers.held(service.name)]
    running = f" It keeps {', '.join(kept)}." if kept else ""
    if answers:
        return good(f"Keepers can be had in {settings.run_dir}.{running}")
    return good(f"Nobody starts keepers in {settings.run_dir} yet: the daemon does, or tradewarden-keepers.{running}")


def _about_strays(settings: Settings, keepers: Keepers) -> Iterator[Finding]:
    """What runs here under a name that the settings do not know any more."""
    known = {service.name for service in settings.programs}
    for name in keepers.names():
        if name not in known and keepers.held(name):
            yield warning(
                f"{name} runs under a keeper of this desk, but no service is called so: was it renamed or taken out? "
                f"`tradewarden stop {name}` ends it."
            )
