"""The logs of all services as one: the last lines in the order in which they came, and then each new one."""

from __future__ import annotations

import heapq
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tradewarden.orchestrator.log_files import Files, Place
from tradewarden.orchestrator.log_follower import Follower
from tradewarden.orchestrator.log_line import LogLine, Wanted, read_line

MOST_LINES: Final = 10_000
SEARCHED: Final = 256 << 20  # bytes that one question may look through, all files together
_TERMINAL: Final = re.compile(r"\x1b\[[0-9;:?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]")


@dataclass(frozen=True, slots=True)
class Tail:
    """The last lines that are wanted, the oldest first, and what kept more from being found."""

    lines: tuple[LogLine, ...]
    troubles: tuple[str, ...] = ()


class Logs:
    """Reads the files that the keepers write, and shows no secret and no terminal's control characters."""

    def __init__(self, directory: Path, redact: Callable[[str], str]) -> None:
        self._directory, self._redact = directory, redact

    def tail(
        self, services: Sequence[str], wanted: Wanted, *, lines: int, upto: Mapping[str, Place] | None = None
    ) -> Tail:
        """The last lines of these services that are wanted. It may read for seconds: call it in a thread."""
        files = {name: Files(self._directory, name, (upto or {}).get(name)) for name in services}
        troubles: list[str] = []
        budget = SEARCHED

        def of(name: str) -> Iterator[LogLine]:
            for raw in files[name].backwards():
                line = read_line(raw, name)
                if line is None:
                    continue
                if line.at < wanted.since:
                    return
                yield line

        newest_first = heapq.merge(*(of(name) for name in services), key=lambda line: line.at, reverse=True)
        found: list[LogLine] = []
        for count, line in enumerate(newest_first):
            if len(found) >= lines:
                break
            found += self.wanted_of([line], wanted)
            if not count % 1024 and sum(each.spent for each in files.values()) > budget:
                troubles.append(f"looked through the last {SEARCHED >> 20} MB only, back to {line.at}")
                break
        troubles += itertools.chain.from_iterable(each.troubles for each in files.values())
        return Tail(tuple(reversed(found)), tuple(troubles))

    def follower(self, services: Sequence[str]) -> Follower:
        """What these services say from now on."""
        return Follower(self._directory, services)

    def wanted_of(self, lines: Iterable[LogLine], wanted: Wanted) -> list[LogLine]:
        """Those of a follower's lines that are wanted, as they may be shown."""
        # Looked for in what is shown too, so that nobody finds out a secret by searching for it.
        return [shown for line in lines if wanted.has(line) and wanted.has(shown := self.shown(line))]

    def shown(self, line: LogLine) -> LogLine:
        """The line without secrets and without what would move a terminal's cursor."""
        return replace(line, text=self._redact(_TERMINAL.sub("", line.text)))
