"""Loggers for what starts before the log does: structlog takes longer to load than a desk's programs to start.

They are spoken to like any other. What is said goes on at once, as a rule; between `hold` and `tell` it is kept.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from types import ModuleType, TracebackType
from typing import Any

_held: list[Callable[[], None]] | None = None
_load: Callable[[], None] = lambda: None  # noqa: E731 - until somebody holds


class Logger:
    """One module's, or one part's; it becomes structlog's with the first word that goes on."""

    def __init__(self) -> None:
        self._log: Any = None

    def debug(self, event: str, **facts: object) -> None:
        """For whoever looks for a fault of ours."""
        self._say("debug", event, facts)

    def info(self, event: str, **facts: object) -> None:
        """Something happened."""
        self._say("info", event, facts)

    def warning(self, event: str, **facts: object) -> None:
        """Something that a person may want to look at."""
        self._say("warning", event, facts)

    def error(self, event: str, **facts: object) -> None:
        """Something that a person must do something about."""
        self._say("error", event, facts)

    def _say(self, level: str, event: str, facts: dict[str, object]) -> None:
        if _held is None:
            self._go_on(level, event, facts)
            return
        said_at = datetime.now(UTC).isoformat().replace("+00:00", "Z")  # as structlog writes it
        _held.append(lambda: self._go_on(level, event, {**facts, "timestamp": said_at}))

    def _go_on(self, level: str, event: str, facts: dict[str, object]) -> None:
        if self._log is None:
            self._log = _structlog().get_logger()
        getattr(self._log, level)(event, **facts)


def hold(load: Callable[[], None]) -> None:
    """Keep what is said until `tell`, which calls `load` to make the log; a fault that nobody catches tells it too."""
    global _held, _load
    _held, _load = [], load
    sys.excepthook = _crashed


def is_held() -> bool:
    """Whether what is said is kept: whoever is killed now has said nothing."""
    return _held is not None


def tell() -> None:
    """Make the log, and have it told what was kept; from now on everything goes on at once."""
    global _held
    if _held is None:
        return
    _structlog()
    _load()
    kept, _held = _held, None
    for each in kept:
        each()


def _structlog() -> ModuleType:
    from tradewarden.lean import import_structlog  # noqa: PLC0415 - what is held back here

    return import_structlog()


def _crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.excepthook = sys.__excepthook__
    tell()
    sys.excepthook(kind, error, trace)  # the log's own by now
