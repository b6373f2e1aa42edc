"""What keepers, the zygote and the services themselves publish in small files: figures, and a word of their own."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from tradewarden.machines.service import HostFigures

LARGEST: Final = 4096  # bytes of such a file that are read
LONGEST: Final = 300  # characters of a service's own line
MOST: Final = 16  # figures of a service's own
NAMED: Final = 64  # characters of such a figure's name
BOUND: Final = 1e15  # more than any machine has, and no whole number below it is rounded
LAST: Final = 1 << 35  # seconds: a file's time beyond the year 3000 is nonsense, and passed over as 1970
STALE: Final = timedelta(seconds=10)  # older figures say nothing about now


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a service and all that it started use of the machine."""

    at: datetime
    pid: int | None
    cpu_percent: float  # of one core
    cpu_seconds: float
    memory_bytes: int
    processes: int
    unended: int = 0  # bytes that it has said without a line end


@dataclass(frozen=True, slots=True, kw_only=True)
class Says:
    """What a service says of itself."""

    at: datetime
    text: str | None
    figures: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


class Gauge:
    """The figures of one service and its own line, read again and again at the cost of a look."""

    def __init__(self, run_dir: Path, name: str) -> None:
        self._figures, self._says = str(run_dir / f"{name}.figures"), run_dir / f"{name}.says"
        self._descriptor = -1
        self._text = b""
        self._said: tuple[tuple[int, ...], Says | None] = (), None

    def figures(self, now: datetime) -> Figures | None:
        """The figures; none when its keeper wrote none lately."""
        text = self._read()
        if text == self._text:  # nobody overwrites this file any more: there may be another one of that name
            self.close()
            text = self._read()
        self._text = text
        return _figures(text, now)

    def says(self) -> Says | None:
        """The line; none when it has not said anything."""
        try:
            status = self._says.stat()
        except OSError:
            return None
        looks = status.st_ino, status.st_size, status.st_mtime_ns
        if looks != self._said[0]:
            self._said = looks, says(self._says) if status.st_size else None
        return self._said[1]

    def close(self) -> None:
        """Open the file anew the next time."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _read(self) -> bytes:
        try:
            if self._descriptor < 0:
                self._descriptor = os.open(self._figures, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            return os.pread(self._descriptor, LARGEST, 0)
        except OSError:
            return b""


def figures(path: Path, now: datetime) -> Figures | None:
    """The figures of one service; none when its keeper wrote none lately."""
    return _figures(_read(path)[0], now)


def _figures(text: bytes, now: datetime) -> Figures | None:
    told = _object(text) or {}
    try:
        found = Figures(
            at=datetime.fromtimestamp(told["t"], UTC),
            pid=None if told["pid"] is None else int(_figure(told["pid"])),
            cpu_percent=_figure(told["percent"]),
            cpu_seconds=_figure(told["cpu"]),
            memory_bytes=int(_figure(told["memory"])),
            processes=int(_figure(told["processes"])),
            unended=int(_figure(told.get("unended", 0))),  # an older keeper does not tell
        )
    except (LookupError, TypeError, ValueError, OverflowError, OSError):
        return None
    return found if found.pid is not None and abs(now - found.at) < STALE else None


def host(path: Path, disk: Path, now: datetime) -> HostFigures | None:
    """The figures of the machine; none when nobody wrote any lately."""
    told = _facts(path)
    try:
        if abs(now - datetime.fromtimestamp(told["t"], UTC)) >= STALE:
            return None
        return HostFigures(
            cpu_percent=_figure(told["percent"]),
            memory_used=int(_figure(told["used"])),
            memory_total=int(_figure(told["total"])),
            disk_free=_free(disk),
        )
    except (LookupError, TypeError, ValueError, OverflowError, OSError):
        return None


def says(path: Path) -> Says | None:
    """A service's own line: a text, or an object with `text` and `figures`; none when it has not said anything."""
    text, at = _read(path)
    line = text.decode(errors="replace").strip().partition("\n")[0].strip()
    if not line or at is None:
        return None
    if line.startswith("{"):
        told = _object(line.encode())
        if told is not None:
            return Says(at=at, text=_clean(told.get("text")), figures=_numbers(told.get("figures")))
    return Says(at=at, text=_clean(line))


def _clean(text: object) -> str | None:
    if not isinstance(text, str):
        return None
    return "".join(each if each.isprintable() else " " for each in text)[:LONGEST].strip() or None


def _numbers(told: object) -> Mapping[str, float]:
    if not isinstance(told, dict):
        return MappingProxyType({})
    good = {
        (_clean(name) or "")[:NAMED]: float(value)
        for name, value in list(told.items())[:MOST]
        if type(value) in (int, float) and abs(value) < BOUND  # of whole numbers too, which may have any length
    }
    good.pop("", None)
    return MappingProxyType(good)


def _figure(value: object) -> float:
    """A figure of a machine; raises ValueError for what no machine reaches."""
    if type(value) not in (int, float) or not 0 <= value < BOUND:  # type: ignore[operator]  # a number, just proven
        raise ValueError("no figure of a machine")
    return float(value)  # type: ignore[arg-type]  # proven in the line above


def _facts(path: Path) -> dict[str, Any]:
    return _object(_read(path)[0]) or {}


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _read(path: Path) -> tuple[bytes, datetime | None]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b"", None
    try:
        stamp = os.fstat(descriptor).st_mtime
        return os.read(descriptor, LARGEST), datetime.fromtimestamp(stamp if 0 <= stamp < LAST else 0, UTC)
    except OSError:
        return b"", None
    finally:
        os.close(descriptor)


def _free(path: Path) -> int | None:
    try:
        there = os.statvfs(path)
    except OSError:
        return None
    return there.f_bavail * there.f_frsize
