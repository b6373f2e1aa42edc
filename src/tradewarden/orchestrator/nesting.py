"""How deep a JSON value goes: what others send is kept and told again, and no writer of JSON goes down for ever."""

from __future__ import annotations

from typing import Any, Final

DEEPEST: Final = 64  # a list or an object within another; orjson writes 254, and our answers have some of their own


def is_too_deep(value: Any) -> bool:
    """Whether it is nested deeper than anything that is meant."""
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [inner for each in level for inner in _within(each)]
        if not level:
            return False
    return True


def _within(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
