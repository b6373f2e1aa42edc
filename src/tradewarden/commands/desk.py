"""The desk's programs: started, stopped, looked at, listened to."""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tradewarden.commands.argument import Adder, add_config, add_door, back_to, count
from tradewarden.commands.configured import control_of, settings_of, way_of
from tradewarden.commands.down_alone import down_alone
from tradewarden.commands.looking import look_on
from tradewarden.commands.terminal import BAD_CONFIGURATION, USAGE, complain

if TYPE_CHECKING:
    from tradewarden.desk_command import Terminal
    from tradewarden.logs_away import LogsAway
    from tradewarden.settings import Settings

# ruff: noqa: PLC0415 - each command loads only what it needs, so that `status` starts fast and the daemon stays small

TIERS = ("critical", "important", "optional", "utility")
_SINCE = "from then on: 15m, 2h, 09:15 (India), 03:45Z (UTC, as on paper), or a date and time"


def add_desk(add: Adder) -> None:
    """Start, stop and the other verbs, the list, the logs, and the keepers themselves."""
    for verb, text in (
        ("start", "start services, with what they need, phase by phase; it lasts over restarts of the daemon"),
        ("stop", "stop services, the last phase first; what needs them runs on, and they stay down until started"),
        ("restart", "end services and start them anew"),
    ):
        sub = add(verb, _order, text)
        sub.add_argument("names", nargs="*", metavar="NAME", help="services, as the configuration calls them")
        sub.add_argument("--all", action="store_true", help="every service that is enabled")
        sub.add_argument("--tier", action="append", default=[], choices=TIERS, help="those of a tier; several times")
        sub.add_argument("--without", action="append", default=[], choices=TIERS, help="all but those of a tier")
        _add_way(sub, verb)
    _add_way(add("down", _order, "stop everything deliberately; it lasts until `tradewarden start --all`"), "down")

    for verb, text in (
        ("enable", "let services belong to the desk again"),
        ("disable", "leave services out of the desk, and stop them; it lasts over restarts"),
        ("auto-restart", "whether services that end are started again by themselves; it lasts over restarts"),
    ):
        sub = add(verb, _each, text)
        sub.add_argument("names", nargs="+", metavar="NAME", help="services, as the configuration calls them")
        if verb == "auto-restart":
            sub.add_argument("on", choices=["on", "off"])
        sub.set_defaults(verb=verb)
        add_door(sub)

    reload = add("reload", _reload, "read the changed file, tell what changes, and restart only what did")
    reload.add_argument("--dry", action="store_true", help="only tell")
    _add_way(reload, "reload")

    services = add("services", _services, "how each service does: state, memory, restarts, errors, and why")
    services.add_argument("--watch", type=float, metavar="SECONDS", help="tell it again every so often")
    add_door(services)
    _add_logs(add)
    add_config(add("keepers", _keepers, "only the keepers' parent, in the foreground, for a service manager"))


def _add_way(sub: argparse.ArgumentParser, verb: str) -> None:
    sub.add_argument("--no-wait", action="store_true", help="do not look on until it is done")
    sub.set_defaults(verb=verb)
    add_door(sub)


def _add_logs(add: Adder) -> None:
    logs = add("logs", _logs, "what services say, all of them together in the order in which it came")
    logs.add_argument("names", nargs="*", metavar="NAME", help="only these services; default: all")
    logs.add_argument("-f", "--follow", action="store_true", help="go on with each new line until Ctrl-C")
    logs.add_argument(
        "-n", "--lines", type=count, default=100, help="the last so many lines, up to 10000 (default 100)"
    )
    logs.add_argument("--grep", metavar="TEXT", help="only lines with this text, in any case")
    logs.add_argument("--since", metavar="WHEN", help=_SINCE)
    logs.add_argument("--level", choices=["debug", "info", "warning", "error"], help="only lines as bad as this")
    add_door(logs)


def _order(parsed: argparse.Namespace) -> int:
    from tradewarden.desk_command import order

    body: dict[str, Any] = {}
    if parsed.verb != "down":
        body = {"names": parsed.names, "all": parsed.all, "tier": parsed.tier, "without": parsed.without}
        if not any(body.values()):
            complain(f"say which: tradewarden {parsed.verb} NAME..., --all, --tier TIER or --without TIER.")
            return USAGE
    settings = way_of(parsed.config)
    if parsed.verb == "down" and parsed.url is None:
        status = down_alone(settings, as_json=parsed.json)
        if status is not None:
            return status
    work = order(_terminal(parsed, settings), parsed.verb, body, wait=not parsed.no_wait)
    return look_on(work, "it goes on without you.")


def _each(parsed: argparse.Namespace) -> int:
    from tradewarden.desk_command import each

    body = {"on": parsed.on == "on"} if parsed.verb == "auto-restart" else {}
    return asyncio.run(each(_terminal(parsed, way_of(parsed.config)), parsed.verb, parsed.names, body))


def _reload(parsed: argparse.Namespace) -> int:
    from tradewarden.desk_command import reload

    settings = settings_of(parsed.config) if parsed.url is None else way_of(parsed.config)
    if settings is None:
        return BAD_CONFIGURATION
    work = reload(_terminal(parsed, settings), dry=parsed.dry, wait=not parsed.no_wait)
    return look_on(work, "it goes on without you.")


def _terminal(parsed: argparse.Namespace, settings: Settings) -> Terminal:
    from tradewarden.desk_command import Terminal
    from tradewarden.screen import Screen

    return Terminal(control_of(parsed.url, settings), Screen(sys.stdout), complain, as_json=parsed.json)


def _services(parsed: argparse.Namespace) -> int:
    from tradewarden.screen import Screen
    from tradewarden.services_command import services

    control, screen = control_of(parsed.url, way_of(parsed.config)), Screen(sys.stdout)
    return look_on(services(control, as_json=parsed.json, every=parsed.watch, screen=screen, complain=complain))


def _logs(parsed: argparse.Namespace) -> int:
    from tradewarden.logs_command import Logs, Question
    from tradewarden.screen import Screen

    settings = way_of(parsed.config)
    since = None if parsed.since is None else back_to(parsed.since, datetime.now(UTC))
    question = Question(names=parsed.names, lines=parsed.lines, grep=parsed.grep, since=since, level=parsed.level)
    control = control_of(parsed.url, settings)
    away = (lambda: None) if parsed.url is not None else (lambda: _files(settings))
    logs = Logs(control, Screen(sys.stdout), complain, as_json=parsed.json, away=away)
    return look_on(logs.follow(question) if parsed.follow else logs.tail(question))


def _files(settings: Settings) -> LogsAway:
    """The logs' files themselves, for the daemon of these settings, without the secrets that can be found here."""
    from tradewarden import log
    from tradewarden.logs_away import LogsAway
    from tradewarden.orchestrator.environment import learn_secrets
    from tradewarden.orchestrator.job_spec import learn_of_jobs

    state, kept = settings.state_dir, settings.log_dir
    learn_of_jobs(settings.scheduled, settings.traders, state=state, log_dir=kept, learned=log.hide)
    for service in settings.programs:
        learn_secrets(service, state, log.hide)
    return LogsAway(kept)


def _keepers(parsed: argparse.Namespace) -> int:
    from tradewarden.orchestrator.keepers import run_zygote

    settings = settings_of(parsed.config)
    return BAD_CONFIGURATION if settings is None else run_zygote(settings.run_dir)
