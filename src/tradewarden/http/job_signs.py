"""The sign and the word of a run's outcome, for the page and the terminal."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

SIGNS: Final = MappingProxyType(
    {
        "queued": "⧖",
        "running": "●",
        "success": "✓",
        "failed": "✕",
        "timeout": "✕",
        "skipped": "↷",
        "missed": "!",
    }
)
WORDS: Final = MappingProxyType(
    {
        "queued": "waits",
        "running": "runs",
        "success": "success",
        "failed": "failed",
        "timeout": "took too long",
        "skipped": "skipped",
        "missed": "missed",
    }
)
TONES: Final = MappingProxyType(
    {"success": "pass", "running": "pass", "failed": "fail", "timeout": "fail", "missed": "warn"}
)
