"""How busy the machine is, for a daemon that may not look by itself."""

from __future__ import annotations

from tradewarden.orchestrator.keeping.figures import FiguresFile

_IDLE, _WAITING = 3, 4  # columns of the first line of /proc/stat


class Host:
    """The figures of the machine, in one small line that is overwritten again and again."""

    def __init__(self, path: str) -> None:
        self._file = FiguresFile(path)
        self._before = (0, 0)

    def tell(self, wall: float) -> None:
        """Look, and write it down; a machine that does not say costs the figures."""
        try:
            busy, total = _processors()
            size, used = _memory()
        except (OSError, ValueError, LookupError):
            return
        was_busy, was_total = self._before
        self._before = (busy, total)
        percent = 100 * (busy - was_busy) / (total - was_total) if was_total and total > was_total else 0.0
        self._file.write({"t": round(wall, 3), "percent": round(percent, 2), "used": used, "total": size})


def _processors() -> tuple[int, int]:
    with open("/proc/stat", "rb", buffering=0) as file:
        columns = [int(each) for each in file.read(512).split(b"\n")[0].split()[1:9]]
    total = sum(columns)
    return total - columns[_IDLE] - columns[_WAITING], total


def _memory() -> tuple[int, int]:
    with open("/proc/meminfo", "rb", buffering=0) as file:
        lines = file.read(512).decode().split("\n")
    facts = {name: 1024 * int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines[:3])}
    return facts["MemTotal"], facts["MemTotal"] - facts["MemAvailable"]
