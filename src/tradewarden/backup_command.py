"""`tradewarden backup` and `tradewarden restore`: the state directory as one file, and back."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from tradewarden.orchestrator.backup import BackupError, Contents, restore_backup, write_backup
from tradewarden.orchestrator.clock import SystemClock
from tradewarden.orchestrator.statedir import StateDirectoryError, claim

BAD_DATA = 65


def backup(state: Path, file: str, *, ticks: bool, say: Callable[[str], None]) -> int:
    """Write the backup, whole or not at all; exit status 0, or 1 with a sentence."""
    if not state.is_dir():
        say(f"{state} is no directory: there is nothing to back up; is state_dir right?")
        return 1
    try:
        if file == "-":
            contents = write_backup(state, sys.stdout.buffer, SystemClock().now(), ticks=ticks)
            sys.stdout.buffer.flush()
        else:
            contents = _whole(Path(file), state, ticks=ticks)
    except (BackupError, OSError) as trouble:
        say(trouble.strerror or str(trouble) if isinstance(trouble, OSError) else str(trouble))
        return 1
    say(f"{_told(contents)} are in the backup. It holds tokens: keep it where nobody else reads it.")
    return 0


def restore(state: Path, file: str, *, force: bool, say: Callable[[str], None]) -> int:
    """Put the backup back; exit status 0, 65 when it is no whole backup, 1 when it has no place to go."""
    lock = state / "lock"
    is_new = not lock.exists()
    try:
        with claim(state):
            try:
                with _opened(file) as source:
                    contents = restore_backup(source, state, SystemClock().now(), force=force)
            except (BackupError, OSError):
                if is_new:  # what was empty is empty again
                    lock.unlink(missing_ok=True)
                raise
    except StateDirectoryError as trouble:
        say(str(trouble))
        return 1
    except OSError as trouble:
        say(f"{file}: {trouble.strerror or trouble}")
        return 1
    except BackupError as trouble:
        say(str(trouble))
        return BAD_DATA
    say(f"{_told(contents)} are back in {state}. Start the daemon: its stores go on from where they are.")
    return 0


def _whole(target: Path, state: Path, *, ticks: bool) -> Contents:
    """The file appears when it is whole and on the disk; a backup that was there before stays until then."""
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    new = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as out:
            contents = write_backup(state, out, SystemClock().now(), ticks=ticks)
            out.flush()
            os.fsync(out.fileno())
        new.replace(target)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    return contents


def _opened(file: str) -> IO[bytes]:
    return os.fdopen(os.dup(sys.stdin.fileno()), "rb") if file == "-" else Path(file).open("rb")


def _told(contents: Contents) -> str:
    return f"{contents.files} files, {contents.bytes / 1e6:.1f} MB,"
