"""Two wishes that only the C library can bring before the kernel."""

from __future__ import annotations

from _ctypes import call_function, dlopen, dlsym  # `ctypes` itself would be memory for each keeper

_PRCTL = dlsym(dlopen(None, 0), "prctl")  # type: ignore[arg-type]  # nothing named: what this process has
_SET_NAME, _SET_CHILD_SUBREAPER = 15, 36


def adopt_orphans() -> None:
    """Be the parent of every descendant whose own parent ends."""
    call_function(_PRCTL, (_SET_CHILD_SUBREAPER, 1, 0, 0, 0))


def be_called(name: str) -> None:
    """Be known by this name in lists of processes."""
    call_function(_PRCTL, (_SET_NAME, name.encode(), 0, 0, 0))
