"""One short life kept for nobody, before the first real one.

What Python finds out and notes down while it runs something for the first time is then noted in the memory that all
keepers share, and not in that of each: a sixth of a keeper (measured: 2.0 and 1.7 MB for one of eleven).
"""

from __future__ import annotations

import os

from tradewarden.orchestrator.keeper import Keeper
from tradewarden.orchestrator.keeping import lock
from tradewarden.orchestrator.keeping.brief import Brief

_FACTS: dict[str, object] = {
    "name": "rehearsal",
    "argv": ["true"],
    "env": {},
    "cwd": "/",
    "user": None,
    "revision": "",
    "log_bytes": 0,
    "log_files": 0,
    "compress": False,
    "stop_signal": 15,
    "stop_seconds": 1.0,
    "restart": "never",
    "attempts": 1,
    "window": 1.0,
    "base": 1.0,
    "cap": 1.0,
    "min_uptime": 1.0,
    "once": False,
    "until": None,
}


def rehearse(run_dir: str) -> None:
    """Keep `true` for its moment in a directory that is removed again; a disk that refuses costs memory only."""
    place = os.path.join(run_dir, ".rehearsal")
    try:
        os.makedirs(place, 0o700, exist_ok=True)
        own = lock.take(os.path.join(place, "rehearsal.lock"))
        if own is None:
            return
        keeper = Keeper(Brief({**_FACTS, "log": os.path.join(place, "log")}), place, own)
        keeper.hear(b"a line\nand another\n")
        keeper.keep()
        keeper.close()
        for each in os.listdir(place):
            os.unlink(os.path.join(place, each))
        os.rmdir(place)
    except OSError:
        return
