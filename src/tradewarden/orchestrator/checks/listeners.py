"""Who listens on which port of this machine, as far as this user may know."""

from __future__ import annotations

import pwd
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LISTENING: Final = "0A"
LONGEST_COMMAND: Final = 80
SERVICE: Final = b"TRADEWARDEN_SERVICE="  # in the environment of each of the desk's programs
KEEPER: Final = b"TRADEWARDEN_KEEPER="

_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class Listener:
    """Who holds a port; what is not known, another user holds."""

    port: int
    user: str
    pid: int | None = None
    command: str = ""
    service: str | None = None  # which of a desk's programs it is
    keeper: str | None = None  # run directory and name of its keeper: of which desk

    def __str__(self) -> str:
        """For a person: `pid 4711 (influxd run)`."""
        if self.pid is None:
            return f"a program of user {self.user}"
        return f"pid {self.pid} ({self.command})"


def listeners(proc: Path = _PROC) -> dict[int, Listener]:
    """Every TCP port that somebody listens on, by its number; of several who share one, the first that is known."""
    sockets = {inode: (port, uid) for name in ("tcp", "tcp6") for inode, port, uid in _sockets(proc / "net" / name)}
    found = {port: Listener(port, _user(uid)) for port, uid in sockets.values()}
    for process in proc.iterdir():
        if process.name.isdecimal():
            for inode in _held(process, sockets):
                port, uid = sockets[inode]
                if found[port].pid is None:
                    found[port] = _known(process, port, _user(uid))
    return found


def _sockets(table: Path) -> Iterator[tuple[int, int, int]]:
    """Inode, port and user of each socket that listens."""
    try:
        lines = table.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return  # a machine without IPv6
    for line in lines:
        words = line.split()
        if len(words) > 9 and words[3] == LISTENING:  # noqa: PLR2004 - the columns of the kernel
            yield int(words[9]), int(words[1].rpartition(":")[2], 16), int(words[7])


def _held(process: Path, sockets: Mapping[int, object]) -> set[int]:
    """Which of these sockets a process has."""
    try:
        targets = {_target(entry) for entry in (process / "fd").iterdir()}
    except OSError:
        return set()  # it has ended, or it is another user's
    inodes = {int(target[8:-1]) for target in targets if target.startswith("socket:[")}
    return inodes.intersection(sockets)


def _target(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:
        return ""  # closed meanwhile


def _known(process: Path, port: int, user: str) -> Listener:
    words = _read(process / "cmdline").split(b"\0")
    command = b" ".join(words).decode(errors="replace").strip() or _read(process / "comm").decode().strip()
    marks = _read(process / "environ").split(b"\0")
    return Listener(
        port,
        user,
        int(process.name),
        command if len(command) <= LONGEST_COMMAND else command[:LONGEST_COMMAND] + " …",
        _marked(marks, SERVICE),
        _marked(marks, KEEPER),
    )


def _marked(marks: list[bytes], name: bytes) -> str | None:
    return next((mark.removeprefix(name).decode(errors="replace") for mark in marks if mark.startswith(name)), None)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
