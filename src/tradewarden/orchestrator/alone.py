"""Stops the desk's programs when no daemon is there to do it: they run on without one, so they must end without one."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tradewarden.machines.deed import KILL, stop
from tradewarden.machines.past import Past
from tradewarden.machines.plan import plan
from tradewarden.machines.service import Service
from tradewarden.orchestrator.earshot import Earshot
from tradewarden.orchestrator.keepers import Keepers, KeepersError
from tradewarden.orchestrator.spec import spec_of
from tradewarden.orchestrator.wishes import FILE, Wishes

LOOK: Final = 0.05  # seconds between two looks at the locks
UNKNOWN: Final = f"stop {signal.SIGTERM.value} 10"  # for what the configuration does not know
SLACK: Final = 5.0  # seconds that a keeper may take beyond its service's own time


def unkept(services: Sequence[Service], keepers: Keepers) -> tuple[Service, ...]:
    """Of these, what may have outlived its keeper: the last that was written down of it is no end."""
    missing = [each for each in services if each.name in keepers.names() and not keepers.held(each.name)]
    return tuple(each for each in missing if Past(each, keepers.last(each.name)).is_unended)


def stop_alone(
    services: Sequence[Service], keepers: Keepers, state: Path, say: Callable[[str], None]
) -> tuple[str, ...]:
    """Stop all of them in the reverse order of their start, for good; the names of those that did not end.

    Raises WishesError when it could not be kept that nobody wants them any more: then nothing was stopped.
    """
    known = {each.name: each for each in services}
    held = [name for name in keepers.names() if keepers.held(name)]
    Wishes(state / FILE).set({*known, *held}, wanted=False)  # a faulty file knows of none, and is mended later
    strangers = tuple(name for name in held if name not in known)
    phases = [strangers, *plan(services).only(held).reverse.phases]
    left = [each.name for each in unkept(services, keepers) if not _fence(each, keepers)]
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
        left += [
            name
            for name in _still_there(late, keepers, SLACK)
            if name not in known or not _unseat(known[name], keepers)
        ]
    return tuple(left)


def _unseat(service: Service, keepers: Keepers) -> bool:
    """End a keeper that hangs, and what it kept; false when it hears, or cannot be ended."""
    keeper, earshot = Past(service, keepers.last(service.name)).keeper, Earshot(keepers, service.name)
    if keeper is None or earshot.is_heard() or not earshot.end(keeper):
        return False
    return not _still_there([service.name], keepers, SLACK) and _fence(service, keepers)


def _fence(service: Service, keepers: Keepers) -> bool:
    """End what outlived its keeper; false when nobody can be had who does."""
    spec = spec_of(service, {}, keepers.log_dir / f"{service.name}.log", until=0.0, fences=True)
    try:
        asyncio.run(keepers.keep(spec))
    except KeepersError:
        return False
    return not _still_there([service.name], keepers, service.stop_seconds + SLACK)


def _still_there(names: Sequence[str], keepers: Keepers, seconds: float) -> tuple[str, ...]:
    """Those whose keepers live when all have left, or when the time is over."""
    until = time.monotonic() + seconds
    while (there := tuple(name for name in names if keepers.held(name))) and time.monotonic() < until:
        time.sleep(LOOK)
    return there
