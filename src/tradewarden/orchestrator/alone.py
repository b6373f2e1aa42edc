"""Stops the desk's programs when no daemon is there to do it: they run on without one, so they must end without one."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tradewarden.machines.deed import KILL, stop
from tradewarden.machines.plan import plan
from tradewarden.machines.service import Service
from tradewarden.orchestrator.keepers import Keepers
from tradewarden.orchestrator.wishes import FILE, Wishes

LOOK: Final = 0.05  # seconds between two looks at the locks
UNKNOWN: Final = f"stop {signal.SIGTERM.value} 10"  # for what the configuration does not know
SLACK: Final = 5.0  # seconds that a keeper may take beyond its service's own time


def stop_alone(
    services: Sequence[Service], keepers: Keepers, state: Path, say: Callable[[str], None]
) -> tuple[str, ...]:
    """Stop all of them in the reverse order of their start, for good; the names of those that did not end.

    Raises WishesError when it could not be kept that nobody wants them any more: then nothing was stopped.
    """
    Wishes(state / FILE).set([each.name for each in services], wanted=False)
    known = {each.name: each for each in services}
    held = [name for name in keepers.names() if keepers.held(name)]
    strangers = tuple(name for name in held if name not in known)
    phases = [strangers, *plan(services).only(held).reverse.phases]
    left: list[str] = []
    for phase in phases:
        if not phase:
            continue
        say(f"stopping {', '.join(phase)}")
        for name in phase:
            keepers.command(name, stop(known[name]).line if name in known else UNKNOWN)
        slowest = max(known[name].stop_seconds if name in known else 10.0 for name in phase)
        late = _still_there(phase, keepers, slowest + SLACK)
        for name in late:
            keepers.command(name, KILL)
        left += _still_there(late, keepers, SLACK)
    return tuple(left)


def _still_there(names: Sequence[str], keepers: Keepers, seconds: float) -> tuple[str, ...]:
    """Those whose keepers live when all have left, or when the time is over."""
    until = time.monotonic() + seconds
    while (there := tuple(name for name in names if keepers.held(name))) and time.monotonic() < until:
        time.sleep(LOOK)
    return there
