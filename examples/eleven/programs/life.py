"""What every program of this desk does alike: it says what it does, keeps a status line, and stops when asked."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import time
from pathlib import Path

OFTEN = 0.5  # seconds between two status lines at least


class Life:
    """The life of one program: from its first word until somebody asks it to stop."""

    def __init__(self) -> None:
        self.stopping = False
        self._bell, ring = socket.socketpair()
        ring.settimeout(0)
        self._ring = ring  # kept: a closed one would ring for ever
        signal.set_wakeup_fd(ring.fileno())
        signal.signal(signal.SIGTERM, self._asked)
        signal.signal(signal.SIGINT, self._asked)
        self._file = os.environ.get("TRADEWARDEN_STATUS_FILE")
        self._told_at = 0.0

    def say(self, text: str) -> None:
        """One line of the log, at once: what waits in a buffer is lost with the program."""
        print(text, flush=True)

    def status(self, text: str, **figures: float) -> None:
        """What the desk's overview shows beside this program, not too often."""
        if self._file is None or time.monotonic() - self._told_at < OFTEN:
            return
        self._told_at = time.monotonic()
        Path(self._file).write_text(json.dumps({"text": text, "figures": figures}) + "\n", encoding="utf-8")

    def wait(self, seconds: float, *wires: socket.socket) -> list[socket.socket]:
        """Wait for one of these wires, for the end of the time, or for the word to stop."""
        if self.stopping:
            return []
        ready, _, _ = select.select([self._bell, *wires], [], [], max(0.0, seconds))
        return [wire for wire in ready if wire is not self._bell]

    def _asked(self, number: int, _frame: object) -> None:
        self.stopping = True
        self.say(f"asked to stop by {signal.Signals(number).name}")
