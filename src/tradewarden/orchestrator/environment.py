"""The environment that a service gets: each value found at its place, at the moment that a keeper is asked for."""

from __future__ import annotations

import os
import pwd
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from tradewarden.machines.service import Place, Reference, Service

SECRETS: Final = "secrets"  # in the state directory: a file a secret, where there is no systemd
HANDED_ON: Final = (  # of the daemon's own environment: where things are and how they are spoken to, never a secret
    "DOCKER_CONFIG",
    "DOCKER_HOST",
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "LOGNAME",
    "SHELL",
    "TMPDIR",
    "TZ",
    "USER",
    "XDG_RUNTIME_DIR",
)
OF_A_PERSON: Final = ("DOCKER_CONFIG", "HOME", "LOGNAME", "SHELL", "TMPDIR", "USER", "XDG_RUNTIME_DIR")
LIKE_A_SECRET: Final = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|CREDENTIAL", re.IGNORECASE)


class UnresolvedError(Exception):
    """A value of the environment that cannot be found; the text says which, where it was looked for, what to do."""

    def __init__(self, text: str, file: Path | None = None) -> None:
        super().__init__(text)
        self.file = file  # that cannot be read


def spoken_path() -> str:
    """The PATH of a service: programs that were installed beside tradewarden come first."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH") or os.defpath])


def secret_file(name: str, state: Path) -> Path | None:
    """The file of a secret: a credential of systemd, or one in the state directory; none if there is neither."""
    named = os.environ.get("CREDENTIALS_DIRECTORY")
    places = [Path(named) / name] if named else []
    return next((each for each in (*places, state / SECRETS / name) if _is_file(each)), None)


def _is_file(path: Path) -> bool:
    """A name that is too long, or in a directory that is closed to the daemon, is that of none."""
    try:
        return path.is_file()
    except OSError:
        return False


def environment_of(service: Service, state: Path, learned: Callable[[str], None]) -> dict[str, str]:
    """All variables that the service gets. Raises UnresolvedError."""
    # Python keeps what it prints to itself when nobody sits at a terminal: a log that is minutes late helps no one.
    found = {"PATH": spoken_path(), "PYTHONUNBUFFERED": "1"}
    found |= {name: os.environ[name] for name in HANDED_ON if name in os.environ}
    if service.user is not None:
        found = {name: value for name, value in found.items() if name not in OF_A_PERSON} | _person(service.user)
    for name, value in service.environment.items():
        match value:
            case Reference():
                found[name] = _resolved(name, value, state)
                learned(found[name])
            case _:
                found[name] = value
                if LIKE_A_SECRET.search(name):  # it stands in the file, where it should not; no log needs it too
                    learned(value)
    return found


def missing(service: Service, state: Path) -> str | None:
    """Which variable of the service cannot be found at this moment, and why; none when all can."""
    try:
        environment_of(service, state, lambda _: None)
    except UnresolvedError as trouble:
        return str(trouble)
    return None


def learn_secrets(service: Service, state: Path, learned: Callable[[str], None]) -> None:
    """What its log may show of what an earlier daemon gave it; a value that is not found is told when it starts."""
    for name, value in service.environment.items():
        if isinstance(value, Reference):
            with suppress(UnresolvedError):
                learned(_resolved(name, value, state))
        elif LIKE_A_SECRET.search(name):
            learned(value)


def _person(user: str) -> dict[str, str]:
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise UnresolvedError(
            f"its user {user!r} is not known to this machine; make that user, or set another"
        ) from None
    return {"HOME": entry.pw_dir, "LOGNAME": user, "USER": user, "SHELL": entry.pw_shell}


def _resolved(variable: str, told: Reference, state: Path) -> str:
    match told.place:
        case Place.ENV:
            if told.name not in os.environ:
                raise UnresolvedError(f"{variable} wants the variable {told.name}, which the daemon does not have")
            return os.environ[told.name]
        case Place.SECRET:
            file = secret_file(told.name, state)
            if file is None:
                where = f"$CREDENTIALS_DIRECTORY nor in {state / SECRETS}"
                raise UnresolvedError(f"{variable} wants the secret {told.name!r}, which is neither in {where}")
        case Place.FILE:
            file = Path(told.name).expanduser()
    try:
        text = file.read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as trouble:
        why = getattr(trouble, "strerror", None) or "it is not UTF-8 text"
        raise UnresolvedError(f"{variable} wants the file {file}, which cannot be read: {why}", file) from None
    if "\0" in text:
        raise UnresolvedError(f"{variable} wants the file {file}, which holds a zero byte; it must be text")
    return text
