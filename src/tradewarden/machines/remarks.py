"""What is worth a look although ticks flow: none of it is a failure, each is a sentence beside the stream's state."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from tradewarden.machines.report import DumpReport, FeedReport

LATELY: Final = timedelta(minutes=5)  # for so long an impossible tick is worth a look

_DOUBTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "price_not_positive": "a price of zero or less",
        "price_far_outside_day": "a price far outside the day's",
        "low_above_high": "a day's low above its high",
        "time_past": "a time before the last session",
        "time_future": "a time in the future: is this machine's clock slow?",
    }
)


def of_feed(feed: FeedReport, now: datetime) -> tuple[str, ...]:
    """What is odd about a stream, whatever its state."""
    remarks = []
    if feed.silent:
        who = "1 instrument is" if feed.silent == 1 else f"{feed.silent} instruments are"
        remarks.append(f"{who} silent although data is due")
    lately = sorted(kind for kind, last in feed.doubted_at.items() if now - last < LATELY)
    return (*remarks, *(f"ticks came with {_DOUBTS.get(kind, kind)}" for kind in lately))


def of_dump(dump: DumpReport, now: datetime) -> tuple[str, ...]:
    """What is odd about the instruments: a dump that was refused or did not come, rules that cannot be used."""
    remarks = []
    if dump.trouble is not None:
        remarks.append(f"the dump of {dump.wanted} is not used: {dump.trouble}; {_in_force(dump, now)}")
    if dump.rules_problem is not None:
        remarks.append(f"{dump.rules_problem}; the rules before it stay in force")
    return tuple(remarks)


def _in_force(dump: DumpReport, now: datetime) -> str:
    if dump.day is None or dump.fetched_at is None:
        return "there is none, so nothing can be chosen by rule"
    hours = max(0, (now - dump.fetched_at) // timedelta(hours=1))
    age = "less than an hour" if hours == 0 else f"{hours} hour{'' if hours == 1 else 's'}"
    return f"that of {dump.day} is, {age} old"
