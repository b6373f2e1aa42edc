"""The journal's directory, held by its one writer."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

LOCK: Final = "lock"


class JournalError(Exception):
    """The journal's directory cannot be used at all; the text says which, why and what to do."""


def hold(directory: Path) -> int:
    """Make the directory and hold it against a second writer, until the descriptor is closed. Raises JournalError."""
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as trouble:
        raise unusable(directory, trouble) from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise JournalError(f"{directory}: another process records into this journal; stop it first.") from None
    return fd


def unusable(directory: Path, trouble: OSError) -> JournalError:
    """The system's words as a sentence for who set the directory."""
    why = trouble.strerror or str(trouble)
    return JournalError(f"{directory}: the journal cannot be kept there: {why}; set state_dir.")
