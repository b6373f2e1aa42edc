"""The place of the one daemon that acts in a run directory: its claim, and the fifo on which keepers wake it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

from tradewarden.feed.lock import held

CLAIM: Final = ".daemon.lock"  # no service can have this name
WAKE: Final = "wake"


class Seat:
    """Taken once, made again if somebody deletes it, left at the end."""

    def __init__(self, run_dir: Path) -> None:
        self._claim_file, self._fifo = run_dir / CLAIM, run_dir / WAKE
        self._claim = contextlib.ExitStack()
        self._claimed: os.stat_result | None = None
        self.wake_fd = -1

    def take(self) -> None:
        """Raises HeldError while another daemon has it, OSError if it cannot be had."""
        self._claim_anew()
        self._listen()

    def hold(self) -> bool:
        """Have it again if somebody deleted it; whether keepers wake by another fifo now. Raises as `take` does."""
        if not _is(self._claim_file, self._claimed):
            self._claim_anew()
        if _is(self._fifo, os.fstat(self.wake_fd)):
            return False
        self._listen()
        return True

    def woken(self) -> set[str]:
        """The services whose keepers wrote something down since the last time of asking."""
        try:
            text = os.read(self.wake_fd, 1 << 16)
        except BlockingIOError:
            return set()
        return set(text.decode(errors="replace").split("\n")) - {""}

    def leave(self) -> None:
        """Let go of both."""
        self._claim.close()
        if self.wake_fd >= 0:
            os.close(self.wake_fd)
            self.wake_fd = -1

    def _claim_anew(self) -> None:
        self._claim_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        claim = contextlib.ExitStack()
        claim.enter_context(held(self._claim_file))
        self._claim.close()
        self._claim, self._claimed = claim, self._claim_file.stat()

    def _listen(self) -> None:
        with contextlib.suppress(FileExistsError):
            os.mkfifo(self._fifo, 0o600)
        if not self._fifo.is_fifo():
            self._fifo.unlink()
            os.mkfifo(self._fifo, 0o600)
        again = os.open(self._fifo, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        if self.wake_fd >= 0:
            os.close(self.wake_fd)
        self.wake_fd = again


def _is(path: Path, known: os.stat_result | None) -> bool:
    try:
        return known is not None and os.path.samestat(path.lstat(), known)
    except OSError:
        return False
