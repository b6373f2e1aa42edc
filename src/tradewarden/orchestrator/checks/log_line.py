"""Has the service written the line that says it is ready?"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Self

from tradewarden.orchestrator.checks.check import PATIENCE, Subject, Verdict
from tradewarden.orchestrator.checks.log_tail import LogTail
from tradewarden.orchestrator.log_line import stamp

Matcher = Callable[[bytes], bool]


class LogLineCheck:
    """Looks through what is new in the log; a line of an earlier life does not count."""

    def __init__(
        self, log: Path, wanted: str, started_at: Callable[[], datetime | None], patience: float = PATIENCE
    ) -> None:
        self._log, self._wanted, self._started_at, self._patience = log, wanted, started_at, patience
        self._matches = _matcher(wanted)
        self._tail = LogTail(log)
        self._life: datetime | None = None
        self._found = False
        self._seen = 0  # lines of this life

    @classmethod
    def of(cls, subject: Subject) -> Self:
        """Text that the line contains, or `/a regular expression/`. Raises ValueError with what is allowed."""
        return cls(subject.log, subject.target, subject.started_at, subject.patience)

    async def ask(self) -> Verdict:
        """Whether the line has come since the service was started."""
        life = self._started_at()
        if life is None:
            return Verdict(good=False, text="it does not run: its log says why")
        if life != self._life:
            self._life, self._found, self._seen = life, False, 0
            self._tail.begin(stamp(life).encode())
        try:
            await self._look()
        except OSError as trouble:
            return Verdict(good=False, text=f"{self._log} cannot be read: {trouble.strerror}")
        if self._found:
            return Verdict(good=True, text=f"its log has the line with {self._wanted!r}")
        lines = "line" if self._seen == 1 else "lines"
        return Verdict(
            good=False, text=f"its log has no line with {self._wanted!r} yet, of {self._seen} {lines} since its start"
        )

    async def _look(self) -> None:
        """It stops in time, and goes on at the next question."""
        clock = asyncio.get_running_loop().time
        until = clock() + self._patience
        for lines in () if self._found else self._tail.fresh():
            self._seen += len(lines)
            self._found = any(map(self._matches, lines))
            if self._found or clock() > until:
                return
            await asyncio.sleep(0)


def _matcher(wanted: str) -> Matcher:
    """Whether a line is the one. Raises ValueError with what is allowed."""
    if not wanted:
        raise ValueError("allowed is a text that the line contains, or a regular expression between slashes")
    if len(wanted) > len("//") and wanted.startswith("/") and wanted.endswith("/"):
        try:
            pattern = re.compile(wanted[1:-1])
        except re.error as wrong:
            raise ValueError(f"{wanted!r} is no regular expression ({wrong})") from None
        return lambda line: pattern.search(line.decode(errors="replace")) is not None
    needle = wanted.encode()
    return lambda line: needle in line
