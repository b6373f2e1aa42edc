"""Services with real keepers under a zygote of the test's own; all of them are gone when the test is."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from tradewarden.machines.kept import Exited, Happening, Started
from tradewarden.orchestrator.keepers import Keepers, Spec
from tradewarden.orchestrator.keeping import family
from tradewarden.orchestrator.launch import IDLE

T = TypeVar("T")
PATIENCE = 30.0  # seconds; the machine may be busy


def until(look: Callable[[], T], *, what: str = "") -> T:
    """Wait until something is true, and give it."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"in vain after {PATIENCE} s: {what or look}")
        time.sleep(0.01)
    return found


def lives(pid: int) -> bool:
    """Whether a process has not ended; one that only waits to be reaped has."""
    fields = family.stat(pid)
    return fields is not None and fields[0] not in "ZX"


class Yard:
    """One run directory with its zygote."""

    def __init__(self, root: Path, *, idle: float = IDLE) -> None:
        self.root = root
        self.keepers = Keepers(root / "run", root / "logs", now=lambda: datetime.now(UTC), idle=idle)
        self.keepers.open()
        self._seen: dict[str, list[Happening]] = {}

    def spec(self, name: str, *argv: str, **other: Any) -> Spec:
        """A service as tests like them: quick to give up and quick to stop."""
        usual: dict[str, Any] = {
            "cwd": str(self.root),
            "env": {"PATH": os.environ["PATH"]},
            "user": None,
            "revision": "r1",
            "stop_signal": signal.SIGTERM,
            "stop_seconds": 5.0,
            "log": str(self.log(name)),
            "log_bytes": 10_000_000,
            "log_files": 5,
            "compress": False,
            "restart": "always",
            "attempts": 5,
            "window": 60.0,
            "base": 0.02,
            "cap": 1.0,
            "min_uptime": 1.0,
        }
        return Spec(name=name, argv=argv, **{**usual, **other})

    def keep(self, name: str, *argv: str, **other: Any) -> None:
        """Have a keeper for such a service."""
        asyncio.run(self.keepers.keep(self.spec(name, *argv, **other)))

    def sh(self, name: str, script: str, **other: Any) -> None:
        """The same for a few lines of shell."""
        self.keep(name, "sh", "-c", script, **other)

    def log(self, name: str) -> Path:
        """Where its words go."""
        return self.root / "logs" / f"{name}.log"

    def end_of(self, name: str) -> str:
        """The last words of its log."""
        return self.log(name).read_text()[-200:] if self.log(name).exists() else ""

    def words(self, name: str) -> list[str]:
        """What it said, without the stamps."""
        lines = self.log(name).read_text().splitlines() if self.log(name).exists() else []
        return [line.split(" ", 2)[2] for line in lines]

    def events(self, name: str) -> list[Happening]:
        """All that its keepers have written down."""
        self._seen.setdefault(name, []).extend(self.keepers.read(name))
        return self._seen[name]

    def all_of(self, name: str, kind: type[T]) -> list[T]:
        """All of it that is of one kind."""
        return [each for each in self.events(name) if isinstance(each, kind)]

    def nth(self, name: str, kind: type[T], number: int = 1) -> T:
        """The first (or a later) event of a kind, once it has happened."""
        until(lambda: len(self.all_of(name, kind)) >= number, what=f"{number} x {kind.__name__} of {name}")
        return self.all_of(name, kind)[number - 1]

    def running(self, name: str) -> Started:
        """The last start, once it has happened."""
        self.nth(name, Started)
        return self.all_of(name, Started)[-1]

    def said(self, name: str, word: str) -> None:
        """Wait until it has said a word."""
        until(lambda: word in self.words(name), what=f"{name} says {word}")

    def stopped(self, name: str, line: str = "stop 15 5") -> Exited:
        """Have it stopped, and give its end."""
        before = len(self.all_of(name, Exited))
        assert self.keepers.command(name, line)
        until(lambda: not self.keepers.held(name), what=f"the keeper of {name} leaves")
        return self.nth(name, Exited, before + 1)

    def zygote(self) -> int | None:
        """The zygote's pid, if there is one."""
        place = os.open(self.keepers.run_dir, os.O_PATH)
        try:
            with socket.socket(socket.AF_UNIX) as asking:
                asking.connect(f"/proc/self/fd/{place}/zygote.sock")
                return family_of(asking)
        except OSError:
            return None
        finally:
            os.close(place)

    def close(self) -> None:
        """End everything."""
        zygote = self.zygote()
        if zygote is not None:
            os.kill(zygote, signal.SIGTERM)
        for name in self.keepers.names():
            self.keepers.command(name, "stop 9 0")
        until(lambda: not any(map(self.keepers.held, self.keepers.names())), what="all keepers leave")
        if zygote is not None:
            until(lambda: not lives(zygote), what="the zygote leaves")
        self.keepers.close()


def family_of(asking: socket.socket) -> int:
    """The process at the other end."""
    credentials = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int.from_bytes(credentials[:4], "little")
