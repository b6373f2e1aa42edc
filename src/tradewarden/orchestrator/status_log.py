"""What keepers wrote down, read by the daemon: each event once, whatever happened while nobody looked."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tradewarden.machines.kept import (
    Escalated,
    Exited,
    Gone,
    Happening,
    OutputLost,
    Paused,
    Started,
    StartFailed,
    Stopping,
)

TAIL: Final = 1 << 16  # bytes that surely tell the present state
MOST: Final = 4 << 20  # bytes read at once; the rest the next time
HEAD: Final = 64  # bytes by which a file is known again: no two begin at the same microsecond
LONGEST: Final = 1 << 14  # bytes of a line; no keeper writes so many
BOUND: Final = 1 << 53  # no pid, no count and no number of seconds reaches it
LAST: Final = 1 << 35  # seconds of the wall clock: the year 3058
KIB: Final = 1024
_INTENT: Final = b'{"ev": "starting", '  # between keepers: what is about to begin is told once it has


@dataclass(frozen=True, slots=True)
class Place:
    """Up to where a file was read, and which file that was: a number of a file may be given to another one."""

    inode: int = 0
    offset: int = 0
    head: str = ""  # how it begins, in hexadecimal

    def is_in(self, path: Path) -> bool:
        """Whether this is the file, and no shorter than it was."""
        inode, size = _identity(path)
        return inode == self.inode and size >= self.offset and _part(path, 0, len(self.head) // 2).hex() == self.head


class StatusReader:
    """The status log of one service, and how far the daemon has processed it."""

    def __init__(self, run_dir: Path, name: str) -> None:
        self.unreadable = 0  # half lines, and lines that no keeper writes
        self._path, self._older = run_dir / f"{name}.status", run_dir / f"{name}.status.1"
        self._seen = run_dir / f"{name}.seen"
        self._place = _remembered(self._seen)
        self._started: Started | None = None  # the last one that was told
        self._ended: tuple[int, ...] = ()  # how the file looked when it was read to its end

    def read(self) -> list[Happening]:
        """The whole lines that were not read before, oldest first; a log moved aside meanwhile is read to its end.

        One that somebody made shorter or put into its place is read from its beginning: better twice than never.
        """
        looks = _looks(self._path)
        if looks and looks == self._ended:
            return []  # nothing was written: this is nearly always so
        found = self._read_on(self._older) if self._place.is_in(self._older) else []
        found = self._once([*found, *self._read_on(self._path)])
        self._ended = looks if looks[:2] == (self._place.inode, self._place.offset) else ()
        return found

    def _once(self, found: list[Happening]) -> list[Happening]:
        """Without starts that were told before: a keeper whose log was deleted says again what runs."""
        kept = []
        for each in found:
            if isinstance(each, Started):
                if each == self._started:
                    continue
                self._started = each
            kept.append(each)
        return kept

    def _read_on(self, path: Path) -> list[Happening]:
        inode, _ = _identity(path)
        offset = self._place.offset if self._place.is_in(path) else 0
        text = _part(path, offset, MOST)
        whole = text[: text.rfind(b"\n") + 1]
        if not whole and len(text) == MOST:
            whole = text  # no keeper writes a line of this length: its rest is an unreadable line of the next time
        if whole or not offset:
            head = _part(path, 0, min(HEAD, offset + len(whole))).hex()
            self._place = Place(inode, offset + len(whole), head)
        return self._parse(whole)

    def last(self) -> tuple[Happening, ...]:
        """The newest lines, whether read before or not."""
        _, size = _identity(self._path)
        before, self.unreadable = self.unreadable, 0
        text = _part(self._path, max(0, size - TAIL), TAIL)
        if size > TAIL:
            text = text.partition(b"\n")[2]
        found = tuple(self._parse(text[: text.rfind(b"\n") + 1]))
        self.unreadable = before  # counted when they are read
        return found

    def skip(self) -> None:
        """What stands there already is passed over: the next reading begins after it."""
        inode, size = _identity(self._path)
        text = _part(self._path, max(0, size - LONGEST), min(size, LONGEST))
        offset = size - len(text) + text.rfind(b"\n") + 1
        self._place = Place(inode, offset, _part(self._path, 0, min(HEAD, offset)).hex())

    def remember(self) -> None:
        """What was read is processed: a daemon that starts anew goes on after it."""
        fresh = self._seen.with_name(f"{self._seen.name}.new")
        fresh.write_text(json.dumps(asdict(self._place)), encoding="utf-8")
        fresh.replace(self._seen)

    def _parse(self, text: bytes) -> list[Happening]:
        found = []
        for line in text.split(b"\n")[:-1]:
            happening = parse(line)
            if happening is not None:
                found.append(happening)
            elif not line.startswith(_INTENT):
                self.unreadable += bool(line)
        return found


def parse(line: bytes) -> Happening | None:
    """One line of a status log; none when no keeper can have written it."""
    if len(line) > LONGEST:
        return None
    try:
        told = json.loads(line)
        make = _EVENTS[told["ev"]]
        return make({**told, "at": _moment(told["t"]), "keeper": _whole(told["keeper"])})
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def _started(told: Mapping[str, Any]) -> Started:
    return Started(
        at=told["at"],
        keeper=told["keeper"],
        pid=_whole(told["pid"]),
        ticks=_whole(told["ctime"]),
        revision=_text(told["rev"]),
        boot=_text(told["boot"]),
        life=_whole(told["life"]),
        protocol=_whole(told["protocol"]),
    )


def _start_failed(told: Mapping[str, Any]) -> StartFailed:
    return StartFailed(
        at=told["at"],
        keeper=told["keeper"],
        errno=_whole(told["errno"]),
        text=_text(told["text"]),
        again_at=_moment_or_none(told.get("again")),
        revision=_text(told.get("rev", "")),
    )


def _exited(told: Mapping[str, Any]) -> Exited:
    return Exited(
        at=told["at"],
        keeper=told["keeper"],
        pid=_whole(told["pid"]),
        code=None if told["code"] is None else _whole(told["code"]),
        up=_figure(told["up"]),
        asked=told.get("asked") is True,
        peak_memory=_whole(told.get("maxrss", 0)) * KIB,
        dropped_lines=_whole(told.get("dropped", 0)),
        left=_whole(told.get("left", 0)),
        fenced=told.get("fenced") is True,
        again_at=_moment_or_none(told.get("again")),
    )


_EVENTS: Final[Mapping[str, Callable[[Mapping[str, Any]], Happening]]] = {
    "start": _started,
    "start_failed": _start_failed,
    "exit": _exited,
    "stopping": lambda told: Stopping(
        at=told["at"], keeper=told["keeper"], pid=_whole(told["pid"]), signal=_whole(told["signal"])
    ),
    "escalate": lambda told: Escalated(at=told["at"], keeper=told["keeper"], pid=_whole(told["pid"])),
    "paused": lambda told: Paused(
        at=told["at"], keeper=told["keeper"], attempts=_whole(told["attempts"]), window=_figure(told["window"])
    ),
    "lost": lambda told: OutputLost(
        at=told["at"],
        keeper=told["keeper"],
        since=_moment(told["since"]),
        lines=_whole(told["lines"]),
        bytes=_whole(told["bytes"]),
        lasting=told.get("lasting") is True,
    ),
    "gone": lambda told: Gone(at=told["at"], keeper=told["keeper"]),
}


def _moment(value: object) -> datetime:
    seconds = _figure(value)
    if seconds > LAST:
        raise ValueError(value)  # there are zones in which it would be no date any more
    return datetime.fromtimestamp(seconds, UTC)


def _moment_or_none(value: object) -> datetime | None:
    return None if value is None else _moment(value)


def _whole(value: object) -> int:
    if type(value) is not int or not -BOUND < value < BOUND:
        raise TypeError(value)
    return value


def _figure(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < BOUND:
        raise TypeError(value)
    return float(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value.encode(errors="replace").decode()  # half a character, which no page could show


def _remembered(path: Path) -> Place:
    try:
        told = json.loads(_part(path, 0, KIB))
        place = Place(_whole(told["inode"]), _whole(told["offset"]), _text(told["head"]))
    except (ValueError, LookupError, TypeError, RecursionError):
        return Place()
    return place if place.inode >= 0 and place.offset >= 0 and len(place.head) <= 2 * HEAD else Place()


def _looks(path: Path) -> tuple[int, ...]:
    """Inode, size and time of the last change."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _identity(path: Path) -> tuple[int, int]:
    try:
        known = path.stat()
    except OSError:
        return 0, 0
    return known.st_ino, known.st_size


def _part(path: Path, offset: int, most: int) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return b""
    try:
        return os.pread(descriptor, most, offset)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
