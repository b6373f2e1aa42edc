"""Whether one service's keeper hears what it is told; one that does not cannot end its program, so it is ended itself.

A keeper reads its fifo at once, whatever its service does. Words that lie there unread mean that it was stopped, or
hangs at a disk; no other sign is needed, and figures that are old are only a reason to ask.
"""

from __future__ import annotations

import fcntl
import os
import stat
import struct
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tradewarden.early_log import Logger
from tradewarden.machines.deed import KILL

if TYPE_CHECKING:
    from tradewarden.orchestrator.keepers import Keepers

QUIET: Final = 10.0  # seconds without new figures, after which a keeper is asked whether it hears
DEAF: Final = 3.0  # seconds for which a word may lie unread
MARGIN: Final = 5.0  # seconds beyond the time that a stop gave
HURRY: Final = 2.0  # the same, after the last word that can be said
SILENT: Final = "its keeper does not answer"
ENDED: Final = "its keeper did not answer and was killed"

_KEEPER: Final = b"kept "  # how the name of each begins among the processes

log = Logger()


class Earshot:
    """One service's keeper, as far as it listens."""

    def __init__(self, keepers: Keepers, name: str) -> None:
        self.reason: str | None = None  # what there is to tell about it
        self._keepers, self._name = keepers, name
        fifo, figures, lock = (keepers.run_dir / f"{name}.{kind}" for kind in ("ctl", "figures", "lock"))
        self._fifo, self._figures, self._lock = str(fifo), figures, lock
        self._unread_since: float | None = None
        self._end_by: float | None = None  # when it must have obeyed
        self._is_urgent = False

    @property
    def is_silent(self) -> bool:
        """Whether it hears nothing at present."""
        return self.reason == SILENT

    def told(self, line: str, now: float) -> None:
        """What it has been told: a stop has to be obeyed in its time."""
        match line.split():
            case ["stop", _, seconds]:
                self._is_urgent = self._is_urgent or line == KILL
                by = now + (HURRY if line == KILL else float(seconds) + MARGIN)
                self._end_by = by if self._end_by is None else min(by, self._end_by)
            case _:
                pass

    def look(self, *, held: bool, pid: int | None, runs: bool, now: float) -> bool:
        """See whether `pid`, which keeps it if `held`, still listens, and end it if it should have obeyed long ago.

        Whether there is something else to tell; `runs`: its figures should be new.
        """
        before = self.reason
        if held and not self.is_heard():
            self._unread_since = now if self._unread_since is None else self._unread_since
            if now - self._unread_since >= DEAF:
                self._act(pid, now)
        else:
            self._unread_since = self._end_by = None
            self._is_urgent = self._is_urgent and not held
            if self.is_silent or runs:
                self.reason = None
            if held and runs and self._is_quiet():
                self._keepers.command(self._name, "look")
        return self.reason != before

    def is_heard(self) -> bool:
        """Whether nothing that was said lies unread."""
        return not _unread(self._fifo)

    def hurries(self) -> bool:
        """Whether what it leaves behind has had its time; asked once."""
        hurries, self._is_urgent = self._is_urgent, False
        return hurries

    def _act(self, pid: int | None, now: float) -> None:
        if self.reason is None:
            self.reason = SILENT
            log.warning("service.keeper_silent", service=self._name, pid=pid)
        if self._end_by is None or now < self._end_by or pid is None:
            return
        self._end_by = now + MARGIN  # one that hangs in the kernel ends later
        if self.end(pid):
            self.reason = ENDED
            log.warning("service.keeper_killed", service=self._name, pid=pid)

    def end(self, pid: int) -> bool:
        """Kill this process if it is the keeper: nobody else holds the lock's file open under such a name."""
        from tradewarden.orchestrator.keeping import family, signals  # noqa: PLC0415 - for a thing that hardly happens

        process = family.pin(pid)
        if process is None:
            return False
        try:
            return self._is_keeper(pid) and process.signal(signals.SIGKILL)
        finally:
            process.close()

    def _is_keeper(self, pid: int) -> bool:
        try:
            lock, place = self._lock.stat(), Path(f"/proc/{pid}")
            if not (place / "comm").read_bytes().startswith(_KEEPER):
                return False
            return any(os.path.samestat(each.stat(), lock) for each in (place / "fd").iterdir())
        except OSError:
            return False  # it has left, or is somebody else's

    def _is_quiet(self) -> bool:
        try:
            return time.time() - self._figures.stat().st_mtime > QUIET
        except OSError:
            return True


def _unread(fifo: str) -> int:
    """How many bytes wait there for whoever should read them; none when nobody has it open."""
    try:
        writing = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return 0
    try:
        if not stat.S_ISFIFO(os.fstat(writing).st_mode):
            return 0
        count: int = struct.unpack("i", fcntl.ioctl(writing, termios.FIONREAD, bytes(4)))[0]
    except OSError:
        return 0
    finally:
        os.close(writing)
    return count
