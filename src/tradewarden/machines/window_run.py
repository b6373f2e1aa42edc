"""Whether an open window wants a run: what stands is kept up in it, but what ended by itself begins no second time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from tradewarden.machines.due import Due
from tradewarden.machines.run import Outcome, Run

CLOSED: Final = "its window closed"
DISABLED: Final = "the job was disabled"
OFF: Final = "its schedule was switched off"
GONE: Final = "the job is no longer in the configuration"
NO_SUCH_JOB: Final = "has no such job any more"  # behind a trader's name
WITH_THE_DESK: Final = "with the desk"  # behind who has stopped it
STOPPED: Final = "the desk was stopped by"

SHORTEST: Final = timedelta(seconds=2)  # what closes sooner is not worth a run, nor a clock that twitches
_BY_PEOPLE: Final = ("ended by ", "it was ended by hand")


def begins_at(
    window: Due, last: Run | None, now: datetime, *, since: datetime | None, pause: float | None
) -> datetime | None:
    """Nothing of it runs, and `last` is what ran last in a window: when it is to begin in this one, if it is at all.

    `since`: when somebody let it stand anew. `pause`: seconds after which what failed begins again; none: never.
    """
    if window.until - now < SHORTEST:
        return None
    if last is None or not window.at <= last.due < window.until:
        return now
    ended = over_at(last)
    if (since is not None and (ended < since or is_desks(last))) or _gave_way(last):
        return now
    if pause is None or last.outcome not in (Outcome.FAILED, Outcome.TIMEOUT) or _said(last).startswith(_BY_PEOPLE):
        return None
    return now if ended > now else ended + timedelta(seconds=pause)  # a clock that was ahead is none that waits


def over_at(run: Run) -> datetime:
    """When it ended; when it was due, if it never ran."""
    return run.ended or run.due


def is_desks(run: Run) -> bool:
    """Whether it ended, or never began, because somebody had stopped the desk: it waits for whoever starts that."""
    return _said(run).startswith(STOPPED) or f", {WITH_THE_DESK}" in _said(run)


def _gave_way(run: Run) -> bool:
    """Whether it ended because it did not stand, or its window was another: now it stands in this one."""
    return _said(run).startswith((CLOSED, DISABLED, OFF, GONE)) or f" {NO_SUCH_JOB}" in _said(run)


def _said(run: Run) -> str:
    return run.reason or ""
