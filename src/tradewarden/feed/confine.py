"""What a process may not do any more, by the kernel's own word: for one that runs what somebody else has written.

Landlock (Linux 5.13) takes away every file that is not named, and every TCP connection where it can (6.7). Limits take
away the writing of files and hours of computing. Both are for good: nothing the process does later gives them back. A
service manager may forbid us to set some of it (the shipped unit does); what is left holds all the same.
"""

from __future__ import annotations

import os
import resource
import signal
import struct
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import ctypes

# The numbers of the system calls are the same on every architecture; include/uapi/linux/landlock.h has the rest.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _PATH_BENEATH, _NO_NEW_PRIVILEGES = 1, 1, 38
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_ALL_OF_FILES: Final = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # by version: so many kinds of access it can take away
_TCP: Final = 0b11  # bind and connect, from version 4 on
_WITH_TCP: Final = 4


def step_back(nice: int) -> None:
    """Let others go first, where that is allowed."""
    with suppress(OSError):
        os.nice(nice)


def limit(*, seconds: float, memory: int) -> None:
    """No file may grow, no core may be left, and neither time nor memory are without end."""
    cores = os.cpu_count() or 1
    _set(resource.RLIMIT_FSIZE, 0)
    _set(resource.RLIMIT_CORE, 0)
    _set(resource.RLIMIT_CPU, int(seconds * cores) + 1)
    _set(resource.RLIMIT_DATA, memory)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write then fails, instead of ending the process
    signal.alarm(int(seconds) + 1)


def confine(readable: Iterable[Path]) -> bool:
    """From now on only these and what is in them can be read, and nothing written; whether the kernel can do that.

    Threads that run already keep what they may: so this comes before there are any.
    """
    libc = _libc()
    if libc is None:
        return False
    version = libc.syscall(_CREATE_RULESET, None, 0, _VERSION)
    if version < 1:
        return False
    kinds = (1 << _ALL_OF_FILES[min(version, max(_ALL_OF_FILES))]) - 1
    attributes = struct.pack("=QQ", kinds, _TCP) if version >= _WITH_TCP else struct.pack("=Q", kinds)
    ruleset = libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    try:
        for path in readable:
            _allow(libc, ruleset, path)
        libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        return bool(libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _libc() -> ctypes.CDLL | None:
    try:
        import ctypes  # noqa: PLC0415 - where memory may not be made executable, some builds of it cannot be loaded

        return ctypes.CDLL(None, use_errno=True)
    except (ImportError, OSError, MemoryError):
        return None


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path) -> None:
    with suppress(OSError):  # what is not there cannot be read anyway
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        access = _READ_FILE | (_READ_DIR if path.is_dir() else 0)
        libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", access, place), 0)
        os.close(place)


def _set(which: int, most: int) -> None:
    with suppress(OSError, ValueError):
        _, hard = resource.getrlimit(which)
        wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (wanted, wanted))
