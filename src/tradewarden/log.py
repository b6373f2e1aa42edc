"""The daemon's log: one JSON object a line, one line per thing that happened, and never a secret."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, TextIO

import orjson
import structlog

HIDDEN = "[redacted]"
SHORTEST_SECRET = 6  # anything shorter would blot out ordinary words
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}

_KEY = re.compile(
    r"access_token|request_token|api_secret|enctoken|password|authorization|cookie|checksum", re.IGNORECASE
)
_VALUE = re.compile(
    r"(?P<name>(?:access_token|request_token|refresh_token|public_token|enctoken|api_secret|checksum|password)"
    r"[\"']?\s*[=:]\s*[\"']?)[^\s&\"',;)}]+"
    r"|(?P<scheme>\b(?:token|bearer|basic)\s+)[A-Za-z0-9._~+/=:-]{6,}",
    re.IGNORECASE,
)

_secrets: set[str] = set()

Event = MutableMapping[str, Any]


def hide(secret: str) -> None:
    """Never let this value through, wherever it turns up: a second line behind the names of keys."""
    if len(secret) >= SHORTEST_SECRET:
        _secrets.add(secret)


def redact(value: Any) -> Any:
    """The value without its secrets; mappings and sequences are looked through to the bottom."""
    match value:
        case str():
            return _redact_text(value)
        case Mapping():
            return {k: HIDDEN if _KEY.search(str(k)) else redact(v) for k, v in value.items()}
        case bytes():
            return _redact_text(value.decode(errors="replace"))
        case Sequence():
            return [redact(item) for item in value]
        case None | bool() | int() | float():
            return value
        case _:
            return _redact_text(str(value))


def _redact_text(text: str) -> str:
    for secret in _secrets:
        text = text.replace(secret, HIDDEN)
    return _VALUE.sub(lambda found: f"{found['name'] or found['scheme']}{HIDDEN}", text)


def _redact_event(_logger: Any, _method: str, event: Event) -> Event:
    exc_info = event.pop("exc_info", None)
    clean: Event = redact(event)
    if exc_info is not None:
        clean["exc_info"] = exc_info  # rendered next, and looked through again after that
    return clean


def _redact_rendered(_logger: Any, _method: str, event: Event) -> Event:
    if "exception" in event:
        event["exception"] = redact(event["exception"])
    return event


def _priority(_logger: Any, _method: str, event: Event) -> Event:
    event["_priority"] = PRIORITIES.get(str(event.get("level")), 6)
    return event


class _Line:
    """Renders one event; under systemd with the priority that journalctl colours by."""

    def __init__(self, *, journal: bool) -> None:
        self._journal = journal

    def __call__(self, _logger: Any, _method: str, event: Event) -> str:
        priority = event.pop("_priority", 6)
        line = orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
        return f"<{priority}>{line}" if self._journal else line


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Send every log line of ours and of the libraries through one chain to one stream (standard output)."""
    out = stream or sys.stdout
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _redact_event,
        structlog.processors.ExceptionRenderer(_frames),
        _redact_rendered,
        _priority,
    ]
    line = _Line(journal="JOURNAL_STREAM" in os.environ)
    structlog.configure(
        processors=[*shared, line],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, line],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(LEVELS[level], logging.WARNING))


def _frames(exc_info: Any) -> list[dict[str, Any]]:
    """What went wrong and where, without the values of local variables: they may be secrets."""
    frames = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)(exc_info)
    return [
        {
            "type": part["exc_type"],
            "value": part["exc_value"],
            "at": [f"{frame['filename']}:{frame['lineno']} {frame['name']}" for frame in part["frames"]],
        }
        for part in frames
    ]
