"""What keeps the daemon small: structlog without Twisted and rich, which it imports where it finds them; one heap."""

from __future__ import annotations

import ctypes
import sys
from importlib import import_module
from typing import Any

UNWANTED = ("rich", "twisted")  # 5 MB of the daemon's memory, measured, for nothing that it uses
M_ARENA_MAX = -8  # of glibc's malloc.h


def keep_one_heap() -> None:
    """Have every thread share the first one's heap; call it before there are threads.

    Ours only wait for a disk, and each would keep what it once needed: 2 MB of the daemon's memory, measured.
    """
    allocator = ctypes.CDLL(None)
    if hasattr(allocator, "mallopt"):  # glibc has it; whoever has not has no such heaps either
        allocator.mallopt(M_ARENA_MAX, 1)


def import_structlog() -> None:
    """Import structlog as if those were not installed; call it before anything else imports structlog.

    Whoever wants them later gets them: only structlog is told that they are missing.
    """
    modules: dict[str, Any] = sys.modules
    hidden = [name for name in UNWANTED if name not in modules]
    modules.update(dict.fromkeys(hidden))  # none: the import system's own way to say "no such module"
    try:
        import_module("structlog")
    finally:
        for name in hidden:
            del modules[name]
