"""An event loop whose hours pass as fast as its sockets allow: real I/O, virtual time.

While bytes are in flight, a thread works or a child process lives, time stands still; when everything rests, it jumps
to the next timer.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import subprocess
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

from tradewarden.orchestrator.clock import IST

T = TypeVar("T")


class _JumpingSelector(selectors.DefaultSelector):
    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or timeout == 0:
            return events
        if timeout is None or self.loop.is_busy():
            return super().select(0.005)
        os.sched_yield()  # loopback delivers within the sender's own system call; another thread may want to run
        events = super().select(0)
        if not events:
            self.loop.jump(timeout)
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """A selector loop with a clock of its own."""

    def __init__(self) -> None:
        selector = _JumpingSelector()
        self._virtual = 1000.0
        self._children: list[dict[str, subprocess.Popen[bytes]]] = []
        self._threads: set[asyncio.Future[Any]] = set()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self._virtual

    def jump(self, seconds: float) -> None:
        self._virtual += seconds

    def is_busy(self) -> bool:
        self._children = [facts for facts in self._children if any(map(_lives, facts.values()))]
        return bool(self._children or self._threads)

    def close(self) -> None:
        """End the children that nobody has waited for: a later test would be told that they still run."""
        if not self.is_closed():
            left = [child for facts in self._children for child in facts.values()]
            for child in filter(_lives, left):
                child.kill()
            if self.is_busy():
                self.run_until_complete(asyncio.sleep(0.001))  # time stands still until they have gone
            for child in left:
                with child:  # its pipes, where its transport never had them
                    pass
        super().close()

    def run_in_executor(self, *what: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        work = super().run_in_executor(*what)
        self._threads.add(work)
        work.add_done_callback(self._threads.discard)
        return work

    async def _make_subprocess_transport(self, *args: Any, **kwargs: Any) -> Any:
        facts: dict[str, subprocess.Popen[bytes]] = {}  # the child comes into it at once, whoever is cancelled then
        self._children.append(facts)
        return await super()._make_subprocess_transport(*args, extra=facts, **kwargs)  # type: ignore[misc]


def _lives(child: subprocess.Popen[bytes]) -> bool:
    return child.returncode is None


class VirtualClock:
    """The desk's clock on a virtual loop."""

    simulated = False

    def __init__(self, start: datetime) -> None:
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()
        self._start = start.astimezone(IST)

    def mono_ns(self) -> int:
        return round(self._loop.time() * 1e9)

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._loop.time() - self._begun)

    async def until(self, moment: datetime) -> None:
        """Sleep until the wall shows this moment."""
        await asyncio.sleep((moment - self.now()).total_seconds())


def run_virtually(scene: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Play a scene on a loop of its own in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(scene())
