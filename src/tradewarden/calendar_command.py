"""The calendar for a person at a terminal: what a day is, what comes next, and a holiday that was announced tonight."""

from __future__ import annotations

import asyncio
import json
import os
import re
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from tradewarden.control import Control, UnreachableError, is_problem
from tradewarden.http.market import told_day, told_moment
from tradewarden.machines.calendar import Calendar
from tradewarden.machines.calendar_file import CalendarError
from tradewarden.orchestrator.calendar import OWN, load_calendar, own_files
from tradewarden.orchestrator.clock import IST
from tradewarden.orchestrator.override_file import OVERRIDES, read_overrides
from tradewarden.orchestrator.token_file import put
from tradewarden.settings import FILES, load
from tradewarden.settings_sources import ConfigError, find
from tradewarden.settings_state import state_directory

INSTALLED = Path("/var/lib/tradewarden")  # the shipped unit's StateDirectory
USAGE = 2
BAD_DATA = 65
UNAVAILABLE = 69
EXCHANGES = ("NSE_EQ", "NSE_EQ_NOFO", "NFO", "BSE_EQ", "BFO")  # they close together
USUAL = ("NSE_EQ", "NFO")  # looked up where no settings name any

Say = Callable[[str], None]


def run(parsed: Namespace, state: Path, now: datetime, *, say: Say, complain: Say) -> int:
    """What the command line asks for. Raises CalendarError when the files as they are cannot be read."""
    match parsed.deed:
        case "day":
            return day(state, parsed.date, parsed.segments, config=parsed.config, as_json=parsed.json, say=say)
        case "next":
            chosen = parsed.segments or (() if parsed.all else None)
            return following(state, now, chosen, config=parsed.config, as_json=parsed.json, say=say)
        case "check":
            return check(state, parsed.files, as_json=parsed.json, say=say, complain=complain)
        case _:
            return add(state, parsed, say=say, complain=complain)


def state_of(config: Path | None) -> Path:
    """The state directory of the daemon whose calendar is meant: that of its settings, else the installed one's."""
    usual = state_directory(config or find(FILES))
    try:
        state = load(config).state_dir
    except ConfigError:
        state = usual  # a day can be looked up all the same
    default = state == usual and "STATE_DIRECTORY" not in os.environ
    return INSTALLED if default and not state.is_dir() and INSTALLED.exists() else state


def day(state: Path, when: date, segments: Sequence[str], *, config: Path | None, as_json: bool, say: Say) -> int:
    """One day, phase by phase, and who says so; without a segment those of the desk."""
    calendar = load_calendar(state)
    chosen = _chosen(calendar, segments or _of_the_desk(config, calendar))
    told = [told_day(calendar, segment, when) for segment in chosen]
    if as_json:
        say(json.dumps({"day": when.isoformat(), "sha256": calendar.sha256, "segments": told}))
        return 0
    for each in told:
        heading = f"{each['segment']}, {when:%a %d %b %Y}, {_zone(calendar, each['segment'])}"
        if each["status"] == "unknown":
            say(f"{heading}: not known: the {each['spans'][0]['reason']}")
            continue
        kind = "a trading day" if each["tradingDay"] else "no trading day"
        say(f"{heading}: {kind} ({each['status']}: {each['source']})")
        for span in each["spans"]:
            say(f"  {_hours(span)}  {_words(span)}")
    return 0


def following(
    state: Path, now: datetime, segments: Sequence[str] | None, *, config: Path | None, as_json: bool, say: Say
) -> int:
    """Where each segment stands now, an admin's orders included, and when that changes.

    An empty choice is every segment, none at all those of the desk.
    """
    calendar = load_calendar(state).under(read_overrides(state / OVERRIDES))
    told = []
    for segment in _chosen(calendar, _of_the_desk(config, calendar) if segments is None else segments):
        upcoming = calendar.next_state(segment, now)
        told.append(
            {"segment": segment, **told_moment(calendar.at(segment, now))}
            | {"nextState": upcoming and upcoming[1], "nextAt": upcoming and upcoming[0].isoformat()}
            | {"coveredUntil": calendar.covered_until(segment).isoformat(), "problem": calendar.problem(segment, now)}
        )
    if as_json:
        say(json.dumps({"now": now.isoformat(timespec="seconds"), "segments": told}))
        return 0
    for each in told:
        then = f"{each['nextState']} from {_moment(each['nextAt'])}" if each["nextAt"] else "nothing else in sight"
        say(f"{each['segment']}: {_words(each)}; {then}" + (f"; {each['problem']}" if each["problem"] else ""))
    return 0


def check(state: Path, files: Sequence[Path], *, as_json: bool, say: Say, complain: Say) -> int:
    """Read the desk's own files, or these as if they lay among them; one sentence a fault."""
    try:
        calendar = load_calendar(state, instead={file: _text(file) for file in files})
    except CalendarError as error:
        for problem in error.problems:
            complain(problem)
        if as_json:
            say(json.dumps({"good": False, "problems": error.problems}))
        return BAD_DATA
    read = sorted({file.name for file in (*own_files(state), *files)})
    until = {segment: calendar.covered_until(segment).isoformat() for segment in sorted(calendar.segments)}
    if as_json:
        say(json.dumps({"good": True, "files": read, "sha256": calendar.sha256, "coveredUntil": until}))
    else:
        own = f" with {', '.join(read)}" if read else ""
        say(f"The calendar is good{own}: {', '.join(f'{name} to {end}' for name, end in until.items())}.")
    return 0


def add(state: Path, parsed: Namespace, *, say: Say, complain: Say) -> int:
    """Write a holiday, a part of one or a session of its own into calendar.d, whole or not at all."""
    when, segments = parsed.date, parsed.segments or EXCHANGES
    if parsed.session is not None and (parsed.open_from is None) != (parsed.open_until is None):
        complain("a session has the usual hours, or both --open-from and --open-until")
        return USAGE
    slug = re.sub(r"[^a-z0-9]+", "-", parsed.name.lower()).strip("-")[:40] or "day"
    file = state / OWN / f"{when.isoformat()}-{slug}.toml"
    text = _toml(parsed, segments)
    try:
        calendar = load_calendar(state, instead={file: text})
    except CalendarError as error:
        complain("nothing was written:")
        for problem in error.problems:
            complain(problem)
        return BAD_DATA
    file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    put(file, text, mode=0o644)
    say(f"{file} is written; a running daemon follows it within a second.")
    for segment in segments:
        spans = told_day(calendar, segment, when)["spans"]
        hours = ", ".join(f"{_hours(span)} {span['state']}" for span in spans)
        say(f"  {segment}, {when:%a %d %b %Y}: {hours}")
    return 0


def give(parsed: Namespace, url: str | None, socket: Path | None, now: datetime, *, say: Say, complain: Say) -> int:
    """Give the daemon at this door the order that was typed."""
    order: dict[str, Any] = {"segment": parsed.segment}
    if not parsed.lift:
        if not parsed.until or not parsed.reason:
            complain("an override needs --until and --reason: it ends by itself, and others want to know why")
            return USAGE
        try:
            order["until"] = until(parsed.until, now).isoformat(timespec="seconds")
        except ValueError:
            complain(f"--until: {parsed.until!r} is no time such as 15:30, 2026-11-23T15:30 or +90")
            return USAGE
        order |= {"reason": parsed.reason, "state": parsed.state, "expect": parsed.expect}
    return asyncio.run(override(url, socket, order, lift=parsed.lift, as_json=parsed.json, say=say))


async def override(
    url: str | None, socket: Path | None, order: Mapping[str, Any], *, lift: bool, as_json: bool, say: Say
) -> int:
    """Give a running daemon an order about a segment, or take it back."""
    try:
        async with Control(url=url, socket=socket) as control:
            if lift:
                answer = await control.delete(f"/api/market/override/{order['segment']}")
            else:
                answer = await control.post("/api/market/override", dict(order))
    except UnreachableError as error:
        say(str(error))
        return UNAVAILABLE
    if is_problem(answer.body):
        say(f"the daemon refused it: {_refusal(answer.body)}")
        return 1
    if as_json:
        say(json.dumps(answer.body))
    elif lift:
        say(f"{order['segment']} follows the calendar again.")
    else:
        until = _moment(answer.body["until"])
        say(f"{order['segment']}: {_ordered(answer.body)} until {until}, then the calendar rules again.")
    return 0


def until(text: str, now: datetime) -> datetime:
    """The end of an order: a time of today, a full date and time, or minutes from now such as +90."""
    if re.fullmatch(r"\+\d{1,5}", text, re.ASCII):
        return now + timedelta(minutes=int(text[1:]))
    if re.fullmatch(r"\d{2}:\d{2}", text, re.ASCII):
        text = f"{now.astimezone(IST).date().isoformat()}T{text}"
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=IST)


def _chosen(calendar: Calendar, segments: Sequence[str]) -> list[str]:
    unknown = [name for name in segments if name not in calendar.segments]
    if unknown:
        raise CalendarError(f"{unknown[0]!r} is no segment; known: {', '.join(sorted(calendar.segments))}")
    return list(segments) or sorted(calendar.segments)


def _of_the_desk(config: Path | None, calendar: Calendar) -> Sequence[str]:
    """The segments of the settings, or those of most desks when the settings cannot be read."""
    try:
        return load(config, known_segments=calendar.segments).segments
    except ConfigError:
        return USUAL


def _zone(calendar: Calendar, segment: str) -> str:
    """The zone of a segment's hours, as a trader says it."""
    key = calendar.by_segment[segment].zone.key
    if key == IST.key:
        return "IST"
    return key if "/" not in key else f"{key.rpartition('/')[2].replace('_', ' ')} time"


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise CalendarError(f"{file}: byte {error.start} is not UTF-8 text; save the file as UTF-8") from None
    except OSError as error:
        raise CalendarError(f"{file}: cannot be read: {error.strerror}") from None


def _quoted(text: str) -> str:
    """A text in TOML; JSON's strings are TOML's, but for the escapes of what is not ASCII."""
    return json.dumps(text, ensure_ascii=False)


def _toml(parsed: Namespace, segments: Sequence[str]) -> str:
    """The file as a person would write it."""
    when, name, session = parsed.date, _quoted(parsed.name), parsed.session
    hours = {"open_from": parsed.open_from, "open_until": parsed.open_until}
    lines = [f"segments = {json.dumps(list(segments))}", f"source = {_quoted(parsed.source or 'added at a terminal')}"]
    if session is None:
        lines += [f"{key} = {_quoted(value)}" for key, value in hours.items() if value]
        return "\n".join(["[[closures]]", *lines, f"days = {{ {when} = {name} }}", ""])
    status = "mock" if session == "mock" else "confirmed"
    lines += [f"date = {when}", f'session = "{session}"', f"name = {name}", f'status = "{status}"']
    if all(hours.values()):
        begin, end = (_quoted(value) for value in hours.values())
        lines.append(f'phases = [{{ name = "live.continuous", from = {begin}, to = {end} }}]')
    return "\n".join(["[[specials]]", *lines, ""])


def _hours(span: Mapping[str, Any]) -> str:
    begin, end = (datetime.fromisoformat(span[key]) for key in ("from", "to"))
    return f"{begin:%H:%M}-{'24:00' if end.date() > begin.date() else f'{end:%H:%M}'}"


def _words(told: Mapping[str, Any]) -> str:
    due = "" if told["dataExpected"] == "none" else f", {told['dataExpected']} data due"
    session = "" if told["session"] in (None, "regular") else f", {told['session']} session"
    reason = f" ({told['reason']})" if told["reason"] not in (None, told["phase"]) else ""
    return f"{told['state']} ({told['phase']}){session}{due}{reason}"


def _ordered(order: Mapping[str, Any]) -> str:
    expect = f"{order['expect']} data due" if order["expect"] else None
    return ", ".join(filter(None, (order["state"], expect)))


def _refusal(body: Mapping[str, Any]) -> str:
    """What is wrong with which key."""
    wrong = [f"{fault.get('pointer', '').lstrip('/')} {fault['detail']}".strip() for fault in body.get("errors", ())]
    return "; ".join(wrong) or str(body.get("detail") or body["title"])


def _moment(text: str) -> str:
    """A time in the zone of the desk's own clock, which is named since a segment may live in another one."""
    return f"{datetime.fromisoformat(text).astimezone(IST):%a %d %b %Y %H:%M} IST"
