"""The tables of the desk's programs as services, and what no single table can know of its neighbours and the host."""

from __future__ import annotations

import os
import pwd
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tradewarden.machines.plan import problems
from tradewarden.machines.service import Again, Kind, Output, Place, Ready, Reference, Restarts, Service, Tier
from tradewarden.orchestrator.checks.registry import problem
from tradewarden.orchestrator.environment import LIKE_A_SECRET, SECRETS, secret_file, spoken_path
from tradewarden.settings_services import RATE, DeskSettings, ReadySettings, RestartSettings, ServiceSettings
from tradewarden.settings_sources import Sources

FEW, USUAL = 3, 5  # attempts within the window
MEGABYTE = 1_000_000
SOCKET = "zygote.sock"  # of the keepers, in their directory
AT_ONCE = 0.1  # seconds after which a program that says nothing of itself is taken for one that runs

Tables = Mapping[str, ServiceSettings]


def keepers_directory(desk: DeskSettings, state: Path) -> Path:
    """Where the keepers have their files."""
    return (desk.run_dir or state / "keepers").absolute()


def log_directory(desk: DeskSettings, state: Path) -> Path:
    """Where the services' words go."""
    return (desk.log_dir or state / "logs").absolute()


def services_of(tables: Tables, file: Path | None) -> tuple[Service, ...]:
    """Each table as a service, but for the jobs; relative paths begin where the file lies."""
    base = base_of(file)
    return tuple(service_of(name, table, base) for name, table in tables.items() if table.kind is not Kind.JOB)


def base_of(file: Path | None) -> Path:
    """Where relative paths begin."""
    return (Path() if file is None else file.parent).resolve()


def service_of(name: str, table: ServiceSettings, base: Path) -> Service:
    """One table as a service."""
    directory = base if table.directory is None else base / table.directory
    ready = _ready(table)
    return Service(
        name=name,
        command=tuple(table.command) if table.kind is not Kind.CONTAINERS else _compose(name, table, directory),
        description=table.description,
        enabled=table.enabled,
        kind=table.kind,
        tier=table.tier,
        directory=str(directory),
        environment=MappingProxyType(dict(table.environment)),
        user=table.user,
        needs=tuple(table.needs),
        ready=ready,
        restarts=_restarts(table.restarts, table.kind, table.tier),
        stop_signal=table.stop.signal,
        stop_seconds=table.stop.seconds,
        output=Output(bytes=int(table.log.megabytes * MEGABYTE), files=table.log.files, compress=table.log.compress),
        conditions=tuple(table.conditions),
        on_token=table.on_token,
        token_signal=table.token_signal,
        ports=tuple(dict.fromkeys((*table.ports, *_own_ports(ready, table.kind)))),
    )


def _compose(name: str, table: ServiceSettings, directory: Path) -> tuple[str, ...]:
    file = directory / (table.compose or "compose.yaml")
    return ("docker", "compose", "-f", str(file), "-p", name.lower(), "up")


def _ready(table: ServiceSettings) -> Ready:
    told = table.ready
    match told.ways():
        case ["rate"] if (found := RATE.fullmatch(told.rate or "")) is not None:
            return Ready(kind="rate", target=found["source"], at_least=float(found["least"]), within=told.within)
        case ["process"]:
            return Ready(kind="process", target=f"{told.process:g}", within=told.within)
        case [kind]:
            return Ready(kind=kind, target=str(getattr(told, kind)), within=told.within)
        case _:
            return _unsaid(table.kind, told)


def _unsaid(kind: Kind, told: ReadySettings) -> Ready:
    if kind is Kind.STEP:
        return Ready(kind="exit", target="0", within=told.within)
    return Ready(kind="process", target=f"{AT_ONCE:g}", within=told.within)


def _restarts(told: RestartSettings, kind: Kind, tier: Tier) -> Restarts:
    few = kind is Kind.STEP or tier in (Tier.OPTIONAL, Tier.UTILITY)
    return Restarts(
        when=told.when or (Again.FAILURE if kind is Kind.STEP else Again.ALWAYS),
        attempts=told.attempts or (FEW if few else USUAL),
        window=told.window,
        base=told.base,
        cap=told.cap,
        min_uptime=told.min_uptime,
    )


def _own_ports(ready: Ready, kind: Kind) -> tuple[int, ...]:
    """A program that is ready once a port of this machine answers, listens on it."""
    found = re.fullmatch(r"(?:(?:127\.0\.0\.1|localhost|):)?(\d+)", ready.target) if ready.kind == "port" else None
    return () if found is None or kind is Kind.STEP else (int(found[1]),)


def secrets_of(file: Mapping[str, Any]) -> frozenset[str]:
    """Which secrets the services and people of a file ask for, whatever else is wrong with it; a trader's own too."""
    people = file.get("people")
    found = frozenset((*_secrets_in(file.get("services")), *_secrets_in(people)))
    traders = people if isinstance(people, dict) else ()
    return found | {f"{trader}.{secret}" for trader in traders for secret in found}


def _secrets_in(tables: object) -> Iterator[str]:
    for table in tables.values() if isinstance(tables, dict) else ():
        told = table.get("environment") if isinstance(table, dict) else None
        for value in told.values() if isinstance(told, dict) else ():
            if isinstance(value, dict) and "secret" in value:
                yield str(value["secret"])


def about_services(services: tuple[Service, ...], sources: Sources, run_dir: Path) -> Iterator[str]:
    """What is wrong with the programs, one sentence a problem."""
    yield from about_each(services, sources, run_dir)
    if services:
        where = sources.origin(("services",))
        yield from (f"{where}: {fault}." for fault in problems(services))


def about_each(services: Sequence[Service], sources: Sources, run_dir: Path) -> Iterator[str]:
    """What is wrong with each by itself: its command, its directory, its user."""
    for service in services:
        where = sources.origin(("services", service.name))
        for fault in _faults(service, run_dir):
            yield f"{where}: services.{service.name}{fault}"


def _faults(service: Service, run_dir: Path) -> Iterator[str]:
    directory = Path(service.directory)
    if not directory.is_dir():
        yield f".directory = {service.directory!r} is no directory."
    else:
        yield from _about_command(service, directory)
    if (wrong := problem(service.ready)) is not None:
        value = "" if "@" in service.ready.target else f" = {service.ready.target!r}"  # there may be a password in it
        yield f".ready.{service.ready.kind}{value}: {wrong}."
    if service.user is not None:
        yield from _about_user(service.user, run_dir)


def _about_command(service: Service, directory: Path) -> Iterator[str]:
    program = service.command[0]
    if service.kind is Kind.CONTAINERS and not Path(service.command[3]).is_file():
        yield f".compose = {service.command[3]!r} is no file."
    if "/" in program:
        path = directory / program
        if not path.is_file():
            yield f".command begins with {program!r}, but there is no file {path}."
        elif not os.access(path, os.X_OK):
            yield f".command begins with {program!r}, which may not be executed: chmod +x {path}."
        return
    given = service.environment.get("PATH")
    path_of_it = given if isinstance(given, str) else spoken_path()
    if shutil.which(program, path=path_of_it) is None:
        hint = "install docker" if service.kind is Kind.CONTAINERS else "install it, or name its path"
        yield f".command begins with {program!r}, which is in no directory of PATH: {hint}."


def _about_user(user: str, run_dir: Path) -> Iterator[str]:
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        yield f".user = {user!r}: this machine knows no such user."
        return
    if entry.pw_uid != os.geteuid() and not _are_root(run_dir):
        yield f".user = {user!r} is allowed only where the keepers run as root; see the keepers' unit in deploy."


def _are_root(run_dir: Path) -> bool:
    """Whether the keepers, as far as can be seen, run as root: theirs is the socket in their directory."""
    try:
        return (run_dir / SOCKET).stat().st_uid == 0
    except OSError:
        return os.geteuid() == 0


def remarks(services: tuple[Service, ...], state: Path) -> Iterator[str]:
    """What works but will surprise somebody, one sentence each."""
    for service in services:
        for name, value in service.environment.items():
            setting = f"services.{service.name}.environment.{name}"
            match value:
                case str() if value and LIKE_A_SECRET.search(name):
                    yield f'{setting} looks like a secret and stands in the file: name it, {{secret = "..."}}.'
                case Reference(Place.SECRET, secret) if secret_file(secret, state) is None:
                    place = state / SECRETS
                    yield f"{setting} wants the secret {secret!r}, neither a credential nor in {place} yet."
                case Reference(Place.FILE, file) if not Path(file).expanduser().is_file():
                    yield f"{setting} wants the file {file}, which is not there yet."
                case Reference(Place.ENV, variable) if variable not in os.environ:
                    yield f"{setting} wants the variable {variable}, which is not set here."
                case _:
                    pass
