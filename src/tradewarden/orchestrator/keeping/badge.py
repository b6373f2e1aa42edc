"""By what a keeper is known to belong to a run directory, whatever becomes of that directory and its files."""

from __future__ import annotations

import os

_LONGEST = 200  # bytes of a path, from its end; the kernel takes a name of 249


def wear(run_dir: str) -> None:
    """Hold an empty file in memory with the directory's name, from now on, and with all that is forked from here.

    It can be seen in `/proc/PID/fd`, and nobody can delete or move it.
    """
    os.memfd_create(_name(run_dir))


def is_worn(link: str, run_dir: str) -> bool:
    """Whether this is what the kernel says of such an open file."""
    return link == f"/memfd:{_name(run_dir)} (deleted)"


def _name(run_dir: str) -> str:
    return os.fsdecode(b"tradewarden " + os.fsencode(run_dir)[-_LONGEST:])
