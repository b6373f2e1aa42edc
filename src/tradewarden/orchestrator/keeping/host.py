"""How busy the machine is, for a daemon that may not look by itself."""

from __future__ import annotations

import os

from tradewarden.orchestrator.keeping.figures import FiguresFile

_IDLE, _WAITING = 3, 4  # columns of the first line of /proc/stat


class Host:
    """The figures of the machine, in one small line that is overwritten again and again."""

    def __init__(self, path: str) -> None:
        self._file = FiguresFile(path)
        self._processors, self._memory = _Source("/proc/stat"), _Source("/proc/meminfo")
        self._before = (0, 0)

    def tell(self, wall: float) -> None:
        """Look, and write it down; a machine that does not say costs the figures."""
        try:
            busy, total = _busy(self._processors.read())
            size, used = _used(self._memory.read())
        except (OSError, ValueError, LookupError):
            return
        was_busy, was_total = self._before
        self._before = (busy, total)
        percent = 100 * (busy - was_busy) / (total - was_total) if was_total and total > was_total else 0.0
        self._file.write(b'{"t": %.3f, "percent": %.2f, "used": %d, "total": %d}' % (wall, percent, used, size))


class _Source:
    """A file of the kernel's that stays open, and whose beginning is wanted."""

    def __init__(self, path: str) -> None:
        self._path, self._descriptor = path, -1

    def read(self) -> bytes:
        if self._descriptor < 0:
            self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        return os.pread(self._descriptor, 512, 0)


def _busy(text: bytes) -> tuple[int, int]:
    columns = [int(each) for each in text.partition(b"\n")[0].split()[1:9]]
    total = sum(columns)
    return total - columns[_IDLE] - columns[_WAITING], total


def _used(text: bytes) -> tuple[int, int]:
    facts = {line[0]: 1024 * int(line[1]) for each in text.split(b"\n", 3)[:3] if (line := each.split())}
    return facts[b"MemTotal:"], facts[b"MemTotal:"] - facts[b"MemAvailable:"]
