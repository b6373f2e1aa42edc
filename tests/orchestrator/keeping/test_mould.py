"""What keepers are forked from: each module that it loads is memory for all of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import tradewarden

SOURCES = Path(tradewarden.__file__).parents[1]
HEAVY = {"collections", "ctypes", "enum", "functools", "json", "re", "signal", "socket", "typing"}


def test_it_loads_nothing_heavy_and_nothing_of_ours_but_what_keepers_are_made_of() -> None:
    program = (
        f"import sys; sys.path.append({str(SOURCES)!r})\n"
        "from tradewarden.orchestrator.keeping import foundry\n"
        "print(*sys.modules)"
    )
    told = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True)
    loaded = set(told.stdout.split())
    assert not loaded & HEAVY
    ours = {name for name in loaded if name.startswith("tradewarden.")}
    kept = {"tradewarden.orchestrator", "tradewarden.orchestrator.keeper", "tradewarden.orchestrator.keeping"}
    assert {name for name in ours - kept if not name.startswith("tradewarden.orchestrator.keeping.")} == set()
