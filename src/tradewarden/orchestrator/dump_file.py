"""The last good dump of instruments, kept in the state directory so that a start needs no broker."""

from __future__ import annotations

import os
from datetime import date, datetime
from pathlib import Path

import orjson
import structlog

from tradewarden.machines.dump import Dump, from_row, to_row

VERSION = 1

log = structlog.get_logger()


class DumpFile:
    """One file: what was kept of the dump, the day it is good for and when it was fetched."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Dump | None:
        """The kept dump; none when there is none, or none that can be read: the broker has another."""
        try:
            return _read(orjson.loads(self._path.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as trouble:
            log.warning("instruments.file_unreadable", file=self._path.name, why=str(trouble))
            return None

    def save(self, dump: Dump) -> None:
        """Keep this one instead. It is not synced: a torn file is found out, and the broker has another."""
        body = orjson.dumps(
            {
                "version": VERSION,
                "day": dump.day.isoformat(),
                "fetched_at": dump.fetched_at.isoformat(),
                "lines": dict(dump.lines),
                "late": dump.late,
                "instruments": [to_row(each) for each in dump.instruments],
            }
        )
        fresh = self._path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(body)
        fresh.replace(self._path)


def _read(kept: object) -> Dump:
    match kept:
        case {
            "version": int(version),
            "day": str(day),
            "fetched_at": str(fetched_at),
            "lines": dict(lines),
            "late": str() | None as late,
            "instruments": list(rows),
        } if version == VERSION:
            instruments = tuple(from_row(row) for row in rows)
            return Dump(date.fromisoformat(day), datetime.fromisoformat(fetched_at), lines, instruments, late)
        case _:
            raise ValueError(f"it is not of version {VERSION}")
