"""One short life kept for nobody, before the first real one.

What Python finds out and notes down while it runs something for the first time is then noted in the memory that all
keepers share, and not in that of each: a quarter of a keeper (measured: 2.0 MB without, 1.5 with, for one of eleven).
"""

from __future__ import annotations

import gc
import os

from tradewarden.orchestrator.keeper import Keeper
from tradewarden.orchestrator.keeping import lock
from tradewarden.orchestrator.keeping.brief import Brief, Facts
from tradewarden.orchestrator.keeping.household import Household
from tradewarden.orchestrator.keeping.status import StatusLog

_ROUNDS = 8  # so often Python runs a function before it settles how
_LINE = b"a line\nand another\n"


def rehearse(run_dir: str) -> None:
    """Keep `true` for its moment in a directory that is removed again; a disk that refuses costs memory only."""
    place = os.path.join(run_dir, ".rehearsal")
    try:
        os.makedirs(place, 0o700, exist_ok=True)
        for number in range(_ROUNDS):
            _rehearse(place, whole=number == 0)
            gc.collect()
        for each in os.listdir(place):
            os.unlink(os.path.join(place, each))
        os.rmdir(place)
    except OSError:
        return


def _rehearse(place: str, *, whole: bool) -> None:
    own = lock.take(os.path.join(place, "rehearsal.lock"))
    if own is None:
        return
    log = os.path.join(place, "log")
    facts: Facts = (
        *("rehearsal", ["true"], {}, "/", None, "", log, 0, 0),
        *(False, 15, 1.0, "never", 1, 1.0, 1.0, 1.0, 1.0, False, None, False, 0),
    )
    keeper = Keeper(Brief(facts), place, own)
    keeper.hear(_LINE)
    keeper.tick(1.0)
    keeper.tick(4.0)
    household = Household(lambda: [os.getpid()])
    for _ in range(6):
        household.look()
    household.close()
    status = StatusLog(os.path.join(place, "status"), os.path.join(place, "wake"), "rehearsal")
    status.write("start", 1.0)
    status.renew()
    keeper.keep(first=not whole, once=True)
    keeper.close()
