"""The facts of the machine that a figure depends on; nothing that says whose machine it is."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path


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


def load() -> float:
    """How busy the machine was in the last minute, ourselves included."""
    return round(os.getloadavg()[0], 2)
