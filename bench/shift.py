"""One supervisor at work in a folder of its own, from its start until nobody is left there."""

from __future__ import annotations

import os
import select
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import folk
from process import PATIENCE
from supervised import Supervisor

ELEVEN = 11
Told = tuple[int, int]  # what a program told: its pid and when, or from when until when; nanoseconds


class Shift:
    """A supervisor with its programs, and what these tell."""

    def __init__(self, kind: type[Supervisor], manner: str, arguments: Sequence[str] = ("",) * ELEVEN) -> None:
        self._kind, self._manner = kind, manner
        self._arguments = {f"program{nth:02}": each for nth, each in enumerate(arguments, 1)}
        self.names: Sequence[str] = list(self._arguments)
        self._told: dict[tuple[str, str], list[Told]] = defaultdict(list)
        self._half = b""

    def __enter__(self) -> Self:
        self._temporary = tempfile.TemporaryDirectory(prefix="tradewarden-bench-")
        self.folder = Path(self._temporary.name)
        for name in ("heard", "go"):
            os.mkfifo(self.folder / name)
        self._line = os.open(self.folder / "heard", os.O_RDWR | os.O_NONBLOCK)
        commands = {name: self._command(name, argument) for name, argument in self._arguments.items()}
        self.supervisor = self._kind(self.folder, commands)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None:
            sys.stderr.write(self.supervisor.said())
        folk.end(self.folder)
        self.supervisor.reap()
        os.close(self._line)
        self._temporary.cleanup()

    def told(self, name: str, word: str = "runs") -> list[Told]:
        """What a program has told under this word, oldest first."""
        return self._told[name, word]

    def until(self, holds: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
        """Listen until it is so."""
        waiting = select.poll()
        waiting.register(self._line, select.POLLIN)
        limit = time.monotonic() + patience
        while not holds():
            left = limit - time.monotonic()
            if left <= 0:
                raise RuntimeError(f"{self.supervisor.name}: {what} did not come about within {patience:.0f} s")
            if waiting.poll(left * 1000):
                self._hear()

    def up(self) -> float:
        """Start it; milliseconds until every program has run its first statement."""
        begun = time.monotonic_ns()
        self.supervisor.start()
        self.until(lambda: all(self.told(name) for name in self.names), "the start of all programs")
        return (max(self.told(name)[0][1] for name in self.names) - begun) / 1e6

    def again(self) -> float:
        """Shut everything down and start it once more; milliseconds until every program has run its first statement."""
        self.supervisor.shut_down()
        before = {name: len(self.told(name)) for name in self.names}
        begun = time.monotonic_ns()
        self.supervisor.start()
        self.until(lambda: all(len(self.told(name)) > count for name, count in before.items()), "the next start of all")
        return (max(self.told(name)[-1][1] for name in self.names) - begun) / 1e6

    def killed(self, name: str, patience: float = PATIENCE) -> float:
        """Kill a program; milliseconds until its replacement has run its first statement."""
        lives = self.told(name)
        count = len(lives)
        begun = time.monotonic_ns()
        os.kill(lives[-1][0], signal.SIGKILL)
        self.until(lambda: len(lives) > count, f"a replacement of {name}", patience)
        return (lives[-1][1] - begun) / 1e6

    def stopped(self) -> float:
        """Stop everything; milliseconds until the last program has ended."""
        programs = folk.programs(self.folder)
        if len(programs) != len(self.names):
            raise RuntimeError(f"{self.supervisor.name}: {len(programs)} programs run instead of {len(self.names)}")
        begun = time.monotonic()
        self.supervisor.stop()
        return (folk.until_ended(programs, PATIENCE) - begun) * 1e3

    def go(self) -> None:
        """Let the flood begin."""
        os.close(os.open(self.folder / "go", os.O_WRONLY))

    def _command(self, name: str, argument: str) -> list[str]:
        command = [sys.executable, "-I", "-S", folk.PROGRAM, str(self.folder), name, self._manner]
        return [*command, argument] if argument else command

    def _hear(self) -> None:
        *lines, self._half = (self._half + os.read(self._line, 65536)).split(b"\n")
        for line in lines:
            name, word, first, second = line.decode().split()
            self._told[name, word].append((int(first), int(second)))
