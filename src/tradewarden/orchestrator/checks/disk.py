"""Is there room where the desk writes, and for how long?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from tradewarden.orchestrator.checks.check import Verdict

LEAST: Final = 1 << 30  # bytes; with less, one lively day may fill it
LEAST_DAYS: Final = 2.0
MANY_DAYS: Final = 10  # whose fractions nobody wants to know
_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB")


class DiskCheck:
    """One directory: what is free there, and how many days it lasts when so much is written a day."""

    def __init__(self, what: str, directory: Path, bytes_a_day: float | None = None) -> None:
        self._what, self._directory, self._bytes_a_day = what, directory, bytes_a_day

    async def ask(self) -> Verdict:
        """Whether there is room; a directory that is not there yet is asked about by the next one above."""
        try:
            found = os.statvfs(there(self._directory))
        except OSError as trouble:
            return Verdict(good=False, text=f"{self._told} cannot be looked at: {trouble.strerror}")
        free = found.f_bavail * found.f_frsize
        text = f"{self._told} has {size(free)} free"
        days = None
        if self._bytes_a_day:
            days = free / self._bytes_a_day
            text += f", {days:,.{0 if days >= MANY_DAYS else 1}f} days at {size(self._bytes_a_day)} a day"
        if found.f_files and not found.f_favail:
            return Verdict(good=False, text=f"{self._told} takes no more files: delete some, there is no inode left")
        if free < LEAST or (days is not None and days < LEAST_DAYS):
            return Verdict(good=False, text=f"{text}: make room there, or choose another disk")
        return Verdict(good=True, text=text)

    def free(self) -> int:
        """Bytes that this user may still write there; 0 where nobody can tell."""
        try:
            found = os.statvfs(there(self._directory))
        except OSError:
            return 0
        return found.f_bavail * found.f_frsize

    @property
    def _told(self) -> str:
        return f"{self._directory} ({self._what})"


def size(count: float) -> str:
    """Bytes for a person."""
    for unit in _UNITS:
        if count < 1000 or unit == _UNITS[-1]:  # noqa: PLR2004 - as disks are sold
            break
        count /= 1000
    return f"{count:.3g} {unit}"


def there(directory: Path) -> Path:
    """The directory, or the next one above that is there already."""
    path = directory.absolute()
    while path != path.parent and not _exists(path):
        path = path.parent
    return path


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return False  # below a directory of somebody else
