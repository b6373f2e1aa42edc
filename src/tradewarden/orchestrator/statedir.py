"""The directory in which a daemon keeps what must outlive it: one daemon at a time, readable by nobody else."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tradewarden.feed.lock import HeldError, held
from tradewarden.machines.account import FEEDING

LONGEST_SOCKET_PATH = 107  # the kernel's limit for the name of a Unix socket


RUN = Path("/run/tradewarden")  # where the shipped unit's daemon has its control socket
SOCKET = "control.sock"
ADMIN_TOKEN = "admin_token"  # noqa: S105 - the name of a file


class StateDirectoryError(Exception):
    """Nothing can be kept in this directory; the text says why."""


class StateDirectoryTakenError(StateDirectoryError):
    """Another daemon lives in this directory; the text says which."""


@contextmanager
def claim(path: Path) -> Iterator[None]:
    """Hold the directory for this process.

    Raises StateDirectoryTakenError while another daemon holds it, StateDirectoryError when nothing can be kept in it.
    """
    with ExitStack() as stack:
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            stack.enter_context(held(path / "lock"))
        except HeldError as holder:
            raise StateDirectoryTakenError(
                f"{path} belongs to a running tradewarden (pid {holder}): stop that one, or set STATE_DIRECTORY."
            ) from None
        except OSError as trouble:
            raise StateDirectoryError(
                f"{path} cannot keep the daemon's state: {trouble.strerror}; set state_dir to a directory of this user."
            ) from None
        yield


def token_file(path: Path, account: str = FEEDING) -> Path:
    """Where the token of our own logins into an account is kept."""
    return path / ("token.json" if account == FEEDING else f"token-{account}.json")


def admin_token(path: Path, configured: str | None) -> str:
    """The configured admin token, or one of our own that is made once and kept beside the state."""
    if configured:
        return configured
    file = path / ADMIN_TOKEN
    try:
        kept = file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        kept = ""
    if kept:
        return kept
    made = secrets.token_urlsafe(32)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        out.write(made + "\n")
    return made


def control_socket(state: Path) -> Path | None:
    """Where a daemon listens for commands: in the runtime directory, else beside the state; none if too deep."""
    path = (_runtime() or state.absolute()) / SOCKET
    return path if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH else None


def find_socket(state: Path) -> Path | None:
    """Where a command finds the daemon of this state directory, which may run under systemd; none if nowhere.

    The first socket that is there, in the runtime directory, the shipped unit's or beside the state; if there is
    none, the first that this user may not look at.
    """
    places = [place / SOCKET for place in (_runtime(), RUN, state.absolute()) if place is not None]
    seen = [(place, _is_there(place)) for place in places if len(os.fsencode(place)) <= LONGEST_SOCKET_PATH]
    there = [place for place, is_there in seen if is_there]
    hidden = [place for place, is_there in seen if is_there is None]
    return next(iter(there + hidden), None)


def _runtime() -> Path | None:
    named = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    return Path(named) if named else None


def _is_there(path: Path) -> bool | None:
    """Whether the file exists; none when this user may not know."""
    try:
        return path.exists()
    except OSError:
        return None


def kept_admin_token(path: Path) -> str | None:
    """The admin token that a daemon made and kept here, for a command that may read it."""
    try:
        return (path / ADMIN_TOKEN).read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None
