"""The calendar file: TOML text to a Calendar, later files over earlier ones, every fault named with its key.

[segments.NSE_EQ]                      # later files may set single keys again, e.g. covered_until
zone = "Asia/Kolkata"
covered_from = 2025-01-01
covered_until = 2026-12-31

[[rules]]                              # the ordinary hours from a date on
segments = ["NSE_EQ"]
effective_from = 2025-01-01
source = "who says so"
phases = [{ name = "live.continuous", from = "09:15", to = "15:30" }]   # data_expected = "none|sparse|dense"

[[closures]]
segments = ["NSE_EQ"]
source = "who says so"
days = { 2026-05-28 = "Bakri Id" }

[[specials]]                           # replaces its day; without phases: the ordinary hours
segments = ["NSE_EQ"]
date = 2026-11-08
session = "muhurat"                    # or special, mock; regular lifts a closure
name = "Muhurat trading"
status = "provisional"                 # or confirmed, mock
source = "who says so"
phases = [{ name = "live.continuous", from = "18:15", to = "19:15" }]
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tradewarden.machines.calendar import Calendar
from tradewarden.machines.segment import Closure, Rule, Segment, Special
from tradewarden.machines.session import EXPECTED, PHASES, Phase

_SESSIONS = ("regular", "muhurat", "special", "mock")
_STATUSES = ("confirmed", "provisional", "mock")


class CalendarError(ValueError):
    """A calendar file cannot be used; the text says which file, which key, what it holds and what is allowed."""


def parse(text_by_name: Mapping[str, str]) -> Calendar:
    """The calendar that these files make together, in the given order: the later one wins."""
    drafts: dict[str, _Draft] = {}
    digest = hashlib.sha256()
    for name, text in text_by_name.items():
        digest.update(text.encode())
        try:
            content = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise CalendarError(f"{name}: not valid TOML: {error}") from None
        _add_file(drafts, _Table(name, "", content))
    segments = {segment: draft.finish(segment) for segment, draft in drafts.items()}
    return Calendar(segments, digest.hexdigest())


class _Table:
    """A table of a file that knows where it stands, so that a fault can be told to the person who edits it."""

    def __init__(self, file: str, path: str, content: dict[str, Any]) -> None:
        self.file, self.path, self.content = file, path, content

    def fault(self, key: str, wrong: str) -> CalendarError:
        where = f"{self.path}.{key}" if self.path and key else self.path or key
        return CalendarError(f"{self.file}: {where}: {wrong}")

    def only(self, *known: str) -> None:
        for key in self.content:
            if key not in known:
                raise self.fault(key, f"unknown key; known: {', '.join(known)}")

    def value(self, key: str, kind: type, wanted: str) -> Any:
        if key not in self.content:
            raise self.fault(key, f"missing; wanted: {wanted}")
        value = self.content[key]
        if type(value) is not kind or value in ("", [], {}):
            raise self.fault(key, f"{value!r} is not {wanted}")
        return value

    def text(self, key: str) -> str:
        return str(self.value(key, str, "a text in quotes"))

    def day(self, key: str) -> date:
        day: date = self.value(key, date, "a date such as 2026-12-31, without quotes")
        return day

    def choice(self, key: str, allowed: tuple[str, ...]) -> str:
        value = self.text(key)
        if value not in allowed:
            raise self.fault(key, f"{value!r} is not one of {', '.join(allowed)}")
        return value

    def tables(self, key: str) -> list[_Table]:
        found = self.content.get(key, [])
        path = f"{self.path}.{key}" if self.path else key
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise self.fault(key, f"is not a list of tables; write [[{path}]]")
        return [_Table(self.file, f"{path}[{index}]", each) for index, each in enumerate(found)]

    def table(self, key: str) -> _Table:
        found = self.content.get(key, {})
        if not isinstance(found, dict):
            raise self.fault(key, f"{found!r} is not a table")
        return _Table(self.file, f"{self.path}.{key}" if self.path else key, found)


@dataclass(slots=True)
class _Draft:
    """A segment while its files are being read."""

    facts: dict[str, Any] = field(default_factory=dict)  # zone, covered_from, covered_until
    where: _Table | None = None  # the last file that spoke of it
    rules: dict[date, Rule] = field(default_factory=dict)
    closures: dict[date, Closure] = field(default_factory=dict)
    specials: dict[date, Special] = field(default_factory=dict)

    def finish(self, segment: str) -> Segment:
        """The segment, when nothing is missing."""
        where = self.where or _Table("calendar", f"segments.{segment}", {})
        for key in ("zone", "covered_from", "covered_until"):
            if key not in self.facts:
                raise where.fault(key, "missing, and no earlier file sets it")
        begin, end = self.facts["covered_from"], self.facts["covered_until"]
        if begin > end:
            raise where.fault("covered_until", f"{end} is before covered_from, {begin}")
        rules = tuple(self.rules[day] for day in sorted(self.rules))
        if not rules or rules[0].effective_from > begin:
            raise where.fault("covered_from", f"no rule of {segment} is in force on {begin}")
        return Segment(self.facts["zone"], begin, end, rules, self.closures, self.specials)


def _add_file(drafts: dict[str, _Draft], file: _Table) -> None:
    file.only("segments", "rules", "closures", "specials")
    for segment in file.table("segments").content:
        _add_segment(drafts.setdefault(segment, _Draft()), file.table("segments").table(segment))
    for table in file.tables("rules"):
        _add_rule(_named(drafts, table), table)
    for table in file.tables("closures"):
        _add_closures(_named(drafts, table), table)
    for table in file.tables("specials"):
        _add_special(_named(drafts, table), table)


def _add_segment(draft: _Draft, table: _Table) -> None:
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


def _add_rule(named: list[_Draft], table: _Table) -> None:
    table.only("segments", "effective_from", "source", "phases")
    rule = Rule(table.day("effective_from"), _phases(table), table.text("source"))
    for draft in named:
        draft.rules[rule.effective_from] = rule


def _add_closures(named: list[_Draft], table: _Table) -> None:
    table.only("segments", "source", "days")
    source = table.text("source")
    table.value("days", dict, "a table of dates and names")
    days = table.table("days")
    for key in days.content:
        try:
            day = date.fromisoformat(key)
        except ValueError:
            raise days.fault(key, f"{key!r} is not a date such as 2026-05-28") from None
        closure = Closure(days.text(key), source)
        for draft in named:
            draft.closures[day] = closure
            draft.specials.pop(day, None)  # of an earlier file: a later closure calls its session off


def _add_special(named: list[_Draft], table: _Table) -> None:
    table.only("segments", "date", "session", "name", "status", "source", "phases")
    session, status = table.choice("session", _SESSIONS), table.choice("status", _STATUSES)
    if (session == "mock") != (status == "mock"):
        raise table.fault("status", f"{status!r} does not go with session {session!r}; a mock is a mock in both")
    phases = _phases(table) if "phases" in table.content else None
    special = Special(session, table.text("name"), status, table.text("source"), phases)
    for draft in named:
        draft.specials[table.day("date")] = special


def _named(drafts: dict[str, _Draft], table: _Table) -> list[_Draft]:
    names = table.value("segments", list, "a list of segments")
    for name in names:
        if not isinstance(name, str) or name not in drafts:
            raise table.fault("segments", f"{name!r} is not defined; known: {', '.join(drafts) or 'none'}")
    return [drafts[name] for name in names]


def _phases(table: _Table) -> tuple[Phase, ...]:
    table.value("phases", list, "a list of phases")
    phases = [_phase(each) for each in table.tables("phases")]
    for index, (before, after) in enumerate(pairwise(phases)):
        if after.begin != before.end:
            wrong = (
                "overlaps the phase before it" if after.begin < before.end else "leaves a gap after the phase before"
            )
            raise table.fault(f"phases[{index + 1}].from", f"{wrong}; a pause has a name of its own: closed.break")
    return tuple(phases)


def _phase(table: _Table) -> Phase:
    table.only("name", "from", "to", "data_expected")
    name = table.choice("name", tuple(PHASES))
    begin, end = _second(table, "from"), _second(table, "to")
    if begin >= end:
        raise table.fault("to", f"{table.content['to']!r} is not after {table.content['from']!r}")
    expected = table.choice("data_expected", EXPECTED) if "data_expected" in table.content else PHASES[name]
    return Phase(begin, end, name, expected)


def _second(table: _Table, key: str) -> int:
    text = table.text(key)
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d|24:00", text, re.ASCII):
        raise table.fault(key, f"{text!r} is not a time of day such as 09:15, at most 24:00")
    return int(text[:2]) * 3600 + int(text[3:]) * 60
