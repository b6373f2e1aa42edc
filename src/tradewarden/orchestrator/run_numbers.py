"""Which numbers of runs keepers know: a ledger that begins anew gives none of them again."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Final

from tradewarden.orchestrator.status_log import TAIL

_RUN: Final = re.compile(rb'"rev": "run-(\d{1,12})[."]')  # a longer number is none of ours


def highest(run_dir: Path) -> int:
    """The highest number of a run in what keepers look back at; 0 where there is none."""
    found = [number for file in run_dir.glob("[!.]*.status") for number in _RUN.findall(_tail(file))]
    return max(map(int, found), default=0)


def _tail(file: Path) -> bytes:
    with suppress(OSError):
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
        try:
            return os.pread(descriptor, TAIL, max(0, os.fstat(descriptor).st_size - TAIL))
        finally:
            os.close(descriptor)
    return b""
