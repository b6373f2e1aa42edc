"""How a sink's own process tells the daemon how it does: a small file beside the journal, written once a second."""

from __future__ import annotations

import os
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from tradewarden.machines.sink import SinkReport, SinkState, TableReport

FOLDER: Final = "status"  # in the journal's directory
_MOMENTS: Final = frozenset({"since", "retry_at", "last_error_at", "last_commit_at"})
_KNOWN: Final = frozenset(field.name for field in fields(SinkReport))


def publish(journal: Path, report: SinkReport) -> None:
    """Leave this report where the daemon finds it. Raises OSError."""
    path = _path(journal, report.name)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.write_bytes(orjson.dumps(asdict(report)))
    fresh.replace(path)


def read(journal: Path, name: str) -> tuple[SinkReport, float] | None:
    """The last report of this sink's process and when it was written (seconds since 1970); none when there is none."""
    path = _path(journal, name)
    try:
        return _report(orjson.loads(path.read_bytes())), path.stat().st_mtime
    except (OSError, ValueError, TypeError, KeyError, AttributeError):  # none yet, or not ours
        return None


def _path(journal: Path, name: str) -> Path:
    return journal / FOLDER / f"{name}.json"


def _report(told: dict[str, Any]) -> SinkReport:
    values = {name: value for name, value in told.items() if name in _KNOWN}
    for name in _MOMENTS:
        if values.get(name) is not None:
            values[name] = datetime.fromisoformat(values[name])
    values["state"] = SinkState(values["state"])
    values["tables"] = tuple(TableReport(**table) for table in values["tables"])
    return SinkReport(**values)
