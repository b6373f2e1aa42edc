"""Whose an open run is: a process known by its number, its start and the boot, so that no other is taken for it."""

from __future__ import annotations

import os

from tradewarden.machines.run import Lease
from tradewarden.orchestrator.keeping import family
from tradewarden.orchestrator.keeping.clocks import boot_id


def lease_of(pid: int) -> Lease | None:
    """The lease of a process that is there."""
    ticks = family.ticks(pid)
    return None if ticks is None else Lease(pid, ticks, boot_id())


def own_lease() -> Lease:
    """The lease of this process."""
    return lease_of(os.getpid()) or Lease(os.getpid(), 0, boot_id())


def is_alive(lease: Lease | None) -> bool:
    """Whether its process still runs; one of another boot, or that only waits to be reaped, does not."""
    if lease is None or lease.boot != boot_id():
        return False
    process = family.identified(lease.pid, lease.ticks)
    if process is None:
        return False
    process.close()
    return True
