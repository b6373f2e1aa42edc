"""Two wishes that only the C library can bring before the kernel."""

from __future__ import annotations

import ctypes

_prctl = ctypes.CDLL(None).prctl  # once, in the process that keepers are forked from
_SET_NAME, _SET_CHILD_SUBREAPER = 15, 36


def adopt_orphans() -> None:
    """Be the parent of every descendant whose own parent ends."""
    _prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def be_called(name: str) -> None:
    """Be known by this name in lists of processes."""
    _prctl(_SET_NAME, name.encode(), 0, 0, 0)
