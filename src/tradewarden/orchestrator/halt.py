"""A program that somebody halted: it is there, holds its ports and its memory, and does nothing."""

from __future__ import annotations

import os
from typing import Final

HALTED: Final = "its program is halted, and does nothing until it gets SIGCONT"


def is_halted(pid: int) -> bool:
    """Whether this process does nothing until a signal lets it go on; one in a debugger's hands is the debugger's."""
    try:
        descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.read(descriptor, 1 << 10).rpartition(b")")[2].lstrip()[:1] == b"T"
    except OSError:
        return False
    finally:
        os.close(descriptor)
