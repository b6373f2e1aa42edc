"""What becomes of due times that come at once: which run, which are missed, and in which words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from tradewarden.machines.due import Due
from tradewarden.machines.run import Misfire

LATE: Final = timedelta(seconds=5)  # a due time that is found later than this was not looked at when it came


@dataclass(frozen=True, slots=True)
class Settled:
    """Each due time in one of the two."""

    missed: tuple[tuple[datetime, str], ...] = ()
    runs: tuple[Due, ...] = ()


def settle(dues: Sequence[Due], now: datetime, misfire: Misfire, since: datetime, zone: ZoneInfo) -> Settled:
    """Due times in their order, none of which anybody has looked at since a moment."""
    fresh = tuple(due for due in dues if now - due.at <= LATE)
    late = [due for due in dues if now - due.at > LATE]
    if not late:
        return Settled(runs=fresh)
    away = f"nobody looked at the clock from {_told(since, now, zone)} to {_told(now, now, zone)}"
    last = late[-1] if misfire is Misfire.RUN and not fresh and now < late[-1].until else None
    many = f"{len(late)} came at once: " if len(late) > 1 else ""
    ending = "; the last one runs" if last is not None else _policy(misfire, late[-1], now)
    missed = tuple((due.at, f"{many}{away}{ending}") for due in late if due is not last)
    return Settled(missed, fresh if last is None else (last,))


def _policy(misfire: Misfire, last: Due, now: datetime) -> str:
    if misfire is Misfire.RUN:
        return ", and its time was over" if now >= last.until else "; the next one runs"
    return ", and what comes late is left out (misfire)"


def _told(moment: datetime, now: datetime, zone: ZoneInfo) -> str:
    local, today = moment.astimezone(zone), now.astimezone(zone)
    return f"{local:%H:%M:%S}" if local.date() == today.date() else f"{local:%Y-%m-%d %H:%M:%S}"
