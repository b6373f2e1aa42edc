"""Records that a store refused for good: kept beside the journal with the store's reason, for a person to look at."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import orjson
import structlog

from tradewarden.feed.record import Frame, rows
from tradewarden.feed.sinks.sink import SetAside

LARGEST: Final = 16 << 20  # bytes: what a store refuses all day fills no disk; the count goes on

log = structlog.get_logger()


class AsideFile:
    """One store's file, a JSON object a line; what is in the journal can be written again once the reason is gone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._full = False

    def keep(self, frames: Sequence[Frame], refused: Sequence[SetAside], at: datetime) -> None:
        """Write down these records of the batch; never raises."""
        reasons = {each.seq: each.reason for each in refused}
        lines = [
            orjson.dumps(
                {
                    "seq": row.seq,
                    "reason": reasons[row.seq],
                    "at": at.isoformat(timespec="milliseconds"),
                    "record": row._replace(depth=row.depth.hex())._asdict(),  # type: ignore[arg-type] # as text
                }
            )
            for row in rows(frames)
            if row.seq in reasons
        ]
        try:
            self._append(b"".join(line + b"\n" for line in lines))
        except OSError as trouble:
            log.warning("sink.aside_not_kept", path=str(self._path), records=len(lines), why=trouble.strerror)

    def _append(self, text: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "ab") as out:
            if out.tell() + len(text) > LARGEST:
                self._say_full()
                return
            out.write(text)
        self._full = False

    def _say_full(self) -> None:
        if not self._full:
            self._full = True
            log.warning("sink.aside_full", path=str(self._path), bytes=LARGEST)
