"""Logs as the keepers write them: stamped lines, rotated at line ends, older files compressed or not."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

BEGAN = datetime(2026, 11, 23, 3, 45, tzinfo=UTC)


def stamped(service: str, text: str, seconds: float = 0.0) -> str:
    """One line, so long after 03:45 UTC."""
    moment = BEGAN + timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z {service} {text}\n"


def write_log(directory: Path, service: str, lines: Sequence[str], *, number: int = 0, packed: bool = False) -> Path:
    """A service's file of whole lines; `number` is its age in rotations."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / (f"{service}.log.{number}" if number else f"{service}.log")
    if packed:
        path = path.with_name(f"{path.name}.gz")
        path.write_bytes(gzip.compress("".join(lines).encode()))
    else:
        path.write_text("".join(lines))
    return path


def append(directory: Path, service: str, *lines: str) -> None:
    """What a service says next."""
    with (directory / f"{service}.log").open("a") as file:
        file.write("".join(lines))


def rotate(directory: Path, service: str) -> None:
    """Put the file aside, as its keeper does: .1 becomes .2, the present one .1, and a new one begins."""
    path = directory / f"{service}.log"
    older = [path.with_name(f"{path.name}.{number}") for number in range(1, 9)]
    for young, old in reversed(list(pairwise(older))):
        if young.exists():
            young.rename(old)
    path.rename(older[0])
    path.touch()
