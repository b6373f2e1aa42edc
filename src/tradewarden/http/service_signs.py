"""One sign for each state of a service, the same on the page and in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

SIGNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "down": "○",
        "waiting": "◌",
        "starting": "…",
        "up": "●",
        "stopping": "…",
        "backing_off": "↻",
        "paused": "‖",
        "done": "✓",
        "failed": "✕",
    }
)
