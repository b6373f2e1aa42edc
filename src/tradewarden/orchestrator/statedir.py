"""The directory in which a daemon keeps what must outlive it: one daemon at a time, readable by nobody else."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LONGEST_SOCKET_PATH = 107  # the kernel's limit for the name of a Unix socket


class StateDirectoryTakenError(Exception):
    """Another daemon lives in this directory; the text says which."""


@contextmanager
def claim(path: Path) -> Iterator[None]:
    """Hold the directory for this process. Raises StateDirectoryTakenError while another daemon holds it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            raise StateDirectoryTakenError(
                f"{path} belongs to a running tradewarden (pid {holder}): stop that one, or set STATE_DIRECTORY."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def admin_token(path: Path, configured: str | None) -> str:
    """The configured admin token, or one of our own that is made once and kept beside the state."""
    if configured:
        return configured
    file = path / "admin_token"
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
    """Where the command line finds the daemon: in the runtime directory, else beside the state; none if too deep."""
    runtime = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    path = (Path(runtime) if runtime else state.absolute()) / "control.sock"
    return path if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH else None
