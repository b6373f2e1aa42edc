"""What must never be shown, taken out of whatever is written: by the names of keys, and by the values themselves.

It needs nothing of the log: whoever only checks settings loads no logger.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any
from urllib.parse import quote

HIDDEN = "[redacted]"
DEEPEST = 12  # levels of nesting that are looked through; what lies deeper is left out
SHORTEST_SECRET = 6  # anything shorter would blot out ordinary words

_NAMES = (
    r"(?:access|request|refresh|public|admin|auth)_?token|enctoken|api_?secret|api_?key|client_?secret"
    r"|secret|password|passwd|authorization|cookie|checksum"
)
_KEY = re.compile(_NAMES, re.IGNORECASE)
_VALUE = re.compile(
    rf"(?P<name>(?:{_NAMES})[\w-]*[\"'`]?\s*(?:=|:|%3D)\s*(?:(?:token|bearer|basic)\s+|b?[\"'])?)"
    r"(?:\[redacted\]|[^\s&\"'`,;)}\]])+"  # what was hidden already keeps its bracket
    r"|(?P<scheme>\btoken\s+)[\w-]+:[\w.~+/=-]+"  # Kite's own: token KEY:TOKEN
    r"|(?P<login>://)[^/\s@]+(?=@)"
    r"|(?P<other>\b(?:bearer|basic)\s+)(?=\S*[\d=])[\w.~+/=-]{8,}",  # a word without a digit is just a word
    re.IGNORECASE,
)

_secrets: dict[str, None] = {}


def hide(secret: str) -> None:
    """Never let this value through, wherever it turns up: a second line behind the names of keys."""
    if len(secret) >= SHORTEST_SECRET:
        _secrets.update(dict.fromkeys((secret, quote(secret, safe=""))))


def holds_secrets(text: str) -> bool:
    """Whether a known secret stands in it, as it is or as JSON writes it."""
    return any(secret in text or json.dumps(secret, ensure_ascii=False)[1:-1] in text for secret in _secrets)


def without_secrets(value: Any) -> Any:
    """The value of a JSON document without the known secrets, at whatever depth; nothing is guessed by names."""
    match value:
        case str():
            for secret in sorted(_secrets, key=len, reverse=True):
                value = value.replace(secret, HIDDEN)
            return value
        case dict():
            return {without_secrets(key): without_secrets(each) for key, each in value.items()}
        case list():
            return [without_secrets(each) for each in value]
        case _:
            return value


def redact(value: Any) -> Any:
    """The value without its secrets; mappings and sequences are looked through to the bottom."""
    return _redact(value, DEEPEST)


def _redact(value: Any, depth: int) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case str() | bytes() | bytearray():
            return _redact_text(value if isinstance(value, str) else value.decode(errors="replace"))
        case Mapping() if depth:
            return {
                _redact_text(str(k)): HIDDEN if _KEY.search(str(k)) else _redact(v, depth - 1) for k, v in value.items()
            }
        case Sequence() | AbstractSet() if depth:
            return [_redact(item, depth - 1) for item in value]
        case Mapping() | Sequence() | AbstractSet():
            return "[too deep]"
        case _:
            return _redact_text(value.isoformat() if isinstance(value, datetime) else str(value))


def _redact_text(text: str) -> str:
    for secret in sorted(_secrets, key=len, reverse=True):  # one may be a part of another
        text = text.replace(secret, HIDDEN)
    return _VALUE.sub(lambda found: f"{found[found.lastgroup or 0]}{HIDDEN}", text)
