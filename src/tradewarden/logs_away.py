"""The services' logs straight from their files, while no daemon is there to be asked: what it keeps runs on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tradewarden.http.logs import line_document, moment_of
from tradewarden.orchestrator.log_line import Wanted, stamp
from tradewarden.orchestrator.logs import Logs
from tradewarden.redaction import redact

LOOK: Final = 0.2  # seconds between two looks at the files


class LogsAway:
    """Reads what lies in the directory of the logs; a service is known by its file."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._logs = directory, Logs(directory, redact)

    @property
    def known(self) -> list[str]:
        """The services that have ever said something here."""
        return sorted(path.name.removesuffix(".log") for path in self._directory.glob("*.log"))

    async def lines(
        self,
        names: Sequence[str],
        *,
        count: int,
        grep: str | None,
        since: str | None,
        level: str | None,
        follow: bool,
        now: datetime,
    ) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Kind and line, as the daemon tells them. Raises ValueError for a time that is none."""
        wanted = Wanted(text=grep or "", level=level, since="" if since is None else stamp(moment_of(since, now)))
        names = names or self.known
        follower = self._logs.follower(names if follow else [])
        try:
            before = await asyncio.to_thread(self._logs.tail, names, wanted, lines=count, upto=follower.places())
            for trouble in before.troubles:
                yield "trouble", {"trouble": trouble}
            for line in before.lines:
                yield "line", line_document(line)
            while follow:
                for line in self._logs.wanted_of(follower.new(), wanted):
                    yield "line", line_document(line)
                for name, lost in follower.skipped.items():
                    yield "skipped", {"service": name, "bytes": lost}
                follower.skipped.clear()
                await asyncio.sleep(LOOK)
        finally:
            follower.close()
