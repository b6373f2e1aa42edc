"""The journal's segments; whoever writes the journal takes them away, as soon as every store is past them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

from tradewarden.feed.names import Names
from tradewarden.feed.reader import tail
from tradewarden.feed.segment import file_name, first_seqs
from tradewarden.feed.sinks.retained import Kept, Removed, Rule

FOLDER: Final = "journal"  # in the state directory


class JournalRetained:
    """The journal of one desk."""

    name = "journal"

    def __init__(self, directory: Path, *, keep_days: int, keep_gb: int) -> None:
        self._directory, self._keep_days, self._keep_gb = directory, keep_days, keep_gb

    @classmethod
    def of(cls, values: Mapping[str, Any], *, names: Names, state_dir: Path) -> Self:
        """From the settings' plain values."""
        del names
        return cls(state_dir / FOLDER, keep_days=values["keep_days"], keep_gb=values["keep_gb"])

    async def rules(self) -> list[Rule]:
        """So many days, or so many gigabytes."""
        return [Rule(f"at most {self._keep_gb} GB", self._keep_days, ("every record",), "store")]

    async def create(self) -> list[str]:
        """The journal makes its own files."""
        return []

    async def stats(self) -> list[Kept]:
        """Records, bytes, and from when to when, as the files' dates tell."""
        return await asyncio.to_thread(self._stats)

    async def cleanup(self, now_ns: int) -> list[Removed]:
        """Never from outside: only its writer knows what it writes."""
        del now_ns
        return []

    def _stats(self) -> list[Kept]:
        seqs = first_seqs(self._directory)
        told = [(self._directory / file_name(first)).stat() for first in seqs]
        if not told:
            return [Kept("segments", 0, 0)]
        rows = tail(self._directory) - seqs[0] + 1
        return [Kept("segments", rows, sum(one.st_size for one in told), told[0].st_mtime_ns, told[-1].st_mtime_ns)]
