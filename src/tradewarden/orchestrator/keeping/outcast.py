"""Keepers whose files somebody deleted or moved: they live, and whoever looks into the directory does not see it.

Each still has its lock and its fifo open, so that it can be found and told to make them again.
"""

from __future__ import annotations

import os
import time

from tradewarden.orchestrator.keeping import badge

PATIENCE = 1.0  # seconds for all of them; one that hangs has no second keeper either, see the zygote
_AGAIN = 0.02
_FRESH = 0.1  # seconds for which a search counts: eleven services are asked for at once
_CALLED = b"kept "  # how every keeper's name among the processes begins
_WORD = b"look\n"
_DELETED = " (deleted)"  # as the kernel shows a file without a name


def outcasts(run_dir: str) -> dict[str, int]:
    """The services of this directory whose keepers live without their lock being there, and a pid of each keeper."""
    found: dict[str, int] = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or not _read(f"/proc/{entry}/comm").startswith(_CALLED):
            continue
        files = _open_files(int(entry))
        if not any(badge.is_worn(link, run_dir) for _, link in files):
            continue
        for descriptor, link in files:
            name = _name(link)
            if name.endswith(".lock") and not _is_there(descriptor, f"{run_dir}/{name}"):
                found.setdefault(name[:-5], int(entry))  # not what it has forked for a moment
    return found


class Search:
    """Looks for them before a keeper is made."""

    def __init__(self, run_dir: str) -> None:
        self._run_dir = run_dir
        self._known: set[str] = set()  # whose keepers were asked for before
        self._found: dict[str, int] = {}
        self._until = 0.0

    def spare(self, name: str) -> None:
        """Raises ValueError when a keeper of this service lives without its lock: a second one would end its program.

        It is told to make its lock again, so that whoever asks a moment later finds it.
        """
        is_known = name in self._known
        self._known.add(name)
        if os.path.lexists(f"{self._run_dir}/{name}.lock"):
            return
        now = time.monotonic()
        if is_known or now > self._until:
            self._found, self._until = outcasts(self._run_dir), now + _FRESH
        if name in self._found:
            call(self._found[name])
            raise ValueError(f"its keeper lives (pid {self._found[name]}), and makes its deleted files again")


def recall(run_dir: str) -> None:
    """Have all of them make their files again, before anybody takes their services to be without a keeper."""
    place, until = os.path.realpath(run_dir), time.monotonic() + PATIENCE
    while (found := outcasts(place)) and time.monotonic() < until:
        for pid in found.values():
            call(pid)
        time.sleep(_AGAIN)


def call(pid: int) -> None:
    """Have this keeper look after its files now, and not only at its next step."""
    for descriptor, link in _open_files(pid):
        if _name(link).endswith(".ctl"):
            try:
                control = os.open(descriptor, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError:
                continue  # it has left
            try:
                os.write(control, _WORD)
            except OSError:
                continue  # it hears nothing: it was stopped, or hangs
            finally:
                os.close(control)


def _open_files(pid: int) -> list[tuple[str, str]]:
    """Where each of its open files can be had, and what the kernel says of it."""
    found = []
    try:
        for entry in os.listdir(f"/proc/{pid}/fd"):
            place = f"/proc/{pid}/fd/{entry}"
            found.append((place, os.readlink(place)))
    except OSError:
        return []  # it has left, or is somebody else's
    return found


def _name(link: str) -> str:
    return os.path.basename(link).removesuffix(_DELETED)


def _is_there(descriptor: str, path: str) -> bool:
    """Whether the open file is the one of that name."""
    try:
        return os.path.samestat(os.stat(descriptor), os.stat(path))
    except OSError:
        return False


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
