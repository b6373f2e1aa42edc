"""What becomes of due times that come at once: which run, which are missed, and in which words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tradewarden.machines.due import Due
from tradewarden.machines.run import Misfire, Outcome

LATE: Final = timedelta(seconds=5)  # a due time that is found later than this was not looked at when it came


@dataclass(frozen=True, slots=True)
class Settled:
    """Each due time in one of the two."""

    missed: tuple[tuple[datetime, str], ...] = ()
    runs: tuple[Due, ...] = ()
    outcome: Outcome = Outcome.MISSED  # of those that do not run


@dataclass(frozen=True, slots=True)
class Away:
    """Why due times come late: nobody looked at the clock, or somebody did and nothing could begin."""

    since: datetime  # nobody has looked since
    noticed: datetime  # from here on somebody looks
    zone: ZoneInfo  # in which people read the clock


def settle(dues: Sequence[Due], now: datetime, misfire: Misfire, away: Away) -> Settled:
    """Due times in their order, none of which has its outcome."""
    fresh = tuple(due for due in dues if now - due.at <= LATE)
    late = [due for due in dues if now - due.at > LATE]
    if not late:
        return Settled(runs=fresh)
    in_time = [due for due in late if now < due.until and (misfire is Misfire.RUN or _was_seen(due, away))]
    windows = [due for due in in_time if due.lasts]
    chosen = tuple(windows[-1:] or ([] if fresh else in_time[-1:]))
    many = f"{len(late)} came at once: " if len(late) > 1 else ""
    missed = tuple(
        (due.at, f"{many}{_why(due, now, away)}{_ending(now, misfire, late[-1], chosen)}")
        for due in late
        if due not in chosen
    )
    return Settled(missed, (*chosen, *fresh))


def _was_seen(due: Due, away: Away) -> bool:
    """Whether it came while somebody looked, and only could not begin."""
    return away.noticed - due.at <= LATE


def _why(due: Due, now: datetime, away: Away) -> str:
    if _was_seen(due, away):
        return f"nothing of it could begin from {_told(due.at, now, away.zone)} to {_told(now, now, away.zone)}"
    return f"nobody looked at the clock from {_told(away.since, now, away.zone)} to {_told(now, now, away.zone)}"


def _ending(now: datetime, misfire: Misfire, last: Due, chosen: tuple[Due, ...]) -> str:
    if chosen:
        return "; the last one runs" if chosen[-1] is last else "; the window among them runs"
    if misfire is Misfire.RUN:
        return ", and its time was over" if now >= last.until else "; the next one runs"
    return ", and what comes late is left out (misfire)"


def _told(moment: datetime, now: datetime, zone: ZoneInfo) -> str:
    local, today = moment.astimezone(zone), now.astimezone(zone)
    return f"{local:%H:%M:%S}" if local.date() == today.date() else f"{local:%Y-%m-%d %H:%M:%S}"
