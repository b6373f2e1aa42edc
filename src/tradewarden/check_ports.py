"""Who has the ports that the desk and its programs want, and whether the servers that they wait for are up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tradewarden.check_command import Finding, fault, good, own_ports, warning
from tradewarden.machines.service import Kind, Service
from tradewarden.orchestrator.checks.check import ServerCheck
from tradewarden.orchestrator.checks.listeners import Listener
from tradewarden.orchestrator.checks.registry import server_of

if TYPE_CHECKING:
    from tradewarden.settings import Settings

DOCKER: Final = "docker-proxy"  # who listens for containers
OUTGOING: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of this machine that somebody listens on, seen from one desk."""

    taken: Mapping[int, Listener]
    services: tuple[Service, ...]
    run_dir: Path

    def provider(self, check: ServerCheck) -> Service | None:
        """The program of this desk that is the server in question, whether it runs or not."""
        if not check.address.is_here:
            return None
        return next((each for each in self.services if check.address.port in _listens_on(each)), None)

    def runs(self, service: Service, port: int) -> bool:
        """Whether this program has that port already, as far as this user may know."""
        listener = self.taken.get(port)
        if listener is None:
            return False
        is_docker = service.kind is Kind.CONTAINERS and DOCKER in listener.command
        return is_docker or listener.keeper == str(self.run_dir / service.name)


async def about_server(setting: str, check: ServerCheck, ports: Ports) -> Finding:
    """A store's server: it answers, or a program of this desk will be it, or somebody has to act."""
    provider = ports.provider(check)
    if provider is not None and check.address.port not in ports.taken:
        return good(f"{setting}: nothing answers at {check.address} yet; services.{provider.name} will.")
    verdict = await check.ask()
    return good(f"{setting}: {verdict.text}") if verdict.good else fault(f"{setting}: {verdict.text}")


async def about_readiness(service: Service, ports: Ports) -> Finding | None:
    """The server by which a program is known to be ready; nothing where `about_ports` says it all."""
    check, name = server_of(service.ready), f"services.{service.name}"
    if check is None:
        return None
    port = check.address.port
    if not check.address.is_here:
        verdict = await check.ask()
        return (good if verdict.good else warning)(f"{name} is ready by another machine: {verdict.text}")
    if ports.runs(service, port):
        verdict = await check.ask()
        return (good if verdict.good else fault)(f"{name} runs: {verdict.text}")
    if port in service.ports:
        return None
    if port not in ports.taken:
        return good(f"{name}: nothing answers at {check.address} yet, as long as it does not run.")
    return warning(
        f"{name} counts as ready once {check.address} answers, and {ports.taken[port]} answers there already: "
        "end that one if the service is to be it."
    )


def about_ports(ports: Ports) -> Iterator[Finding]:
    """Each port that a program of the desk listens on."""
    outgoing = _outgoing()
    for service in ports.services:
        for port in service.ports:
            name = f"services.{service.name}"
            listener = ports.taken.get(port)
            if listener is None:
                yield good(f"{name}: port {port} is free.")
            elif not ports.runs(service, port):
                yield _taken(name, listener, ports)
            if port in outgoing:
                yield warning(
                    f"{name}: port {port} is one of those that this machine takes for outgoing connections "
                    f"({outgoing.start} to {outgoing.stop - 1}), so it will be taken now and then: choose a lower one."
                )


def about_own_ports(settings: Settings, taken: Mapping[int, Listener]) -> Iterator[Finding]:
    """The ports of the desk itself."""
    daemon = _daemon(settings.state_dir)
    for port, setting in own_ports(settings).items():
        listener = taken.get(port)
        if listener is None:
            yield good(f"{setting}: port {port} is free.")
        elif listener.pid is None:
            yield warning(f"{setting}: port {port} is taken by {listener}: good if that is this desk's daemon.")
        elif listener.pid == daemon:
            yield good(f"{setting}: port {port} is the running daemon's ({daemon}).")
        else:
            yield fault(f"{setting}: port {port} is taken by {listener}: end it, or set {setting}.")


def _taken(name: str, listener: Listener, ports: Ports) -> Finding:
    port = listener.port
    if listener.pid is None:
        return warning(f"{name}: port {port} is taken by {listener}: good if that is the service, else end it.")
    whose = ""
    if listener.service is not None:
        ours = Path(listener.keeper or "/").parent == ports.run_dir
        whose = f", which is services.{listener.service} of {'this' if ours else 'another'} desk"
    return fault(f"{name}: port {port} is taken by {listener}{whose}: end it, or let one of them use another port.")


def _listens_on(service: Service) -> Iterable[int]:
    check = server_of(service.ready)
    return service.ports if check is None or not check.address.is_here else {*service.ports, check.address.port}


def _daemon(state: Path) -> int | None:
    """The pid of the daemon that holds the state directory, or held it last."""
    try:
        return int((state / "lock").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _outgoing() -> range:
    try:
        first, last = OUTGOING.read_text(encoding="ascii").split()
        return range(int(first), int(last) + 1)
    except (OSError, ValueError):
        return range(0)
