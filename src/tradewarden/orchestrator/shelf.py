"""Takes the journal's segments off the disk when machines/shelf.py says that they may go."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import structlog

from tradewarden.feed import cursor
from tradewarden.feed.segment import file_name, first_seqs
from tradewarden.machines.shelf import Volume, leaving

SHORT: Final = 0.05  # of the disk, free: below that, what nobody needs goes before its time

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Stock:
    """What stands on the shelf."""

    segments: int = 0
    bytes: int = 0
    too_much: bool = False


class Shelf:
    """The segments of one journal. Its work is the disk's, so it is done in a thread."""

    def __init__(
        self,
        directory: Path,
        *,
        sinks: Collection[str],
        safe: Callable[[int, int], bool] | None,
        keep_bytes: int,
        keep_seconds: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`sinks` are all that must be past a segment; `safe` says whether its sealed form is, None: none is made."""
        self.unread_total = 0  # segments that went before every store had read them
        self._directory = directory
        self._sinks = tuple(sinks)
        self._safe = safe
        self._keep_bytes, self._keep_seconds = keep_bytes, keep_seconds
        self._now = now

    def tidy(self) -> Stock:
        """Take away what may go, and tell what is left. Raises OSError."""
        seqs = first_seqs(self._directory)
        sizes = {first: os.stat(self._path(first)) for first in seqs}  # noqa: PTH116 - hundreds at a time
        total = sum(told.st_size for told in sizes.values())
        lasts = {first: following - 1 for first, following in pairwise(seqs)}  # the newest is being written
        read = {name: cursor.load(self._directory, name) or 0 for name in self._sinks}
        volumes = [
            Volume(
                first_seq=first,
                bytes=sizes[first].st_size,
                age=self._now() - sizes[first].st_mtime,
                read=all(seq >= last for seq in read.values()),
                sealed=None if self._safe is None else self._safe(first, last),
            )
            for first, last in lasts.items()
        ]
        going = leaving(
            volumes,
            kept_bytes=total,
            keep_bytes=self._keep_bytes,
            keep_seconds=self._keep_seconds,
            short=self._is_short(),
        )
        for first in going.done:
            log.info("journal.segment_done", segment=file_name(first))
        for first in going.unread:
            self.unread_total += 1
            behind = [name for name, seq in read.items() if seq < lasts[first]]
            log.warning("journal.segment_unread", segment=file_name(first), behind=behind)
        for first in (*going.done, *going.unread):
            self._path(first).unlink(missing_ok=True)
            total -= sizes.pop(first).st_size
        return Stock(len(sizes), total, going.too_much)

    def _path(self, first: int) -> Path:
        return self._directory / file_name(first)

    def _is_short(self) -> bool:
        disk = os.statvfs(self._directory)
        return disk.f_bavail < disk.f_blocks * SHORT
