"""The very `tradewarden` command under a clock that was put at a chosen moment, since a bench cannot wait for Monday.

run_at.py 2026-11-23T10:00+05:30 run --config FILE
"""

from __future__ import annotations

import sys
from datetime import datetime

from tradewarden.__main__ import main
from tradewarden.orchestrator import clock

if __name__ == "__main__":
    START = datetime.fromisoformat(sys.argv[1])
    clock.SystemClock = lambda: clock.ShiftedClock(START)  # the command looks it up when it starts
    sys.exit(main(sys.argv[2:]))
