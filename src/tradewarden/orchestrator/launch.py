"""Starts the process that keepers come from; it loads beside the daemon, which may not yet know where it will serve."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from tradewarden.orchestrator import descriptors
from tradewarden.orchestrator.keeping import lock

ZYGOTE: Final = Path(__file__).with_name("zygote.py")
LOCK: Final = ".zygote.lock"  # as the zygote has it
IDLE: Final = 60.0  # seconds without a keeper and without a question, after which the daemon's own zygote leaves
PATIENCE: Final = 10.0  # seconds for it to begin
LATER: Final = "-"  # its place is told once it runs


class Launch:
    """One that outlives whoever starts it; until it is told where to serve it has touched nothing."""

    def __init__(self, idle: float = IDLE) -> None:
        """Raises OSError when no process can be started."""
        self._process = subprocess.Popen(  # noqa: S603 - our own file
            command(LATER, "--detach", f"--idle={idle}", f"--open-files={descriptors.USUAL}"),
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def go(self, run_dir: Path) -> None:
        """Serve there."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):  # it has ended, and says why at the end
                self._process.stdin.write(os.fsencode(run_dir) + b"\0")
                self._process.stdin.flush()

    def call_off(self) -> None:
        """Nobody needs it."""
        self._process.kill()
        self._process.communicate()

    def outcome(self) -> tuple[int, str]:
        """Its exit code, once it serves or cannot, and what it said."""
        try:
            _, said = self._process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired as trouble:
            self.call_off()
            return 1, str(trouble)
        return self._process.returncode, said.decode(errors="replace").strip()


def is_there(run_dir: Path) -> bool:
    """Whether one serves there already."""
    with suppress(OSError):
        return lock.is_held(str(run_dir / LOCK))
    return False


def launched(run_dir: Path, idle: float) -> tuple[int, str]:
    """Start one there: its exit code, and what it said."""
    try:
        launch = Launch(idle)
        launch.go(run_dir)
        return launch.outcome()
    except OSError as trouble:
        return 1, str(trouble)


def command(place: str, *options: str) -> list[str]:
    """How it is called."""
    return [sys.executable, "-I", "-S", str(ZYGOTE), place, *options]


def environment() -> dict[str, str]:
    """Nothing of the daemon's own: its secrets are not the keepers', and its mark, if it is kept itself, not theirs."""
    return {name: os.environ[name] for name in ("PATH", "LANG", "TZ", "TRADEWARDEN_BOOT_ID") if name in os.environ}
