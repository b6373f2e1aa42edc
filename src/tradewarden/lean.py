"""structlog alone: it imports Twisted and rich where it finds them, and the broker's client brings Twisted along."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

UNWANTED = ("rich", "twisted")  # 5 MB of the daemon's memory, measured, for nothing that it uses


def import_structlog() -> None:
    """Import structlog as if those were not installed; call it before anything else imports structlog.

    Whoever wants them later gets them: only structlog is told that they are missing.
    """
    modules: dict[str, Any] = sys.modules
    hidden = [name for name in UNWANTED if name not in modules]
    modules.update(dict.fromkeys(hidden))  # none: the import system's own way to say "no such module"
    try:
        import_module("structlog")
    finally:
        for name in hidden:
            del modules[name]
