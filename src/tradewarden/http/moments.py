"""Times as a body and as a person reads them, all in IST, and ages that change seldom enough to be cached."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from tradewarden.orchestrator.clock import IST

_MINUTE, _HOUR = 60, 3600


def iso(moment: datetime) -> str:
    """2026-01-05T09:20:00+05:30."""
    return moment.astimezone(IST).isoformat(timespec="seconds")


def iso_or_none(moment: datetime | None) -> str | None:
    """The same, or nothing."""
    return None if moment is None else iso(moment)


def clock_time(moment: datetime, now: datetime, *, seconds: bool = False) -> str:
    """09:20, with the day when that is not today."""
    there, here = moment.astimezone(IST), now.astimezone(IST)
    time = f"{there:%H:%M:%S}" if seconds else f"{there:%H:%M}"
    if there.date() == here.date():
        return time
    year = "" if there.year == here.year else f" {there.year}"
    return f"{there:%a} {there.day} {there:%b}{year} {time}"


def seconds_ahead(moment: datetime, now: datetime) -> int:
    """Seconds until a moment, rounded up to a minute, below one minute to 5 s."""
    left = max(0.0, (moment - now).total_seconds())
    step = _MINUTE if left > _MINUTE else 5
    return math.ceil(left / step) * step


def tick_age(moment: datetime | None, now: datetime) -> float | None:
    """Seconds since the last tick: whole below 5, then in steps of 5, from a minute on in minutes."""
    if moment is None:
        return None
    age = max(0, math.floor((now - moment).total_seconds()))
    step = 1 if age < 5 else 5 if age < _MINUTE else _MINUTE  # noqa: PLR2004 - the steps are the sentence above
    return float(age // step * step)


def minutes_up(moment: datetime | None, now: datetime) -> float:
    """Whole minutes since a moment."""
    return 0.0 if moment is None else float(max(timedelta(), now - moment) // timedelta(minutes=1))


def hours_old(moment: datetime | None, now: datetime) -> float | None:
    """Hours since a moment, in tenths."""
    if moment is None:
        return None
    return math.floor(max(0.0, (now - moment).total_seconds()) * 10 / _HOUR) / 10
