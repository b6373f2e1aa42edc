"""What `tradewarden check` finds in good settings: how the desk starts, what cannot work, what will surprise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tradewarden.machines.condition import Flows, InMarket, TokenValid, parse
from tradewarden.machines.plan import plan
from tradewarden.machines.service import Kind, Service

if TYPE_CHECKING:
    from tradewarden.settings import Settings

_INTERPRETERS: Final = ("python", "python3", "bash", "sh", "node", "perl", "ruby")
_SCRIPTS: Final = (".py", ".sh", ".js", ".pl", ".rb")
_LIBRARIES: Final = {"mysql": "asyncmy"}  # without which a flow cannot be measured


class Grade(Enum):
    """How bad a finding is."""

    GOOD = "good"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about the desk."""

    grade: Grade
    text: str


def good(text: str) -> Finding:
    """As it should be."""
    return Finding(Grade.GOOD, _sentence(text))


def warning(text: str) -> Finding:
    """It works, and will surprise somebody."""
    return Finding(Grade.WARNING, _sentence(text))


def fault(text: str) -> Finding:
    """It cannot work."""
    return Finding(Grade.FAULT, _sentence(text))


def _sentence(text: str) -> str:
    """The text with one full stop, unless it ends otherwise."""
    return text if text.endswith((".", "?", "!")) else f"{text}."


def is_good(findings: Iterable[Finding]) -> bool:
    """Whether nothing is a fault."""
    return all(finding.grade is not Grade.FAULT for finding in findings)


def about_desk(settings: Settings) -> Iterator[Finding]:
    """What the settings say of the desk's programs together with everything else; nobody is asked."""
    services = [service for service in settings.programs if service.enabled]
    for service in (*services, *(job for job in settings.scheduled if job.enabled)):
        yield from _about_conditions(service, settings)
        yield from _about_script(service)
    for service in services:
        yield from _about_ports(service, settings)
        if service.stop_seconds > settings.desk.phase_seconds:
            yield warning(
                f"services.{service.name}.stop.seconds is {service.stop_seconds:g}, but a phase has "
                f"{settings.desk.phase_seconds:g} s to stop and is killed then: raise desk.phase_seconds."
            )
    if services:
        yield _order(services, len(settings.programs) - len(services))


def own_ports(settings: Settings) -> dict[int, str]:
    """The ports that the desk itself listens on, each with its setting."""
    ports = {settings.http.port: "http.port"} if settings.http.port else {}
    zmq = settings.sinks.zmq
    if zmq.enabled:
        ports[zmq.port] = "sinks.zmq.port"
        if zmq.json_ticks:
            ports |= {zmq.tick_port: "sinks.zmq.tick_port", zmq.depth_port: "sinks.zmq.depth_port"}
    return ports


def _order(services: list[Service], left: int) -> Finding:
    phases = plan(services).phases
    told = "; ".join(f"{number}: {', '.join(names)}" for number, names in enumerate(phases, 1))
    besides = "" if not left else f" {left} {'is' if left == 1 else 'are'} disabled."
    return good(f"A start has {len(phases)} {'phase' if len(phases) == 1 else 'phases'}: {told}.{besides}")


def _about_ports(service: Service, settings: Settings) -> Iterator[Finding]:
    ours = own_ports(settings)
    for port in service.ports:
        if port in ours:
            yield fault(
                f"services.{service.name} wants port {port}, which is {ours[port]}: choose another for one of them."
            )


def _about_conditions(service: Service, settings: Settings) -> Iterator[Finding]:
    for text in service.conditions:
        match parse(text):
            case InMarket(segment) if segment is not None and segment not in settings.segments:
                known = ", ".join(settings.segments)
                yield _never(service, text, f"this desk does not follow {segment}: add it to segments ({known})")
            case TokenValid(account) if account not in settings.every_account:
                known = ", ".join(settings.every_account)
                yield _never(service, text, f"there is no account {account!r}; known are {known}")
            case TokenValid() if settings.feed.source != "kite":
                yield _never(service, text, f'a desk with feed.source = "{settings.feed.source}" has no token')
            case Flows(source):
                yield from _about_flow(service, text, source, settings)
            case _:
                pass
    if service.ready.kind == "rate":
        yield from _about_flow(service, f"ready.rate = {service.ready.target}", service.ready.target, settings)


def _about_flow(service: Service, text: str, source: str, settings: Settings) -> Iterator[Finding]:
    kind = source.partition(":")[0]
    library = _LIBRARIES.get(kind)
    if kind == "journal" and not settings.journal.record:
        yield _never(service, text, "journal.record is false, so there is no journal")
    elif library is not None and find_spec(library) is None:
        yield _never(service, text, f"it needs a package: pip install 'tradewarden[{kind}]'")


def _never(service: Service, text: str, why: str) -> Finding:
    return fault(f"services.{service.name} would wait for ever for `{text}`: {why}.")


def _about_script(service: Service) -> Iterator[Finding]:
    """A program that is there, but not what it is told to run."""
    program, *arguments = service.command
    first = next((word for word in arguments if not word.startswith("-")), "")
    is_script = Path(program).name.startswith(_INTERPRETERS) and first.endswith(_SCRIPTS)
    if service.kind is Kind.CONTAINERS or not is_script or {"-c", "-m"}.intersection(arguments[:1]):
        return
    path = Path(service.directory, first)
    if not path.is_file():
        yield fault(f"services.{service.name}.command runs {first!r}, but there is no file {path}.")
