"""The calendar file: TOML text to a Calendar, later files over earlier ones, every fault told with file and line.

[segments.NSE_EQ]                      # later files may set single keys again, e.g. covered_until
zone = "Asia/Kolkata"
covered_from = 2025-01-01
covered_until = 2026-12-31

[[rules]]                              # the ordinary hours from a date on
segments = ["NSE_EQ"]
effective_from = 2025-01-01
days = ["mon", "tue"]                  # default: Monday to Friday; other days by other rules of the same date
source = "who says so"
phases = [{ name = "live.continuous", from = "09:15", to = "15:30" }]   # data_expected = "none|sparse|dense"

[[closures]]
segments = ["NSE_EQ"]
source = "who says so"
open_from = "17:00"                    # an evening-only holiday; open_until = "13:00" makes a half day
days = { 2026-05-28 = "Bakri Id" }

[[specials]]                           # replaces its day; without phases: the ordinary hours
segments = ["NSE_EQ"]
date = 2026-11-08                      # or dates = [2026-11-08, ...]
session = "muhurat"                    # or special, mock; regular lifts a closure
name = "Muhurat trading"
status = "provisional"                 # or confirmed, mock
source = "who says so"
phases = [{ name = "live.continuous", from = "18:15", to = "19:15" }]
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tradewarden.machines.calendar import Calendar
from tradewarden.machines.calendar_table import CalendarError, Table, gathered
from tradewarden.machines.segment import WEEKDAYS, Closure, Rule, Segment, Special
from tradewarden.machines.session import EXPECTED, PHASES, Phase

__all__ = ["CalendarError", "parse"]

_SESSIONS = ("regular", "muhurat", "special", "mock")
_STATUSES = ("confirmed", "provisional", "mock")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def parse(text_by_name: Mapping[str, str]) -> Calendar:
    """The calendar that these files make together, in the given order: the later one wins.

    Raises CalendarError with every fault of every file.
    """
    drafts: dict[str, _Draft] = {}
    digest = hashlib.sha256()
    faults: list[str] = []
    for name, text in text_by_name.items():
        digest.update(text.encode())
        with gathered(faults):
            _add_file(drafts, Table(name, text, "", _content(name, text)), faults)
    if faults:
        raise CalendarError(*faults)
    segments: dict[str, Segment] = {}
    for segment, draft in drafts.items():
        with gathered(faults):
            segments[segment] = draft.finish(segment)
    if faults:
        raise CalendarError(*faults)
    return Calendar(segments, digest.hexdigest())


def _content(name: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CalendarError(f"{name}: not valid TOML: {error}") from None
    except RecursionError:
        raise CalendarError(f"{name}: not valid TOML: nested too deeply") from None


@dataclass(slots=True)
class _Draft:
    """A segment while its files are being read."""

    facts: dict[str, Any] = field(default_factory=dict)  # zone, covered_from, covered_until
    where: Table | None = None  # the last file that spoke of it
    rules: list[Rule] = field(default_factory=list)
    closures: dict[date, Closure] = field(default_factory=dict)
    specials: dict[date, Special] = field(default_factory=dict)
    said: dict[tuple[object, ...], tuple[str, Table, str]] = field(default_factory=dict)  # and in which file, where

    def once(self, table: Table, key: str, what: str, *about: object) -> None:
        """Refuse a date that one file speaks of twice: nobody could tell which is meant."""
        before = self.said.get((what, *about))
        if before is not None and before[0] == table.file:
            raise table.fault(key, f"{about[0]} stands twice for one segment; first {before[1].place(before[2])}")
        self.said[what, *about] = table.file, table, key

    def finish(self, segment: str) -> Segment:
        """The segment, when nothing is missing."""
        where = self.where or Table("calendar", "", f"segments.{segment}", {})
        for key in ("zone", "covered_from", "covered_until"):
            if key not in self.facts:
                raise where.fault(key, "missing, and no earlier file sets it")
        begin, end = self.facts["covered_from"], self.facts["covered_until"]
        if begin > end:
            raise where.fault("covered_until", f"{end} is before covered_from, {begin}")
        rules = sorted(self.rules, key=lambda rule: (rule.effective_from, min(rule.days)))
        if not rules or rules[0].effective_from > begin:
            raise where.fault("covered_from", f"no rule of {segment} is in force on {begin}")
        return Segment(self.facts["zone"], begin, end, tuple(rules), self.closures, self.specials)


def _add_file(drafts: dict[str, _Draft], file: Table, faults: list[str]) -> None:
    """Read on after a fault: a person wants to hear of all of them at once."""
    with gathered(faults):
        file.only("segments", "rules", "closures", "specials")
    with gathered(faults):
        segments = file.table("segments")
        for segment in segments.content:
            with gathered(faults):
                _add_segment(drafts.setdefault(segment, _Draft()), segments.table(segment))
    for key, add in (("rules", _add_rule), ("closures", _add_closures), ("specials", _add_special)):
        with gathered(faults):
            for table in file.tables(key):
                with gathered(faults):
                    add(_named(drafts, table), table)


def _add_segment(draft: _Draft, table: Table) -> None:
    table.only("zone", "covered_from", "covered_until")
    draft.where = table
    if "zone" in table.content:
        try:
            draft.facts["zone"] = ZoneInfo(table.text("zone"))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise table.fault("zone", f"{table.content['zone']!r} is not a time zone such as Asia/Kolkata") from None
    for key in ("covered_from", "covered_until"):
        if key in table.content:
            draft.facts[key] = table.day(key)


def _add_rule(named: list[_Draft], table: Table) -> None:
    table.only("segments", "effective_from", "days", "source", "phases")
    begin, days = table.day("effective_from"), _weekdays(table)
    rule = Rule(begin, _phases(table), table.text("source"), days)
    for draft in named:
        for day in days:
            draft.once(table, "effective_from", "rule", begin, day)
        draft.rules = [old for old in draft.rules if old.effective_from != begin or not old.days & days]
        draft.rules.append(rule)


def _weekdays(table: Table) -> frozenset[int]:
    if "days" not in table.content:
        return WEEKDAYS
    names = table.value("days", list, "a list of weekdays")
    for name in names:
        if name not in _DAYS:
            raise table.fault("days", f"{name!r} is not one of {', '.join(_DAYS)}")
    return frozenset(_DAYS.index(name) for name in names)


def _add_closures(named: list[_Draft], table: Table) -> None:
    table.only("segments", "source", "open_from", "open_until", "days")
    source = table.text("source")
    hours = {key: table.second(key) if key in table.content else None for key in ("open_from", "open_until")}
    if None not in hours.values() and hours["open_from"] >= hours["open_until"]:  # type: ignore[operator]  # no none left
        raise table.fault("open_until", f"{table.content['open_until']!r} is not after open_from")
    table.value("days", dict, "a table of dates and names")
    days = table.table("days")
    for key in days.content:
        try:
            day = date.fromisoformat(key)
        except ValueError:
            raise days.fault(key, f"{key!r} is not a date such as 2026-05-28") from None
        closure = Closure(days.text(key), source, **hours)
        for draft in named:
            draft.once(days, key, "closure", day)
            draft.closures[day] = closure
            draft.specials.pop(day, None)  # of an earlier file: a later closure calls its session off


def _add_special(named: list[_Draft], table: Table) -> None:
    table.only("segments", "date", "dates", "session", "name", "status", "source", "phases")
    session, status = table.choice("session", _SESSIONS), table.choice("status", _STATUSES)
    if (session == "mock") != (status == "mock"):
        raise table.fault("status", f"{status!r} does not go with session {session!r}; a mock is a mock in both")
    phases = _phases(table) if "phases" in table.content else None
    special = Special(session, table.text("name"), status, table.text("source"), phases)
    key, days = _dates(table)
    for draft in named:
        for day in days:
            draft.once(table, key, "special", day)
            draft.specials[day] = special


def _dates(table: Table) -> tuple[str, list[date]]:
    if "dates" not in table.content:
        return "date", [table.day("date")]
    if "date" in table.content:
        raise table.fault("dates", "stands beside date; write only one of them")
    days = table.value("dates", list, "a list of dates")
    for day in days:
        if type(day) is not date:
            raise table.fault("dates", f"{day!r} is not a date such as 2026-12-31, without quotes")
    return "dates", days


def _named(drafts: dict[str, _Draft], table: Table) -> list[_Draft]:
    names = table.value("segments", list, "a list of segments")
    for name in names:
        if not isinstance(name, str) or name not in drafts:
            raise table.fault("segments", f"{name!r} is not defined; known: {', '.join(drafts) or 'none'}")
    return [drafts[name] for name in dict.fromkeys(names)]


def _phases(table: Table) -> tuple[Phase, ...]:
    table.value("phases", list, "a list of phases")
    faults: list[str] = []
    phases: list[Phase] = []
    for each in table.tables("phases"):
        with gathered(faults):
            phases.append(_phase(each))
    if faults:
        raise CalendarError(*faults)
    for index, (before, after) in enumerate(pairwise(phases)):
        if after.begin != before.end:
            wrong = (
                "overlaps the phase before it" if after.begin < before.end else "leaves a gap after the phase before"
            )
            with gathered(faults):
                raise table.fault(f"phases[{index + 1}].from", f"{wrong}; a pause has a name of its own: closed.break")
    if faults:
        raise CalendarError(*faults)
    return tuple(phases)


def _phase(table: Table) -> Phase:
    table.only("name", "from", "to", "data_expected")
    name = table.choice("name", tuple(PHASES))
    begin, end = table.second("from"), table.second("to")
    if begin >= end:
        raise table.fault("to", f"{table.content['to']!r} is not after {table.content['from']!r}")
    expected = table.choice("data_expected", EXPECTED) if "data_expected" in table.content else PHASES[name]
    return Phase(begin, end, name, expected)
