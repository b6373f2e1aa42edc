"""Asks until the answer is good: often at first, so that nobody waits longer than the service itself takes."""

from __future__ import annotations

import asyncio
from typing import Final

from tradewarden.orchestrator.checks.check import Check, Verdict

FIRST: Final = 0.02  # seconds between two questions
MOST: Final = 1.0
SHARE: Final = 0.01  # of the time that has passed: who took 10 s to start loses 0.1 s by our waiting


class Asking:
    """One service on its way to being ready; `last` is the newest verdict."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self.last: Verdict | None = None
        self.asked = 0  # questions so far

    async def until_good(self, seconds: float) -> Verdict:
        """The first good verdict; the last one when there is none within these seconds."""
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            async with asyncio.timeout(seconds):
                while True:
                    self.asked += 1
                    self.last = await self._check.ask()
                    if self.last.good:
                        return self.last
                    await asyncio.sleep(min(MOST, max(FIRST, (clock() - began) * SHARE)))
        except TimeoutError:
            return self.last or Verdict(good=False, text=f"there was no answer within {seconds:g} s")
