"""Has the service written the line that says it is ready?"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Self

from tradewarden.orchestrator.checks.check import PATIENCE, Subject, Verdict
from tradewarden.orchestrator.checks.log_tail import LogTail
from tradewarden.orchestrator.log_line import stamp

SLACK: Final = timedelta(
    seconds=1
)  # by which a line may seem to come from the future; more, and the clock was put back

Matcher = Callable[[bytes], bool]


class LogLineCheck:
    """Looks through what is new in the log; a line of an earlier life does not count."""

    def __init__(
        self,
        log: Path,
        wanted: str,
        started_at: Callable[[], datetime | None],
        *,
        files: int,
        now: Callable[[], datetime],
        patience: float = PATIENCE,
    ) -> None:
        """`files` is how many older ones stay beside the log."""
        self._log, self._wanted, self._started_at, self._patience = log, wanted, started_at, patience
        self._now = now
        self._oldest = [Path(f"{log}.{files}{ending}") for ending in ("", ".gz")]
        self._matches = _matcher(wanted)
        self._tail = LogTail(log)
        self._life: datetime | None = None
        self._looked_back = False  # to the start of this life
        self._found: str | None = None  # what was
        self._seen = 0  # lines of this life

    @classmethod
    def of(cls, subject: Subject) -> Self:
        """Text that the line contains, or `/a regular expression/`. Raises ValueError with what is allowed."""
        files = subject.service.output.files
        return cls(
            subject.log,
            subject.target,
            subject.started_at,
            files=files,
            now=subject.now,
            patience=subject.patience,
        )

    async def ask(self) -> Verdict:
        """Whether the line has come since the service was started."""
        life = self._started_at()
        if life is None:
            return Verdict(good=False, text="it does not run: its log says why")
        if life != self._life:
            self._life, self._found, self._looked_back, self._seen = life, None, False, 0
            self._tail.begin(stamp(life).encode(), stamp(self._now() + SLACK).encode())
        try:
            if self._found is None:
                await self._look()
        except OSError as trouble:
            return Verdict(good=False, text=f"{self._log} cannot be read: {trouble.strerror}")
        if self._found is not None:
            return Verdict(good=True, text=self._found)
        lines = "line" if self._seen == 1 else "lines"
        return Verdict(
            good=False, text=f"its log has no line with {self._wanted!r} yet, of {self._seen} {lines} since its start"
        )

    async def _look(self) -> None:
        """It stops in time, and goes on at the next question."""
        clock = asyncio.get_running_loop().time
        until = clock() + self._patience
        first, self._looked_back = not self._looked_back, True
        fresh = self._tail.fresh()
        # A service that is adopted may have written for hours, and much of it may be compressed.
        while (lines := await asyncio.to_thread(next, fresh, None) if first else next(fresh, None)) is not None:
            self._seen += len(lines)
            if any(map(self._matches, lines)):
                self._found = f"its log has the line with {self._wanted!r}"
                return
            if clock() > until:
                break
            await asyncio.sleep(0)
        if first and (lines is not None or self._has_forgotten()):
            self._found = f"its log does not reach back to its start, where {self._wanted!r} may have been"

    def _has_forgotten(self) -> bool:
        """Whether the start of this life may have been in files that are gone."""
        return not self._tail.is_whole and any(path.exists() for path in self._oldest)


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
