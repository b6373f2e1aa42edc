"""The signals of an analysis."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewarden.commands.argument import Adder, add_door, day
from tradewarden.commands.configured import control_of, way_of
from tradewarden.commands.looking import look_on
from tradewarden.commands.terminal import complain

if TYPE_CHECKING:
    from tradewarden.control import Control
    from tradewarden.desk_command import Terminal

# ruff: noqa: PLC0415 - each command loads only what it needs, so that `status` starts fast and the daemon stays small


def add_signals(add: Adder) -> None:
    """Its commands have commands of their own."""
    signals = add("signals", _signals, "the signals of a trading day: an analysis hands them over, people look at them")
    deeds: Any = signals.add_subparsers(title="commands", required=True, metavar="COMMAND", dest="deed")

    text = "read signals as JSON on standard input; those the trading day has already are updated, never doubled"
    put = deeds.add_parser("put", help=text, description=text)
    add_door(put)

    text = "those of a trading day, which lasts from 09:00 to 09:00 of the next one"
    show = deeds.add_parser("list", help=text, description=text)
    show.add_argument("--day", type=day, help="such as 2026-11-24; default: the present one")
    add_door(show)


def _signals(parsed: argparse.Namespace) -> int:
    from tradewarden.signals_command import MOST, put, show

    terminal = _terminal(parsed)
    if parsed.deed == "list":
        return look_on(show(terminal, parsed.day))
    if sys.stdin.isatty():
        complain("reading signals from the keyboard; end with Ctrl-D.")
    raw = sys.stdin.buffer.read(MOST + 1)
    if len(raw) > MOST:
        complain(f"standard input is larger than {MOST // 1024} KB: hand over fewer signals at once.")
        return 1
    run, result = os.environ.get("TRADEWARDEN_RUN", ""), os.environ.get("TRADEWARDEN_RESULT_FILE")
    text = raw.decode("utf-8", errors="replace")
    number = int(run) if run.isdecimal() else None
    return look_on(put(terminal, text, run=number, result=Path(result) if result else None))


def _terminal(parsed: argparse.Namespace) -> Terminal:
    from tradewarden.desk_command import Terminal
    from tradewarden.screen import Screen

    return Terminal(_control(parsed), Screen(sys.stdout), complain, as_json=parsed.json)


def _control(parsed: argparse.Namespace) -> Control:
    """The way to the daemon; a job's own daemon has told the job where it is."""
    from tradewarden.control import Control

    told = os.environ.get("TRADEWARDEN_CONTROL")
    if told and parsed.url is None and parsed.config is None:
        return Control(socket=Path(told))
    return control_of(parsed.url, way_of(parsed.config))
