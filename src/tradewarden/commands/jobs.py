"""The desk's jobs: their schedules, one run now, what ran, and whether a desk stands."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from tradewarden.commands.argument import Adder, add_door, count
from tradewarden.commands.configured import control_of, way_of
from tradewarden.commands.looking import look_on
from tradewarden.commands.terminal import USAGE, complain

if TYPE_CHECKING:
    from tradewarden.desk_command import Terminal

# ruff: noqa: PLC0415 - each command loads only what it needs, so that `status` starts fast and the daemon stays small

OUTCOMES = ("queued", "running", "success", "failed", "timeout", "skipped", "missed")
TRIGGERS = ("schedule", "after", "once", "desk")
_USER = "whose job: a trader's name; default: the desk's own, or your own with a trader's token"


def add_jobs(add: Adder) -> None:
    """Schedules, run-once, end-run, history and standing."""
    _add_schedules(add)

    once = add("run-once", _run_once, "run a job once, now; refused while it runs, or when it ran within two minutes")
    once.add_argument("name", metavar="NAME", help="a job, as the configuration calls it")
    once.add_argument("--user", help=_USER)
    once.add_argument("--wait", action="store_true", help="until it has ended: exit status 0 for success, 1 otherwise")
    add_door(once)

    end = add("end-run", _end_run, "end a run that runs, or take back one that waits; what it has started ends, too")
    end.add_argument("run", metavar="RUN", help="its number, as `tradewarden history` tells it, or its job's name")
    end.add_argument("--user", help=_USER)
    add_door(end)

    history = add("history", _history, "what ran, or should have: outcome, reason, how late, how long; newest first")
    history.add_argument("--job", metavar="NAME", help="only of this job")
    history.add_argument("--user", help="only of this trader's jobs; '' for the desk's own")
    history.add_argument("--outcome", choices=OUTCOMES, help="only with this outcome")
    history.add_argument("--trigger", choices=TRIGGERS, help="only what was asked for like this")
    history.add_argument("--since", metavar="WHEN", help="due from then on: 2h, 7d, or a date and time")
    history.add_argument("--until", metavar="WHEN", help="due before then")
    history.add_argument("--before", type=count, metavar="RUN", help="the page behind the run of this number")
    history.add_argument("--limit", type=count, default=20, help="so many, up to 200 (default 20)")
    add_door(history)

    standing = add("standing", _standing, "whether a desk's jobs run on their schedules, as a whole or one by one")
    standing.add_argument("on", nargs="?", choices=["on", "off"], help="default: tell how they stand")
    standing.add_argument("job", nargs="?", metavar="JOB", help="this one by itself; default: the desk as a whole")
    standing.add_argument("--user", help=_USER)
    add_door(standing)


def _add_schedules(add: Adder) -> None:
    sub = add("schedules", _schedules, "the jobs: how each stands, when it is due, its last run, and why not today")
    sub.add_argument("name", nargs="?", metavar="NAME", help="one job, with its schedules; default: all")
    sub.add_argument("--user", help=_USER)
    sub.add_argument("--preview", type=count, metavar="N", help="the next N runs instead, with the reason for each gap")
    sub.add_argument(
        "--set", action="append", metavar="TEXT", help='its schedule from now on, such as "at 16:05"; several times'
    )
    way = sub.add_mutually_exclusive_group()
    way.add_argument("--enable", action="store_true", help="let it run on its schedule again")
    way.add_argument("--disable", action="store_true", help="let it not run, until somebody enables it")
    sub.add_argument("--dry", action="store_true", help="only tell what that would have done last month")
    add_door(sub)


def _schedules(parsed: argparse.Namespace) -> int:
    from tradewarden.schedules_command import edit, preview, schedules

    change: dict[str, Any] = {} if parsed.set is None else {"schedule": parsed.set}
    if parsed.enable or parsed.disable:
        change["enabled"] = parsed.enable
    if (change or parsed.dry) and (parsed.name is None or not change or parsed.preview is not None):
        complain("say which and what: tradewarden schedules NAME with --set TEXT, --enable or --disable.")
        return USAGE
    terminal = _terminal(parsed)
    if change:
        whose = {} if parsed.user is None else {"user": parsed.user}
        return look_on(edit(terminal, parsed.name, change | whose | {"dry": parsed.dry}))
    if parsed.preview is not None:
        return look_on(preview(terminal, parsed.name, parsed.preview))
    return look_on(schedules(terminal, parsed.name, user=parsed.user))


def _run_once(parsed: argparse.Namespace) -> int:
    from tradewarden.run_once_command import run_once

    work = run_once(_terminal(parsed), parsed.name, parsed.user, wait=parsed.wait)
    return look_on(work, "it runs on without you.", tells="history")


def _end_run(parsed: argparse.Namespace) -> int:
    from tradewarden.end_run_command import end_run

    return look_on(end_run(_terminal(parsed), parsed.run, parsed.user))


def _history(parsed: argparse.Namespace) -> int:
    from tradewarden.history_command import history

    names = ("job", "user", "outcome", "trigger", "since", "until", "before", "limit")
    filters = {name: str(getattr(parsed, name)) for name in names if getattr(parsed, name) is not None}
    return look_on(history(_terminal(parsed), filters))


def _standing(parsed: argparse.Namespace) -> int:
    from tradewarden.standing_command import standing

    change: dict[str, Any] | None = None
    if parsed.on is not None:
        change = {"on": parsed.on == "on"}
        change |= {key: getattr(parsed, key) for key in ("job", "user") if getattr(parsed, key) is not None}
    return look_on(standing(_terminal(parsed), change))


def _terminal(parsed: argparse.Namespace) -> Terminal:
    from tradewarden.desk_command import Terminal
    from tradewarden.screen import Screen

    return Terminal(control_of(parsed.url, way_of(parsed.config)), Screen(sys.stdout), complain, as_json=parsed.json)
