"""A schedule as people write it, read into a value; what cannot be read is answered with what can."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from tradewarden.machines.schedule import (
    WEEKDAYS,
    After,
    AllDays,
    Always,
    Anchor,
    At,
    Between,
    Cron,
    Days,
    Ended,
    Every,
    Hourly,
    Market,
    NamedDays,
    Once,
    Rule,
    Schedule,
    Stretch,
    TradingDays,
)
from tradewarden.machines.schedule_spelling import meant

FORMS: Final = (
    "always",
    "between 09:15 and 15:30",
    "at 16:00",
    "hourly at :30",
    "hourly at :30 between 09:00 and 16:00",
    "every 5m",
    "every 5m between 09:15 and 15:30",
    "once 2026-11-24 10:00",
    "cron 0 9 * * 1-5",
    "15 minutes before open",
    "30 minutes after close",
    "at pre-open",
    "from 15 minutes before open to 10 minutes after close",
    "after analysis succeeded",
)
ENDINGS: Final = ("on trading days", "on trading days of NFO with muhurat", "on all days", "on mon, wed")

_CLOCK = r"(\d{1,2}:\d{2}(?::\d{2})?)"
_ANCHOR = "(pre-open|open|close)"
_OFFSET = rf"(\d+) ?(s|seconds?|m|min|minutes?|h|hours?) (before|after) {_ANCHOR}"
_WITHIN = rf"(?: between {_CLOCK} and {_CLOCK})?"
_WHOLE = re.compile(
    r"(?P<rule>.+?)(?: on (?P<days>.+?)(?: of (?P<segment>\S+?))?(?P<muhurat> with muhurat)?)?(?: in (?P<zone>\S+))?"
)
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_DAY = 24 * 3600
_FURTHEST = timedelta(hours=12)  # from a moment of the session: further is nearer to another one's


def parse(text: str, *, segment: str, zone: str, known_segments: Collection[str]) -> Schedule:
    """The schedule that was written; the desk's first segment and its zone unless it names others.

    Raises ValueError with a sentence that says what is allowed, and what was meant if a word is misspelt.
    """
    words = " ".join(text.split())

    def read(words: str) -> Schedule:
        return _read(words, segment, zone, known_segments, text)

    try:
        return read(words)
    except ValueError as error:
        near = meant(words, known_segments, partial(_is_read, read))
        if near is None:
            raise
        what, _, way = str(error).rpartition("; ")
        raise ValueError(f"{what}; did you mean {near}? {way[0].upper()}{way[1:]}") from None


def _is_read(read: Callable[[str], Schedule], words: str) -> bool:
    try:
        read(words)
    except ValueError:
        return False
    return True


def _read(words: str, segment: str, zone: str, known_segments: Collection[str], text: str) -> Schedule:
    whole = _WHOLE.fullmatch(words)
    if whole is None:
        raise ValueError(f"a schedule is missing; write one like {_told(FORMS)}")
    rule = _rule(whole["rule"])
    days = _usual_days(rule) if whole["days"] is None else _days(whole["days"], muhurat=bool(whole["muhurat"]))
    named = whole["segment"] or segment
    if named not in known_segments:
        raise ValueError(f"unknown segment {named} in {words!r}; known: {', '.join(sorted(known_segments))}")
    return Schedule(rule, days, named, _zone(whole["zone"] or zone), text)


def _told(forms: Collection[str]) -> str:
    return ", ".join(f'"{form}"' for form in forms)


def _rule(words: str) -> Rule:
    for pattern, make in _RULES:
        found = re.fullmatch(pattern, words, re.ASCII)
        if found is not None:
            return make(*found.groups())
    raise ValueError(f"{words!r} is no schedule; write one like {_told(FORMS)}, and behind it {_told(ENDINGS)}")


def _usual_days(rule: Rule) -> Days:
    """What says its days itself, or is meant to be always there, knows no holidays."""
    return AllDays() if isinstance(rule, Always | Once | Cron) else TradingDays()


def _days(words: str, *, muhurat: bool) -> Days:
    if words == "trading days":
        return TradingDays(muhurat)
    if muhurat:
        raise ValueError(f"'with muhurat' goes with trading days only, not with {words!r}")
    if words == "all days":
        return AllDays()
    names = [name.strip().lower() for name in words.split(",")]
    strange = [name for name in names if name not in WEEKDAYS]
    if strange:
        raise ValueError(f"{strange[0]!r} is no day; write trading days, all days or some of {', '.join(WEEKDAYS)}")
    weekdays = frozenset(map(WEEKDAYS.index, names))
    return AllDays() if len(weekdays) == len(WEEKDAYS) else NamedDays(weekdays)


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"unknown time zone {name!r}; write one such as Asia/Kolkata or Europe/London") from None


def _clock(text: str) -> time:
    try:
        return time.fromisoformat(text.zfill(5 if text.count(":") == 1 else 8))
    except ValueError:
        raise ValueError(f"{text} is no time of day; write one from 00:00 to 23:59") from None


def _between(begin: str, end: str) -> Between:
    if _clock(begin) == _clock(end):
        raise ValueError(f"between {begin} and {end} is no time at all; write always for the whole day")
    return Between(_clock(begin), _clock(end))


def _inside(begin: str | None, end: str | None) -> Between | None:
    return None if begin is None or end is None else _between(begin, end)


def _hourly(minute: str, begin: str | None, end: str | None) -> Hourly:
    if int(minute) > 59:  # noqa: PLR2004 (minutes of an hour)
        raise ValueError(f":{minute} is no minute of an hour; write one from :00 to :59")
    return Hourly(int(minute), _inside(begin, end))


def _every(number: str, unit: str, begin: str | None, end: str | None) -> Every:
    seconds = int(number) * _SECONDS[unit[0]]
    if not 1 <= seconds <= _DAY:
        raise ValueError(f"every {number}{unit} cannot be; write something from 1s to 24h, or days behind a time")
    return Every(seconds, _inside(begin, end))


def _once(day: str, at: str) -> Once:
    try:
        return Once(datetime.combine(date.fromisoformat(day), _clock(at)))
    except ValueError as error:
        raise ValueError(f"once {day} {at}: {error}; write it like once 2026-11-24 10:00") from None


def _cron(text: str) -> Cron:
    try:
        CronSim(text, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        told = "minute hour day-of-month month day-of-week, such as 0 9 * * 1-5"
        raise ValueError(f"cron {text}: {error}; write {told}") from None
    return Cron(text)


def _market(number: str, unit: str, side: str, anchor: str) -> Market:
    offset = timedelta(seconds=min(int(number), _DAY) * _SECONDS[unit[0]])
    if offset > _FURTHEST:
        raise ValueError(f"{number} {unit} {side} {anchor} is too far; write at most 12 hours")
    return Market(Anchor(anchor), offset if side == "after" else -offset)


def _stretch(begin: str, end: str) -> Stretch | Between:
    sides = _end(begin), _end(end)
    if isinstance(sides[0], time) and isinstance(sides[1], time):
        return _between(begin, end)
    return Stretch(*sides)


def _end(words: str) -> Market | time:
    offset = re.fullmatch(_OFFSET, words, re.ASCII)
    if offset is not None:
        return _market(*offset.groups())
    if re.fullmatch(_CLOCK, words, re.ASCII):
        return _clock(words)
    if re.fullmatch(_ANCHOR, words):
        return Market(Anchor(words))
    raise ValueError(
        f"{words!r} is no moment; write one like 09:15, open, 15 minutes before open, 10 minutes after close"
    )


_RULES: Final[tuple[tuple[str, Callable[..., Rule]], ...]] = (
    ("always", Always),
    (rf"between {_CLOCK} and {_CLOCK}", _between),
    (rf"at {_CLOCK}", lambda at: At(_clock(at))),
    (rf"at {_ANCHOR}", lambda anchor: Market(Anchor(anchor))),
    (rf"hourly at :(\d\d){_WITHIN}", _hourly),
    (rf"every (\d+) ?(s|seconds?|m|min|minutes?|h|hours?){_WITHIN}", _every),
    (rf"once (\d{{4}}-\d\d-\d\d)[ T]{_CLOCK}", _once),
    (r"cron (.+)", _cron),
    (_OFFSET, _market),
    (r"from (.+) to (.+)", _stretch),
    (r"after (\S+) (succeeded|failed|ended)(?: today)?", lambda job, ended: After(job, Ended(ended))),
)
