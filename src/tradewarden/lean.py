"""What keeps the daemon small: structlog without Twisted and rich, which it imports where it finds them; one heap."""

from __future__ import annotations

import sys
from _ctypes import call_function, dlopen, dlsym  # `ctypes` would be 2 ms that programs wait for
from importlib import import_module
from types import ModuleType
from typing import Any

UNWANTED = ("rich", "twisted")  # 5 MB of the daemon's memory, measured, for nothing that it uses
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8  # of glibc's malloc.h
LARGE = 128 * 1024  # bytes: glibc's own first threshold, which it would raise with each larger block that is freed


def keep_heap_small() -> None:
    """Have all threads share one heap, and large blocks go back to the system; call it before there are threads.

    Ours only wait for a disk, and each would keep what it once needed; a batch for a store leaves a hole of a megabyte
    in which small things settle. Together 6 MB of the daemon's memory, measured.
    """
    try:
        mallopt = dlsym(dlopen(None, 0), "mallopt")  # type: ignore[arg-type]  # nothing named: what this process has
    except OSError:
        return  # glibc has it; whoever has not has no such heaps either
    call_function(mallopt, (M_ARENA_MAX, 1))
    call_function(mallopt, (M_MMAP_THRESHOLD, LARGE))


def import_structlog() -> ModuleType:
    """Import structlog as if those were not installed; call it before anything else imports structlog.

    Whoever wants them later gets them: only structlog is told that they are missing.
    """
    modules: dict[str, Any] = sys.modules
    hidden = [name for name in UNWANTED if name not in modules]
    modules.update(dict.fromkeys(hidden))  # none: the import system's own way to say "no such module"
    try:
        return import_module("structlog")
    finally:
        for name in hidden:
            del modules[name]
