"""Asks one service whether it works: often until it does, then, where that may change, every so often."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from tradewarden.machines.service import Service
from tradewarden.orchestrator.checks.asking import Asking
from tradewarden.orchestrator.checks.check import Check, Verdict
from tradewarden.orchestrator.checks.registry import SERVERS

if TYPE_CHECKING:  # 11 ms that the start of programs need not wait for
    from tradewarden.orchestrator.driver import Spawn

AGAIN: Final = 10.0  # seconds between two questions to one that was ready
LASTING: Final = SERVERS | {"rate"}  # ways to be ready that a program which runs on may lose


class Readiness:
    """At most one task, begun and ended at the word of the service's machine; `judge` hears the verdicts."""

    def __init__(self, service: Service, spawn: Spawn, judge: Callable[[Verdict], None]) -> None:
        self._service, self._spawn, self._judge = service, spawn, judge
        self._task: asyncio.Task[None] | None = None
        self._asking: Asking | None = None

    def begin(self, check: Check) -> None:
        """Ask from now on; how long at most, the service's machine knows."""
        self.end()
        self._task = self._spawn(self._ask(check), name=f"service.{self._service.name}.ready")

    def end(self) -> None:
        """Ask no more."""
        if self._task is not None:
            self._task.cancel()
        self._task = self._asking = None

    def say_so_far(self) -> None:
        """Tell what it still lacks."""
        last = None if self._asking is None else self._asking.last
        if last is not None and not last.good:
            self._judge(last)

    async def _ask(self, check: Check) -> None:
        self._asking = asking = Asking(check)
        verdict = await asking.until_good(self._service.ready.within)
        self._asking = None
        self._judge(verdict)
        while self._service.ready.kind in LASTING:
            await asyncio.sleep(AGAIN)
            verdict = await check.ask()
            if not verdict.good:  # one answer that does not come is no news: it is asked once more
                await asyncio.sleep(AGAIN / 10)
                verdict = await check.ask()
            self._judge(verdict)
