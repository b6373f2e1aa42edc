"""The desk's door on this machine: taken before anything is started, opened when all is there to answer."""

from __future__ import annotations

import os
import socket
from pathlib import Path

BACKLOG = 128  # who knocks before the daemon answers waits in here


class CannotListenError(OSError):
    """The desk's door cannot be opened; the text says which, why and what to do."""


def listeners(host: str, port: int) -> list[socket.socket]:
    """A socket for each address of the host; port 0 takes any free one. Raises CannotListenError."""
    taken: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            taken.append(socket.socket(family, kind, protocol))
            _take(taken[-1], address, port or _port_of(taken[0]))
    except OSError as trouble:
        for each in taken:
            each.close()
        reason = os.strerror(trouble.errno) if trouble.errno and trouble.errno > 0 else str(trouble)
        raise CannotListenError(
            f"cannot listen at {host}:{port}: {reason}; stop the program that does, or set http.port."
        ) from None
    return taken


def command_listener(path: Path) -> socket.socket:
    """A Unix socket that only its owner may open; the mask closes the gap between bind and chmod.

    Raises CannotListenError.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        path.unlink(missing_ok=True)  # one daemon per state directory, so a socket that lies there is a dead one's
        listener.bind(str(path))
        listener.listen(BACKLOG)
    except OSError as trouble:
        listener.close()
        raise CannotListenError(
            f"cannot listen for commands at {path}: {trouble.strerror or trouble}; "
            "remove what is there, or set state_dir (or RUNTIME_DIRECTORY)."
        ) from None
    finally:
        os.umask(mask)
    return listener


def _port_of(first: socket.socket) -> int:
    """What the system chose for the first address, for the others too; 0 before it has."""
    return int(first.getsockname()[1])


def _take(door: socket.socket, address: tuple[object, ...], port: int) -> None:
    door.setblocking(False)  # noqa: FBT003 - it takes no keyword
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if door.family == socket.AF_INET6:
        door.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    door.bind((address[0], port, *address[2:]))
    door.listen(BACKLOG)
