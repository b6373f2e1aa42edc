"""The facts of the machine that a figure depends on; nothing that says whose machine it is."""

from __future__ import annotations

import os
import platform
import re
import time
from dataclasses import dataclass
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def facts() -> dict[str, str | int | float]:
    """What belongs beside every figure."""
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return {
        "cpu": model[1].strip() if model else platform.machine(),
        "cores": os.cpu_count() or 1,
        "memory_gb": round(int(memory[1]) * 1024 / 1e9, 1) if memory else 0,
        "python": platform.python_version(),
        "kernel": platform.release().split("-")[0],
    }


@dataclass(frozen=True, slots=True)
class Moment:
    """How much the machine has worked until now, and how much of that was for us; seconds."""

    at: float
    busy: float
    stolen: float
    ours: float

    @classmethod
    def now(cls) -> Moment:
        """As the kernel counts it; our children count once they have ended."""
        fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
        user, nice, system, _, _, irq, softirq, stolen, *_ = (int(field) / TICK for field in fields)
        own = os.times()
        ours = own.user + own.system + own.children_user + own.children_system
        return cls(time.monotonic(), user + nice + system + irq + softirq, stolen, ours)

    def shares(self, since: Moment) -> dict[str, float]:
        """Whose the machine was in between, in percent of all its cores."""
        whole = (self.at - since.at) * (os.cpu_count() or 1) / 100
        ours = self.ours - since.ours
        others = max(0.0, self.busy - since.busy - ours)
        stolen = self.stolen - since.stolen
        return {"ours": round(ours / whole), "others": round(others / whole), "stolen": round(stolen / whole)}
