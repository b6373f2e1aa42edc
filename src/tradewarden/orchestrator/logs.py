"""The logs of all services as one: the last lines in the order in which they came, and then each new one."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tradewarden.orchestrator.log_files import Files, Place
from tradewarden.orchestrator.log_follower import Follower
from tradewarden.orchestrator.log_line import LogLine, Wanted, may_hold, read_line

MOST_LINES: Final = 10_000
SEARCHED: Final = 128 << 20  # bytes that one question may look through, all files together
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
        search = _Search(wanted)
        files = {name: Files(self._directory, name, (upto or {}).get(name)) for name in services}
        newest_first = heapq.merge(
            *(search.of(each, name) for name, each in files.items()), key=lambda line: line.at, reverse=True
        )
        found: list[LogLine] = []
        while len(found) < lines and (line := next(newest_first, None)) is not None:
            found += self.wanted_of([line], wanted)
        troubles = [trouble for each in files.values() for trouble in each.troubles]
        if search.is_over:
            troubles.append(f"looked through the last {SEARCHED >> 20} MB only: older lines are not told")
        return Tail(tuple(reversed(found)), tuple(troubles))

    def follower(self, services: Sequence[str]) -> Follower:
        """What these services say from now on."""
        return Follower(self._directory, services)

    def wanted_of(self, lines: Iterable[LogLine], wanted: Wanted) -> list[LogLine]:
        """Those of a follower's lines that are wanted, as they may be shown."""
        plain = (replace(line, text=_TERMINAL.sub("", line.text)) for line in lines)
        shown = (replace(line, text=self._redact(line.text)) for line in plain if wanted.has(line))
        # Looked for in what is shown too, so that nobody finds out a secret by searching for it.
        return [line for line in shown if wanted.has(line)]


class _Search:
    """Passes over whole blocks in which no line can be wanted, and ends when it has looked through enough."""

    def __init__(self, wanted: Wanted) -> None:
        self._since = wanted.since
        self._text = wanted.text.lower().encode() if wanted.text.isascii() else b""
        self._level = wanted.level or ""
        self._spent: dict[str, int] = {}

    @property
    def is_over(self) -> bool:
        """Whether it has looked through as much as one question may."""
        return sum(self._spent.values()) > SEARCHED

    def of(self, files: Files, name: str) -> Iterator[LogLine]:
        """The lines of one service that may be wanted, and some others, the newest first."""
        for raw in files.backwards(self._may_hold):
            if self._spent.get(name) != files.spent:
                self._spent[name] = files.spent
                if self.is_over:
                    return
            line = read_line(raw, name)
            if line is not None:
                if line.at < self._since:
                    return
                yield line

    def _may_hold(self, block: bytes) -> bool:
        if not may_hold(self._level, block):
            return False
        # A colour may stand in the midst of a word.
        return not self._text or self._text in block.lower() or b"\x1b" in block
