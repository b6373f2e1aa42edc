"""What of this machine settings were checked against, and whether it is still so."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, assert_never

from tradewarden.machines.service import Kind, Service
from tradewarden.orchestrator.environment import spoken_path

if TYPE_CHECKING:
    from tradewarden.settings import Settings

OWN_CALENDARS = "calendar.d"  # in the state directory

COARSE = 100_000_000  # nanoseconds: more than a file system's clock is behind

What = Literal["directory", "file", "program", "same", "leads"]
Witness = tuple[What, str, object]


class UnwitnessedError(Exception):
    """Something was checked that cannot be seen again at a glance."""


def witnesses(settings: Settings, began: int) -> tuple[Witness, ...]:
    """All that must still be so; the settings have been read since `began`, in nanoseconds.

    Raises UnwitnessedError where that cannot be told in a few looks, and for a file that was written to meanwhile:
    nobody knows which half of it was read.
    """
    services = (*settings.programs, *settings.scheduled)
    if settings.feed.source != "kite" or any(each.user is not None for each in services):
        raise UnwitnessedError
    found = (*_of_files(settings), *(each for service in services for each in _of_service(service)))
    if any(sign[2] > began - COARSE for what, _, sign in found if what == "same" and isinstance(sign, tuple)):
        raise UnwitnessedError
    return found


def hold(told: tuple[Witness, ...]) -> bool:
    """Whether everything is as it was."""
    return all(_holds(*witness) for witness in told)


def _of_files(settings: Settings) -> Iterator[Witness]:
    for name in (*settings.feed.rules, str(settings.state_dir / OWN_CALENDARS)):
        path = str(Path(name).expanduser())
        yield "same", path, _sign(path)
    own = settings.state_dir / OWN_CALENDARS
    for file in sorted(own.iterdir()) if own.is_dir() else ():
        yield "same", str(file), _sign(str(file))
    for account in settings.every_account.values():
        for file in (*account.token_files, *account.export_files):
            yield "leads", str(file), os.path.realpath(file)


def _of_service(service: Service) -> Iterator[Witness]:
    yield "directory", service.directory, None
    if service.kind is Kind.CONTAINERS:
        yield "file", service.command[3], None
    program, given = service.command[0], service.environment.get("PATH")
    if "/" in program:
        yield "program", str(Path(service.directory) / program), None
        return
    import shutil  # noqa: PLC0415 - a start that finds its settings kept has no use for it

    found = shutil.which(program, path=given if isinstance(given, str) else spoken_path())
    if found is None:
        raise UnwitnessedError
    yield "program", found, None


def _holds(kind: What, path: str, value: object) -> bool:
    match kind:
        case "directory":
            return Path(path).is_dir()
        case "file":
            return Path(path).is_file()
        case "program":
            return Path(path).is_file() and os.access(path, os.X_OK)
        case "same":
            return _sign(path) == value
        case "leads":
            return os.path.realpath(path) == value
        case _:
            assert_never(kind)


def _sign(path: str) -> tuple[int, int, int, int] | None:
    """Another one after each change; none while there is nothing."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    size = 0 if stat.S_ISDIR(status.st_mode) else status.st_size
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns, size
