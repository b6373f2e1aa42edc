"""A cursor: how far a store has read the journal, as a small file that other processes can see."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from tradewarden.feed.segment import HIGHEST

CURSORS = "cursors"


def load(directory: Path, name: str) -> int | None:
    """The number up to which this sink has everything, None when nobody knows; `directory` is the journal's."""
    try:
        told = json.loads(_path(directory, name).read_bytes())
        seq = told["seq"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return seq if type(seq) is int and 0 <= seq <= HIGHEST else None


def save(directory: Path, name: str, seq: int) -> None:
    """Keep that this sink has everything up to this number: the old cursor or the new one, whatever happens."""
    path = _path(directory, name)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    text = json.dumps({"seq": seq, "at": datetime.now(UTC).isoformat(timespec="milliseconds")})
    try:
        new.write_text(text)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new.write_text(text)
    new.replace(path)


def everyone(directory: Path) -> dict[str, int | None]:
    """Every sink that has ever kept a cursor here, and how far it is."""
    found = sorted((directory / CURSORS).glob("[!.]*.json"))
    return {path.stem: load(directory, path.stem) for path in found}


def _path(directory: Path, name: str) -> Path:
    return directory / CURSORS / f"{name}.json"
