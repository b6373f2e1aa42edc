"""Time and chance as a keeper knows them."""

from __future__ import annotations

import os
import time
from _collections_abc import Callable

Chance = Callable[[], float]


class Clocks:
    """Three clocks: the wall's, one that nobody sets, and one that also goes on while the machine sleeps."""

    wall = staticmethod(time.time)
    steady = staticmethod(time.monotonic)

    @staticmethod
    def running() -> float:
        """Seconds since the machine started, its sleep included."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)


def chance() -> float:
    """A number between 0 and 1."""
    return int.from_bytes(os.urandom(6), "big") / 2**48


def boot_id() -> str:
    """Which start of the machine this is: as the unit says (TRADEWARDEN_BOOT_ID), else as the kernel does."""
    told = os.environ.get("TRADEWARDEN_BOOT_ID", "")
    if not told:
        try:
            with open("/proc/sys/kernel/random/boot_id", "rb", buffering=0) as file:
                told = file.read().decode()
        except OSError:
            told = "unknown"
    return told.strip().replace("-", "")
