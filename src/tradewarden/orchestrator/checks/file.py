"""Is the file there that the service makes when it is ready?"""

from __future__ import annotations

import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from tradewarden.orchestrator.checks.check import Subject, Verdict

COARSE: Final = 0.05  # seconds by which a file's time may be behind the clock: it moves in steps of the system's tick


class FileCheck:
    """A file, directory or socket that was made or changed in the present life: an old one proves nothing."""

    def __init__(self, path: Path, started_at: Callable[[], datetime | None]) -> None:
        self._path, self._started_at = path, started_at

    @classmethod
    def of(cls, subject: Subject) -> Self:
        """A path; a relative one begins in the service's directory. Raises ValueError with what is allowed."""
        if not subject.target or "\0" in subject.target:
            raise ValueError("allowed is the path of a file")
        return cls(Path(subject.service.directory, subject.target).expanduser(), subject.started_at)

    async def ask(self) -> Verdict:
        """Whether it is there, and new."""
        started = self._started_at()
        if started is None:
            return Verdict(good=False, text="it does not run: its log says why")
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return Verdict(good=False, text=f"{self._path} is not there yet")
        except OSError as trouble:
            return Verdict(good=False, text=f"{self._path} cannot be looked at: {trouble.strerror}")
        changed = max(found.st_mtime, found.st_ctime)
        if changed < started.timestamp() - COARSE:
            when = f"{datetime.fromtimestamp(changed, UTC).astimezone(started.tzinfo):%Y-%m-%d %H:%M:%S}"
            kind = "socket" if stat.S_ISSOCK(found.st_mode) else "file"
            return Verdict(
                good=False,
                text=f"{self._path} is an old {kind}, of {when}: the service has to make it anew when it is ready",
            )
        return Verdict(good=True, text=f"{self._path} is there")
