"""The daemon's log: one JSON object a line, one line per thing that happened, and never a secret."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, MutableMapping
from datetime import datetime
from types import TracebackType
from typing import Any, TextIO

import orjson
import structlog

from tradewarden.redaction import HIDDEN, hide, redact

__all__ = ["HIDDEN", "configure", "hide", "redact"]

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}

Event = MutableMapping[str, Any]


def _redact_event(_logger: Any, _method: str, event: Event) -> Event:
    """The first pass; what structlog needs for itself goes through as it is."""
    kept = {key: event.pop(key) for key in ("exc_info", "_record", "_from_structlog") if key in event}
    return {**redact(event), **kept}


def _redact_traceback(_logger: Any, _method: str, event: Event) -> Event:
    """The second pass: a traceback is rendered after the first, and may quote an address with a token in it."""
    if "exception" in event:
        event["exception"] = redact(event["exception"])
    return event


def _name_library(_logger: Any, _method: str, event: Event) -> Event:
    event["logger"] = event["_record"].name
    return event


class _Line:
    """Renders one event; for the journal with the priority that journalctl filters and colours by."""

    def __init__(self, *, journal: bool) -> None:
        self._journal = journal

    def __call__(self, _logger: Any, _method: str, event: Event) -> str:
        try:
            line = orjson.dumps(event, default=str).decode()
        except TypeError:  # numbers beyond 64 bits, half characters in a file's name: rare, and not worth a lost line
            line = json.dumps(event, default=str)
        return f"<{PRIORITIES.get(str(event.get('level')), 6)}>{line}" if self._journal else line


class _Out:
    """A stream that may break without breaking the desk: lines that cannot be written are counted, and told later."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lost = 0

    def write(self, text: str) -> int:
        """Write and flush; never raises for a stream that is full, closed or gone."""
        try:
            if self._lost:
                self._stream.write(f'{{"event": "log.lost", "level": "warning", "lines": {self._lost}}}\n')
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._lost += 1
        else:
            self._lost = 0
        return len(text)

    def flush(self) -> None:
        """Each line is flushed as it is written."""


class _Plain:
    """Renders one event for a person at a terminal, at the desk's own time, which may be a simulated one."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock

    def __call__(self, _logger: Any, _method: str, event: Event) -> str:
        facts = {key: value for key, value in event.items() if key not in ("event", "level", "timestamp", "exception")}
        told = ", ".join(f"{key}={_shown(value)}" for key, value in facts.items() if value is not None)
        level = LEVELS.get(str(event.get("level")), LEVELS["error"])
        sign = "✕" if level >= LEVELS["error"] else "!" if level >= LEVELS["warning"] else "·"
        trace = f"\n{json.dumps(event['exception'], indent=1, default=str)}" if "exception" in event else ""
        return f"{self._clock():%H:%M:%S}  {sign} {_shown(event['event']):<22} {told}{trace}"


def _shown(value: object) -> str:
    """Without what would order a terminal about: some texts are programs' own."""
    return "".join(each if each.isprintable() else "?" for each in str(value))


def configure(level: str = "info", stream: TextIO | None = None, clock: Callable[[], datetime] | None = None) -> None:
    """Send every log line of ours and of the libraries through one chain to one stream (standard output).

    With a clock the lines are for a person: plain, and at its time.
    """
    target = sys.stdout if stream is None else stream
    out: Any = _Out(target)
    line: Any = _Line(journal=_is_journal(target)) if clock is None else _Plain(clock)
    traceback = structlog.tracebacks.ExceptionDictTransformer(show_locals=False, use_rich=False)  # locals hold secrets
    chain: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.MaybeTimeStamper(fmt="iso", utc=True),  # what was said early brings its own
        _redact_event,
        structlog.processors.ExceptionRenderer(traceback),
        _redact_traceback,
    ]
    structlog.configure(
        processors=[*chain, line],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_name_library, *chain],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, line],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(LEVELS[level], logging.WARNING))
    sys.excepthook = _log_crash


def _log_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What nobody caught goes the same way: the interpreter's own traceback would print it unredacted."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    structlog.get_logger().critical("daemon.crashed", exc_info=(kind, error, trace))


def _is_journal(stream: TextIO) -> bool:
    """Whether this very stream leads to the journal; the variable alone is inherited by every child of a session."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
