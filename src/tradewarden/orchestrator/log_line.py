"""One line of a service's log: when it came, whose it is, what it says, and how bad that sounds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

LONGEST: Final = 16 * 1024  # bytes of a line that are shown; a longer one is cut
LEVELS: Final = ("debug", "info", "warning", "error")

_STAMP: Final = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z ")
_STAMPED: Final = 28  # characters of a stamp with the blank behind it
# Words that a program uses for a line's level: in capitals, in JSON, as key=value, in brackets, or as the first word.
_WORDS: Final = (
    ("error", rb"CRITICAL|FATAL|ERROR|SEVERE|PANIC|EMERGENCY", rb"critical|fatal|error|panic|emerg|err"),
    ("warning", rb"WARNING|WARN", rb"warning|warn"),
    ("info", rb"INFO|NOTICE", rb"info|notice"),
    ("debug", rb"DEBUG|TRACE", rb"debug|trace"),
)
_LEVEL: Final = re.compile(
    rb"|".join(
        rb"(?P<%b>\b(?:%b)\b|\blevel[\"']?\s*[=:]\s*[\"']?(?:%b)\b|[\[<](?:%b) *[\]>]|^(?:%b):%b)"
        % (name.encode(), loud, quiet, quiet, quiet, b"|^Traceback \\(most recent|^Exception in " if not i else b"")
        for i, (name, loud, quiet) in enumerate(_WORDS)
    )
)
# Most lines have none of these: looking for each is a hundred times as fast as the pattern.
_HINTS_OF_ERRORS: Final = (
    *(b"ERROR", b"err", b"CRITICAL", b"critical", b"FATAL", b"fatal", b"SEVERE", b"PANIC", b"panic"),
    *(b"EMERGENCY", b"emerg", b"Traceback", b"Exception in"),
)
_HINTS_OF_WARNINGS: Final = (*_HINTS_OF_ERRORS, b"WARN", b"warn")
_HINTS: Final = (
    *_HINTS_OF_WARNINGS,
    *(b"INFO", b"info", b"DEBUG", b"debug", b"NOTICE", b"notice", b"TRACE", b"trace"),
)
_LOOKED_AT: Final = 256  # bytes of a line: a level stands in front


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line as its keeper wrote it down; `at` is its stamp, in UTC, which sorts as text."""

    at: str
    service: str
    text: str
    level: str | None = None  # none for a line that does not say

    @property
    def came_at(self) -> datetime:
        """The stamp as a moment."""
        return datetime.fromisoformat(self.at)


def level_of(text: bytes) -> str | None:
    """Error, warning, info or debug, if the line says so."""
    front = text[:_LOOKED_AT]
    if not any(hint in front for hint in _HINTS):
        return None
    found = _LEVEL.search(front)
    return None if found is None else found.lastgroup


def may_hold(level: str, block: bytes) -> bool:
    """Whether it is worth looking at these lines one by one for some that are as bad as this."""
    match level:
        case "error":
            return any(hint in block for hint in _HINTS_OF_ERRORS)
        case "warning":
            return any(hint in block for hint in _HINTS_OF_WARNINGS)
        case _:
            return True


def read_line(raw: bytes, service: str) -> LogLine | None:
    """The line without its stamp and name; nothing for one that no keeper wrote like this."""
    if _STAMP.match(raw) is None:
        return None
    at, mark = raw[: _STAMPED - 1].decode(), b"%b " % service.encode()
    text = raw[_STAMPED:]
    text = text.removeprefix(mark) if text.startswith(mark) else text.removeprefix(mark[:-1])
    cut = text[:LONGEST].decode(errors="replace") + " …" if len(text) > LONGEST else text.decode(errors="replace")
    return LogLine(at, service, cut, level_of(text))


def stamp(moment: datetime) -> str:
    """A moment as the keepers write it."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def stamp_before(now: datetime, age: timedelta) -> bytes:
    """The stamp of a line that is so old; bytes, for comparing many lines without reading them."""
    return stamp(now - age).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which lines are wanted: those with this text in them (in any case), as bad as this, from then on."""

    text: str = ""
    level: str | None = None
    since: str = ""  # a stamp

    def has(self, line: LogLine) -> bool:
        """Whether this line is wanted; one that says no level counts as info."""
        if line.at < self.since:
            return False
        if self.level is not None and LEVELS.index(line.level or "info") < LEVELS.index(self.level):
            return False
        return not self.text or self.text.casefold() in line.text.casefold()
