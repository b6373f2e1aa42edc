"""The sign and the word of a run's outcome, for the page and the terminal; the words are those of `--outcome`."""

from __future__ import annotations

from collections.abc import Sequence
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
        "queued": "queued",
        "running": "running",
        "success": "success",
        "failed": "failed",
        "timeout": "timeout",
        "skipped": "skipped",
        "missed": "missed",
    }
)
TONES: Final = MappingProxyType(
    {"success": "pass", "running": "pass", "failed": "fail", "timeout": "fail", "missed": "warn"}
)


def after_what(schedules: Sequence[str]) -> str | None:
    """After analysis succeeded: when a job comes that waits for another one; nothing when none of it does."""
    return next((text.partition(" on ")[0] for text in schedules if text.startswith("after ")), None)
