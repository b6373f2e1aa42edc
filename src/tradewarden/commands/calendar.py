"""The days of the markets."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tradewarden.commands.argument import Adder, add_config, day
from tradewarden.commands.configured import door_of
from tradewarden.commands.terminal import BAD_DATA, complain, say

# ruff: noqa: PLC0415 - each command loads only what it needs, so that `status` starts fast and the daemon stays small


def _calendar(parsed: argparse.Namespace) -> int:
    from tradewarden.calendar_command import give, run, state_of
    from tradewarden.machines.calendar_file import CalendarError
    from tradewarden.orchestrator.clock import SystemClock

    now = SystemClock().now()
    if parsed.deed == "override":
        return give(parsed, *door_of(parsed), now, say=say, complain=complain)
    state = state_of(parsed.config)
    try:
        return run(parsed, state, now, say=say, complain=complain)
    except CalendarError as error:
        complain(*error.problems)
        return BAD_DATA
    except OSError as trouble:
        complain(f"{trouble.filename or state}: {trouble.strerror}")
        return 1


def _add_calendar(deeds: Any) -> None:
    def add(name: str, text: str) -> argparse.ArgumentParser:
        sub: argparse.ArgumentParser = deeds.add_parser(name, help=text, description=text)
        return sub

    def segments(sub: argparse.ArgumentParser, text: str) -> None:
        sub.add_argument("--segment", dest="segments", action="append", default=[], metavar="SEGMENT", help=text)

    def as_json(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--json", action="store_true", help="as one JSON object")

    one = add("day", "one day, phase by phase, and who says so")
    one.add_argument("date", type=day, help="such as 2026-11-10")
    coming = add("next", "where each segment stands now, and when that changes")
    segments(one, "may be given several times; default: the desk's own, else NSE_EQ and NFO")
    segments(coming, "may be given several times; default: the desk's own, else NSE_EQ and NFO")
    coming.add_argument("--all", action="store_true", help="every segment that there is a calendar for")
    for sub in (one, coming):
        as_json(sub)
    check = add("check", "read the desk's own calendar files; exit status 65 and one sentence per fault")
    check.add_argument("files", nargs="*", type=Path, help="files to read as if they lay in calendar.d")
    as_json(check)
    new = add("add", "write a holiday into calendar.d; a running daemon follows it within a second")
    new.add_argument("date", type=day, help="such as 2026-11-30")
    new.add_argument("name", help="such as 'Election day'")
    segments(new, "may be given several times; default: shares and their derivatives at NSE and BSE")
    new.add_argument("--open-from", metavar="HH:MM", help="only the day up to then is closed: an evening-only holiday")
    new.add_argument("--open-until", metavar="HH:MM", help="only the day after it is closed: a half day")
    new.add_argument(
        "--session",
        choices=["regular", "special", "muhurat", "mock"],
        help="no holiday but a session, with the usual hours or those of --open-from and --open-until",
    )
    new.add_argument("--source", help="who announced it")
    order = add("override", "tell a running daemon what a segment is for a while, whatever the calendar says")
    order.add_argument("segment")
    order.add_argument("--state", help="closed, pre_open, live, closing_auction, post_close, halted")
    order.add_argument("--expect", help="how much data is due: none, sparse, dense")
    order.add_argument("--until", help="15:30, a date and time, or +90 for minutes from now; at most seven days")
    order.add_argument("--reason", help="why: others will read it")
    order.add_argument("--lift", action="store_true", help="take the order back")
    order.add_argument("--url", help="where the daemon listens; default: its control socket")
    as_json(order)
    for sub in (one, coming, check, new, order):
        add_config(sub)


def add_calendar(add: Adder) -> None:
    """Its commands have commands of their own."""
    calendar = add("calendar", _calendar, "the days of the markets: look one up, check a file, add a holiday")
    _add_calendar(calendar.add_subparsers(title="commands", required=True, metavar="COMMAND", dest="deed"))
